"""What happens to a loop from outside, its clock, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
import simpy

from harness.simulation import kernel as kernel_module
from harness.simulation.kernel import Kernel, SimulationError
from harness.simulation.loop import SimulatedLoop

Log = list[Any]


async def tick(log: Log, name: str, every: float = 1.0) -> None:
    try:
        while True:
            log.append((name, asyncio.get_running_loop().time()))
            await asyncio.sleep(every)
    finally:
        log.append((name, "finally"))


def run_for(kernel: Kernel, seconds: float) -> None:
    over: list[None] = []
    kernel.plan(seconds, over.append, None)
    kernel.run_until(lambda: bool(over))


def test_nothing_runs_while_paused_and_time_goes_on() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    task = loop.create_task(tick(log, "a"))
    run_for(kernel, 1.5)
    loop.pause()
    assert loop.paused
    run_for(kernel, 10)
    assert log == [("a", 0.0), ("a", 1.0)]
    assert loop.time() == 11.5
    loop.resume()
    run_for(kernel, 1.2)
    assert log[2:] == [("a", 11.5), ("a", 12.5)]
    assert not task.done()
    loop.close()


def paused_with_arrivals(kernel: Kernel, loop: SimulatedLoop, log: Log) -> None:
    loop.call_soon(log.append, "ready 1")
    loop.pause()
    loop.call_soon(log.append, "ready 2")
    kernel.plan(1.5, loop.deliver, log.append, "arrived 1")
    kernel.plan(2.0, loop.deliver_by_thread, log.append, "read")
    kernel.plan(3, loop.deliver, log.append, "arrived 2")
    run_for(kernel, 5)
    assert log == []
    loop.resume()
    loop.resume()
    run_for(kernel, 1)


def test_after_a_pause_the_timers_that_ran_out_come_before_what_arrived() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    loop.call_later(2, log.append, "timer 2")
    loop.call_later(1, lambda: (log.append("timer 1"), loop.call_soon(log.append, "after")))
    paused_with_arrivals(kernel, loop, log)
    in_time = ["ready 1", "ready 2", "read", "timer 1", "timer 2"]
    assert log[:5] == in_time
    assert sorted(log[5:]) == ["after", "arrived 1", "arrived 2"]


def test_after_a_pause_in_which_no_timer_ran_out_comes_what_arrived() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    loop.call_later(100, log.append, "timer")
    paused_with_arrivals(kernel, loop, log)
    assert log == ["ready 1", "ready 2", "read", "arrived 1", "arrived 2"]


def test_what_is_delivered_runs_in_its_loop_and_its_errors_are_the_loops() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)

    def arrive() -> None:
        log.append(asyncio.get_running_loop())
        raise ValueError("arrived")

    kernel.plan(1, loop.deliver, arrive)
    kernel.plan(1, lambda: log.append(asyncio._get_running_loop()))
    run_for(kernel, 2)
    assert log == [loop, None]
    assert [repr(error) for error in loop.errors] == ["ValueError('arrived')"]


def test_nothing_is_delivered_to_the_dead_also_not_if_they_were_paused() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    loop.pause()
    loop.deliver(log.append, "paused")
    loop.kill()
    loop.deliver(log.append, "dead")
    loop.call_soon(log.append, "soon")
    loop.call_later(1, log.append, "later")
    loop.guard(1, log.append, "guard")
    loop.resume()
    run_for(kernel, 5)
    assert log == []
    assert not loop.paused


def test_a_kill_runs_no_finally_and_neither_does_garbage_collection() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel, "victim")

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(100)
        finally:
            log.append("generator")

    async def reader() -> None:
        async for _ in items():
            pass

    tasks = [loop.create_task(tick(log, "a")), loop.create_task(reader())]
    never = loop.create_task(tick(log, "unstarted"))
    never.cancel()
    late = loop.create_task(tick(log, "late"))
    run_for(kernel, 0.5)
    loop.create_task(tick(log, "not yet started"))
    seen = list(log)
    loop.kill()
    refs = [weakref.ref(task) for task in (*tasks, late)]
    del loop, tasks, never, late
    gc.collect()
    run_for(kernel, 10)
    gc.collect()
    assert log == seen
    assert all(ref() is not None for ref in refs)
    kernel.bury()
    run_for(kernel, 1)
    gc.collect()
    assert all(ref() is None for ref in refs)


def test_a_burial_leaves_no_warning(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: Log = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    kernel, forgotten = Kernel(), []
    loop = SimulatedLoop(kernel)

    async def waits_in_finally() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            for _ in range(3):
                with contextlib.suppress(GeneratorExit):
                    await asyncio.sleep(1)
            forgotten.append(asyncio.create_task(asyncio.sleep(1)))

    async def fails_in_finally() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    async def failed() -> None:
        raise ValueError

    for coroutine in (waits_in_finally(), fails_in_finally(), failed(), waits_in_finally()):
        loop.create_task(coroutine)
    run_for(kernel, 1)
    loop.create_task(waits_in_finally())
    loop.kill()
    loop.kill()
    loop.create_task(asyncio.sleep(1))
    loop.bury()
    loop.bury()
    del loop
    gc.collect()
    assert unraisable == []
    assert capfd.readouterr() == ("", "")


def test_a_restart_is_a_new_loop_at_the_kernels_time() -> None:
    kernel, log = Kernel(), []
    first = SimulatedLoop(kernel)
    first.create_task(tick(log, "first"))
    run_for(kernel, 1.5)
    first.kill()
    second = SimulatedLoop(kernel)
    second.create_task(tick(log, "second"))
    run_for(kernel, 1.5)
    assert log == [("first", 0.0), ("first", 1.0), ("second", 1.5), ("second", 2.5)]
    second.close()
    first.bury()


@pytest.mark.parametrize(("drift", "at"), [(0.25, 8.0), (-0.5, 20.0), (0.0, 10.0)])
def test_the_timers_of_a_fast_clock_come_early_and_of_a_slow_one_late(
    drift: float, at: float
) -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel, drift=drift)
    loop.call_later(10, lambda: log.append((kernel.now, loop.time())))
    loop.call_at(10, lambda: log.append((kernel.now, loop.time())))
    loop.guard(10, lambda: log.append((kernel.now, loop.time())))
    run_for(kernel, 30)
    assert log == [(at, 10.0)] * 3


def test_a_skew_leaves_what_the_clock_shows_and_counts_from_then_on() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    handle = loop.call_later(15, lambda: log.append(("set before", kernel.now)))
    run_for(kernel, 10)
    loop.skew(1.0)
    assert loop.time() == 10.0
    loop.call_later(4, lambda: log.append(("set after", kernel.now, loop.time())))
    run_for(kernel, 10)
    assert loop.time() == 30.0
    loop.skew(0.0)
    run_for(kernel, 1)
    assert loop.time() == 31.0
    assert log == [("set after", 12.0, 14.0), ("set before", 15.0)]
    assert not handle.cancelled()


def test_timers_overshoot_by_what_is_said_of_their_moment() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel, overshoot={1.0: 0.5, 2.0: 0.25}.__getitem__)
    loop.call_later(1, lambda: log.append(kernel.now))
    loop.call_at(2, lambda: log.append(kernel.now))
    run_for(kernel, 5)
    assert log == [1.5, 2.25]


def test_guards_fire_in_their_order_unless_cancelled() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    guards = []

    def set_one(number: int) -> None:
        guards.append(loop.guard(5, lambda: log.append((number, round(kernel.now, 6)))))
        if number % 10 and number < 990:
            guards[number].cancel()

    for number in range(1000):
        kernel.plan(number * 0.1, set_one, number)
    run_for(kernel, 50)
    # All of one delay take one place in the schedule.
    assert len(kernel._queue) < 520
    run_for(kernel, 100)
    left = [number for number in range(1000) if not number % 10 or number >= 990]
    assert log == [(number, round(number * 0.1 + 5, 6)) for number in left]
    assert kernel.lanes == {}


def test_guards_of_other_delays_do_not_wait_for_each_other() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    loop.guard(5, log.append, 5)
    loop.guard(1, log.append, 1)
    loop.guard(3, log.append, 3)
    run_for(kernel, 10)
    assert log == [1, 3, 5]


def test_two_loops_take_turns_in_the_same_order_each_time() -> None:
    def once() -> Log:
        kernel, log = Kernel(), []
        loops = [SimulatedLoop(kernel, name) for name in ("a", "b")]
        for number in range(3):
            for loop in loops:
                loop.create_task(tick(log, f"{loop.name}{number}"))
        run_for(kernel, 1.5)
        seen = list(log)
        for loop in loops:
            loop.close()
        return seen

    order = ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert once() == once() == [(name, at) for at in (0.0, 1.0) for name in order]


def test_a_program_that_waits_for_ever_is_a_deadlock_that_says_so() -> None:
    loop = SimulatedLoop(Kernel())

    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(SimulationError, match="deadlock"):
        loop.run_until_complete(wait())
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_until_complete(loop.create_future())


def test_a_loop_does_not_run_inside_another() -> None:
    kernel = Kernel()
    loop, other = SimulatedLoop(kernel), SimulatedLoop(kernel)

    async def nested() -> None:
        with pytest.raises(RuntimeError, match="running already"):
            other.run_until_complete(other.create_future())

    loop.run_until_complete(nested())


async def in_a_thread() -> None:
    await asyncio.to_thread(print)


async def in_a_process() -> None:
    await asyncio.create_subprocess_exec("true")


async def in_a_shell() -> None:
    await asyncio.create_subprocess_shell("true")


async def over_a_socket() -> None:
    await asyncio.open_connection("localhost", 1)


async def as_a_server() -> None:
    await asyncio.start_server(lambda _r, _w: None, "localhost", 1)


async def with_a_signal() -> None:
    asyncio.get_running_loop().add_signal_handler(1, print)


async def with_a_descriptor() -> None:
    asyncio.get_running_loop().add_reader(0, print)


async def with_a_stop() -> None:
    asyncio.get_running_loop().stop()


@pytest.mark.parametrize(
    ("program", "what"),
    [
        (in_a_thread, "a thread"),
        (in_a_process, "a process"),
        (in_a_shell, "a process"),
        (over_a_socket, "a socket"),
        (as_a_server, "a socket"),
        (with_a_signal, "a signal"),
        (with_a_descriptor, "a file descriptor"),
        (with_a_stop, "an end of one loop alone"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_belongs_to_the_real_world_is_refused(
    program: Callable[[], Coroutine[Any, Any, None]], what: str
) -> None:
    loop = SimulatedLoop(Kernel(), "worker-3")
    with pytest.raises(SimulationError, match=rf"^worker-3: {what} \(\w+\) is not to be had"):
        loop.run_until_complete(program())


def test_every_method_of_a_loop_is_there_or_refused() -> None:
    loop = SimulatedLoop(Kernel())
    missing = [
        name
        for name, method in vars(asyncio.AbstractEventLoop).items()
        if callable(method) and getattr(SimulatedLoop, name) is method and name[0] != "_"
    ]
    assert missing == []
    assert loop.get_task_factory() is None
    assert not loop.get_debug()


def test_errors_that_nobody_caught_are_kept() -> None:
    kernel = Kernel()
    loop = SimulatedLoop(kernel)

    async def bad() -> None:
        raise ValueError("task")

    def worse() -> None:
        raise KeyError("callback")

    loop.create_task(bad())
    loop.call_soon(worse)
    run_for(kernel, 1)
    gc.collect()
    assert sorted(map(repr, loop.errors)) == ["KeyError('callback')", "ValueError('task')"]


def test_simpy_works_beside_the_loops() -> None:
    kernel, log = Kernel(), []
    loop = SimulatedLoop(kernel)
    resource, store = simpy.Resource(kernel, capacity=1), simpy.Store(kernel)

    def process(name: str) -> Any:
        with resource.request() as turn:
            yield turn
            yield kernel.timeout(1)
            log.append((name, kernel.now))
            yield store.put(name)

    def taker() -> Any:
        for _ in range(2):
            item = yield store.get()
            loop.deliver(log.append, f"took {item}")

    async def sleeper() -> Awaitable[None] | None:
        await asyncio.sleep(1.5)
        log.append(("loop", kernel.now))
        return None

    for name in "ab":
        kernel.process(process(name))
    kernel.process(taker())
    loop.create_task(sleeper())
    kernel.run(until=1.75)
    assert kernel.now == 1.75
    assert log == [("a", 1.0), "took a", ("loop", 1.5)]
    kernel.run()
    assert log[3:] == [("b", 2.0), "took b"]


def test_a_failed_process_of_simpy_raises() -> None:
    kernel = Kernel()

    def process() -> Any:
        yield kernel.timeout(1)
        raise ValueError("process")

    kernel.process(process())
    with pytest.raises(ValueError, match="process"):
        kernel.run(until=2)


def test_nothing_is_planned_for_the_past() -> None:
    kernel = Kernel()
    with pytest.raises(ValueError, match="ago"):
        kernel.plan(-1, print)
    happening = kernel.plan_at(-1, print)
    happening.cancel()
    run_for(kernel, 1)
    assert kernel.now == 1


def test_abandoned_generators_are_forgotten() -> None:
    kernel = Kernel()
    loop = SimulatedLoop(kernel)

    async def items() -> AsyncIterator[int]:
        yield 1

    async def many() -> None:
        for _ in range(1000):
            async for _ in items():
                pass

    loop.run_until_complete(many())
    assert len(kernel.generators._known) <= 64


@pytest.mark.simulated
async def test_a_marked_test_runs_in_virtual_time() -> None:
    await asyncio.sleep(1e6)
    assert isinstance(asyncio.get_running_loop(), SimulatedLoop)


def test_a_program_that_never_lets_time_go_on_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    monkeypatch.setattr(kernel_module, "MOST_ROUNDS", 50)
    loop = SimulatedLoop(Kernel(), "worker-3")
    with pytest.raises(SimulationError, match=r"time stands still at 0 s: worker-3 always had"):
        loop.run_until_complete(spin())
    loop.close()


def test_what_was_refused_is_known_though_the_error_was_swallowed() -> None:
    async def program() -> None:
        with contextlib.suppress(Exception):
            await asyncio.to_thread(print)

    loop = SimulatedLoop(Kernel(), "worker-3")
    loop.run_until_complete(program())
    (breach,) = loop.kernel.breaches
    assert breach.startswith("worker-3: a thread (run_in_executor)")
    assert "test_loop.py" in breach
    loop.close()
