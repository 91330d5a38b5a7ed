"""Small asyncio programs that append to a log what they do."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Log = list[Any]
Program = Callable[[Log], Awaitable[None]]

PROGRAMS: list[Program] = []
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


async def nap(log: Log, name: str, seconds: float) -> str:
    try:
        await asyncio.sleep(seconds)
        log.append(name)
    except asyncio.CancelledError:
        log.append(f"{name} cancelled")
        raise
    finally:
        log.append(f"{name} finally")
    return name


async def fail(log: Log, name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    log.append(f"{name} fails")
    raise ValueError(name)


@program
async def sleeps_end_in_the_order_of_their_length(log: Log) -> None:
    await asyncio.gather(*(nap(log, str(s), s) for s in (0.3, 0.1, 0.2, 0.0, 0.15)))


@program
async def equal_deadlines_fire_in_the_order_of_their_setting(log: Log) -> None:
    await asyncio.gather(*(nap(log, name, 0.5) for name in "abc"))


@program
async def soon_comes_before_a_timer_of_zero(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0, log.append, "later 0")
    loop.call_soon(log.append, "soon 1")
    loop.call_soon(lambda: loop.call_soon(log.append, "soon of soon"))
    loop.call_soon(log.append, "soon 2")
    loop.call_later(0.1, log.append, "later 0.1")
    loop.call_at(loop.time() + 0.05, log.append, "at 0.05")
    await asyncio.sleep(0.2)


@program
async def yielding_interleaves_tasks(log: Log) -> None:
    async def count(name: str, times: int) -> None:
        for i in range(times):
            log.append((name, i))
            await asyncio.sleep(0)

    await asyncio.gather(count("a", 3), count("b", 2), count("c", 4))


@program
async def a_task_may_be_cancelled_at_every_point(log: Log) -> None:
    async def steps(number: int) -> None:
        try:
            log.append((number, "start"))
            await asyncio.sleep(0)
            log.append((number, "second"))
            await asyncio.sleep(0.1)
            log.append((number, "third"))
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            log.append((number, "cancelled"))
            await asyncio.sleep(0.01)
            log.append((number, "cleaned"))
            raise

    for number, wait in enumerate((None, 0, 0.05, 0.1, 0.15, 0.2, 0.25)):
        task = asyncio.create_task(steps(number))
        if wait is not None:
            await asyncio.sleep(wait)
        log.append(task.cancel())
        try:
            await task
        except asyncio.CancelledError:
            log.append("seen")


@program
async def a_cancellation_may_be_swallowed(log: Log) -> None:
    async def stubborn() -> str:
        for _ in range(2):
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError as error:
                log.append(("no", error.args))
        return "done"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel("please")
    await asyncio.sleep(0)
    task.cancel("really")
    log.append((await task, task.cancelling(), task.cancelled()))


@program
async def what_is_shielded_goes_on(log: Log) -> None:
    inner = asyncio.create_task(nap(log, "inner", 0.2))
    outer = asyncio.ensure_future(asyncio.shield(inner))
    await asyncio.sleep(0.1)
    outer.cancel()
    try:
        await outer
    except asyncio.CancelledError:
        log.append("outer cancelled")
    log.append(await inner)


@program
async def gather_raises_the_first_error_and_leaves_the_rest(log: Log) -> None:
    rest = asyncio.create_task(nap(log, "rest", 0.3))
    try:
        await asyncio.gather(nap(log, "a", 0.1), fail(log, "b", 0.2), rest)
    except ValueError as error:
        log.append(repr(error))
    log.append(await rest)
    log.append(
        [
            repr(result)
            for result in await asyncio.gather(
                fail(log, "c", 0.1), nap(log, "d", 0.1), return_exceptions=True
            )
        ]
    )


@program
async def a_gather_is_cancelled_as_a_whole(log: Log) -> None:
    both = asyncio.gather(nap(log, "a", 1), nap(log, "b", 2))
    await asyncio.sleep(0.5)
    both.cancel()
    try:
        await both
    except asyncio.CancelledError:
        log.append("both")


@program
async def wait_returns_at_the_first(log: Log) -> None:
    tasks = [asyncio.create_task(nap(log, n, s)) for n, s in (("a", 0.3), ("b", 0.1), ("c", 0.2))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    log.append(sorted(task.result() for task in done))
    done, pending = await asyncio.wait(pending, timeout=0.15)
    log.append((len(done), len(pending)))
    bad = asyncio.create_task(fail(log, "bad", 0.01))
    done, _ = await asyncio.wait([*pending, bad], return_when=asyncio.FIRST_EXCEPTION)
    log.append([repr(task.exception()) for task in done])
    await asyncio.wait(tasks)


@program
async def wait_for_ends_what_takes_too_long(log: Log) -> None:
    for patience in (0.05, 0.2, 0, None):
        try:
            log.append(await asyncio.wait_for(nap(log, f"in {patience}", 0.1), patience))
        except TimeoutError:
            log.append("too long")


@program
async def nested_timeouts_each_end_their_own(log: Log) -> None:
    for outer, inner in ((0.3, 0.1), (0.1, 0.3), (0.1, 0.1)):
        try:
            async with asyncio.timeout(outer) as far:
                try:
                    async with asyncio.timeout(inner) as near:
                        await nap(log, "long", 1)
                except TimeoutError:
                    log.append(("inner", near.expired(), far.expired()))
                await asyncio.sleep(0.05)
                log.append("after")
        except TimeoutError:
            log.append(("outer", near.expired(), far.expired()))


@program
async def a_timeout_comes_before_a_sleep_that_ends_with_it(log: Log) -> None:
    # The shift is such that adding and subtracting it again changes the last digit.
    for seconds in (0.1, 0.7, 1.1, 2.3):
        await asyncio.sleep(0.1)
        try:
            async with asyncio.timeout(seconds):
                await nap(log, "same", seconds)
        except TimeoutError:
            log.append("timeout")


@program
async def a_timeout_may_be_rescheduled(log: Log) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(0.1) as limit:
        limit.reschedule(loop.time() + 0.5)
        await nap(log, "a", 0.3)
        limit.reschedule(None)
        await nap(log, "b", 0.5)
    try:
        async with asyncio.timeout(10) as limit:
            limit.reschedule(loop.time() - 1)
            await nap(log, "c", 0.1)
    except TimeoutError:
        log.append("at once")


@program
async def a_task_group_ends_all_when_one_fails(log: Log) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            # One alone: asyncio's own loop cancels several in the order of their addresses.
            group.create_task(nap(log, "a", 1))
            group.create_task(nap(log, "b", 0.2))
            group.create_task(fail(log, "d", 0.5))
            await nap(log, "body", 2)
    except* ValueError as errors:
        log.append([repr(error) for error in errors.exceptions])


@program
async def a_task_group_is_cancelled_from_outside(log: Log) -> None:
    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(nap(log, "only", 1))

    task = asyncio.create_task(group())
    await asyncio.sleep(0.1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        log.append(("cancelled", task.cancelling()))


@program
async def an_event_wakes_all(log: Log) -> None:
    event = asyncio.Event()

    async def waiter(name: str) -> None:
        await event.wait()
        log.append(name)

    tasks = [asyncio.create_task(waiter(name)) for name in "abc"]
    await asyncio.sleep(0.1)
    tasks[1].cancel()
    event.set()
    log.append("set")
    await asyncio.wait(tasks)


@program
async def a_condition_wakes_as_many_as_it_is_told(log: Log) -> None:
    condition = asyncio.Condition()

    async def waiter(name: str) -> None:
        async with condition:
            await condition.wait()
            log.append(name)

    tasks = [asyncio.create_task(waiter(name)) for name in "abcd"]
    await asyncio.sleep(0)
    async with condition:
        condition.notify(2)
    await asyncio.sleep(0.1)
    log.append("all")
    async with condition:
        condition.notify_all()
    await asyncio.gather(*tasks)


@program
async def a_lock_is_handed_on_in_order(log: Log) -> None:
    lock = asyncio.Lock()

    async def holder(name: str) -> None:
        async with lock:
            await nap(log, name, 0.1)

    tasks = [asyncio.create_task(holder(name)) for name in "abcd"]
    await asyncio.sleep(0.15)
    tasks[2].cancel()
    await asyncio.wait(tasks)


@program
async def a_semaphore_lets_as_many_in_as_it_holds(log: Log) -> None:
    semaphore = asyncio.Semaphore(2)

    async def holder(name: str, seconds: float) -> None:
        async with semaphore:
            await nap(log, name, seconds)

    await asyncio.gather(
        *(holder(n, s) for n, s in zip("abcde", (0.3, 0.1, 0.1, 0.4, 0.1), strict=True))
    )


@program
async def a_queue_keeps_the_order(log: Log) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(2)

    async def producer() -> None:
        for item in range(6):
            await queue.put(item)
            log.append(f"put {item}")

    async def consumer(name: str) -> None:
        while True:
            item = await queue.get()
            log.append((name, item))
            await asyncio.sleep(0.1)
            queue.task_done()

    consumers = [asyncio.create_task(consumer(name)) for name in "ab"]
    await producer()
    await queue.join()
    for task in consumers:
        task.cancel()
    await asyncio.wait(consumers)


@program
async def a_barrier_lets_go_of_all_at_once(log: Log) -> None:
    barrier = asyncio.Barrier(3)

    async def party(seconds: float) -> None:
        await asyncio.sleep(seconds)
        log.append((seconds, await barrier.wait()))

    await asyncio.gather(*(party(seconds) for seconds in (0.3, 0.1, 0.2, 0.6, 0.4, 0.5)))


async def numbers(log: Log, name: str) -> AsyncIterator[int]:
    try:
        for number in range(10):
            yield number
            await asyncio.sleep(0.1)
    finally:
        log.append(f"{name} closing")
        await asyncio.sleep(0.1)
        log.append(f"{name} closed")


@program
async def an_async_generator_is_closed_when_told(log: Log) -> None:
    generator = numbers(log, "told")
    async for number in generator:
        log.append(number)
        if number == 2:
            break
    await generator.aclose()  # type: ignore[attr-defined]
    log.append("after")


@program
async def an_abandoned_async_generator_is_closed_by_the_loop(log: Log) -> None:
    async for number in numbers(log, "abandoned"):
        log.append(number)
        if number == 1:
            break
    log.append("left")
    await asyncio.sleep(0.05)
    log.append("meanwhile")
    await asyncio.sleep(0.2)


@program
async def async_generators_are_shut_down_in_the_end(log: Log) -> None:
    kept = numbers(log, "kept")
    log.append(await anext(kept))
    await asyncio.get_running_loop().shutdown_asyncgens()
    log.append([number async for number in kept])


@program
async def each_task_has_its_own_context(log: Log) -> None:
    async def child(name: str) -> None:
        log.append((name, variable.get()))
        variable.set(name)
        await asyncio.sleep(0.1)
        log.append((name, variable.get()))

    variable.set("parent")
    await asyncio.gather(child("a"), child("b"))
    log.append(variable.get())


@program
async def an_empty_context_is_kept(log: Log) -> None:
    async def child() -> None:
        log.append(variable.get())
        variable.set("child")
        await asyncio.sleep(0.1)
        log.append(variable.get())

    variable.set("parent")
    empty = contextvars.Context()
    await asyncio.create_task(child(), context=empty)
    log.append((variable.get(), empty.get(variable)))
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: log.append(variable.get()), context=contextvars.Context())
    loop.call_later(0.1, lambda: log.append(variable.get()), context=contextvars.Context())
    await asyncio.sleep(0.2)


@program
async def an_error_of_a_callback_stops_nobody(log: Log) -> None:
    loop = asyncio.get_running_loop()

    def bad() -> None:
        log.append("bad")
        raise ValueError("bad")

    loop.call_soon(bad)
    loop.call_soon(log.append, "next")
    loop.call_later(0.1, bad)
    await asyncio.sleep(0.2)
    log.append("last")


@program
async def a_task_starts_in_the_next_round(log: Log) -> None:
    task = asyncio.create_task(nap(log, "task", 0))
    log.append("created")
    await asyncio.sleep(0)
    log.append("yielded")
    log.append(await task)


@program
async def a_task_cancelled_before_its_start_never_starts(log: Log) -> None:
    task = asyncio.create_task(nap(log, "never", 0))
    task.cancel()
    await asyncio.wait([task])
    log.append(task.cancelled())


@program
async def callbacks_of_a_future_run_in_their_order(log: Log) -> None:
    future = asyncio.get_running_loop().create_future()

    def third(_: object) -> None:
        log.append(3)

    future.add_done_callback(lambda _: log.append(1))
    future.add_done_callback(lambda _: log.append(2))
    future.add_done_callback(third)
    future.add_done_callback(lambda _: log.append(4))
    log.append(future.remove_done_callback(third))
    future.set_result(None)
    log.append("set")
    await future
    log.append("awaited")
    future.add_done_callback(lambda _: log.append("late"))
    await asyncio.sleep(0)


@program
async def as_completed_yields_in_the_order_of_the_end(log: Log) -> None:
    tasks = [asyncio.create_task(nap(log, str(s), s)) for s in (0.3, 0.1, 0.2)]
    for first in asyncio.as_completed(tasks):
        log.append(await first)
    try:
        for first in asyncio.as_completed([asyncio.create_task(nap(log, "x", 1))], timeout=0.5):
            await first
    except TimeoutError:
        log.append("too long")


@program
async def cancelled_timers_do_not_fire(log: Log) -> None:
    loop = asyncio.get_running_loop()
    handles = [loop.call_later(0.1 * i, log.append, i) for i in range(1, 6)]
    handles.append(loop.call_soon(log.append, "soon"))
    for handle in handles[::2]:
        handle.cancel()
    handles[-1].cancel()
    await asyncio.sleep(1)
    log.append([handle.cancelled() for handle in handles])


@program
async def what_is_ready_at_the_end_still_runs(log: Log) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(lambda _: log.append("done"))
    loop.call_soon(log.append, "ready")
    loop.call_soon(lambda: loop.call_soon(log.append, "too late"))
    log.append("end")
