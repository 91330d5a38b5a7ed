"""What the simulated Postgres shows beyond what can be asked of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import pytest

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.postgres import simulated
from harness.coordinators.postgres.port import Claim, PostgresPort
from harness.coordinators.postgres.simulated import (
    Keepalive,
    SimulatedPostgres,
    SimulatedPostgresClient,
)
from harness.coordinators.timing import Timing, uniform_timing
from harness.simulation.kernel import Kernel
from harness.simulation.latency import Latency
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link, Way

T = TypeVar("T")

OPERATIONS = tuple("try_advisory_lock advisory_unlock enqueue claim complete give_back".split())
TIMING = uniform_timing(OPERATIONS, 0.002, 0.0005)
SHORT = Keepalive(idle=60.0, interval=5.0, count=3)


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


@dataclass
class Worker:
    """One worker's loop, and its port over a link of its own."""

    loop: SimulatedLoop
    link: Link
    port: SimulatedPostgresClient

    def does(self, operation: Coroutine[Any, Any, T]) -> T:
        result: T = self.loop.run_until_complete(operation)
        return result

    def locks(self, name: str) -> bool:
        return self.does(self.port.try_advisory_lock(name)) is not None

    def claims(self) -> Claim | None:
        return self.does(self.port.claim())

    def starts(self, operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let it run beside what else is done."""

        async def start() -> asyncio.Task[T]:
            return asyncio.ensure_future(operation)

        return self.does(start())

    def dies(self) -> None:
        self.loop.kill()
        self.link.hang_up()


@dataclass
class World:
    timing: Timing = TIMING
    keepalive: Keepalive = SHORT
    seed: int = 0
    kernel: Kernel = field(default_factory=Kernel)
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = SimulatedPostgres(self.kernel, self.timing, self.keepalive)
        self.own = SimulatedLoop(self.kernel, "world")

    def worker(self) -> Worker:
        number = len(self.workers)
        loop = SimulatedLoop(self.kernel, f"worker-{number}")
        link = Link(self.kernel, Random(f"link/{number}"))
        random = Random(f"{self.seed}/{number}")
        port = loop.run_until_complete(simulated.connect(self.server, link, random, 1.0, Silent()))
        self.workers.append(Worker(loop, link, port))
        return self.workers[-1]

    def two(self) -> tuple[Worker, Worker]:
        return self.worker(), self.worker()

    def passes(self, seconds: float) -> None:
        self.own.run_until_complete(asyncio.sleep(seconds))


def claimed(worker: Worker) -> Claim:
    claim = worker.claims()
    assert claim is not None
    return claim


def test_keepalive_ends_a_silent_session_after_the_last_probe_and_not_before() -> None:
    world = World()
    a, b = world.two()
    lock = a.does(a.port.try_advisory_lock("report"))
    assert lock is not None
    a.link.cut()
    world.passes(60.0 + 3 * 5.0 - 0.1)
    assert not b.locks("report")
    world.passes(0.1)
    assert b.locks("report")
    a.link.heal()
    world.passes(0.01)
    assert not a.does(a.port.advisory_unlock(lock))
    assert a.locks("other")


@pytest.mark.parametrize("way", list(Way))
def test_keepalive_needs_both_ways(way: Way) -> None:
    world = World()
    a, b = world.two()
    assert a.locks("report")
    a.link.cut(way)
    world.passes(76.0)
    assert b.locks("report")


def test_keepalive_starts_anew_when_a_probe_is_answered() -> None:
    world = World()
    a, b = world.two()
    assert a.locks("report")
    for _ in range(20):
        # Two probes at most.
        a.link.cut()
        world.passes(9.0)
        a.link.heal()
        world.passes(9.0)
    assert not b.locks("report")


def test_keepalive_counts_anew_after_a_request() -> None:
    world = World()
    a, b = world.two()
    assert a.locks("report")
    a.link.cut()
    world.passes(71.0)
    a.link.heal()
    assert a.locks("other")
    a.link.cut()
    world.passes(74.9)
    assert not b.locks("report")
    world.passes(0.2)
    assert b.locks("report")


def test_the_kernel_of_a_paused_worker_answers_the_probes() -> None:
    world = World()
    a, b = world.two()
    assert a.locks("report")
    a.loop.pause()
    world.passes(1000.0)
    assert not b.locks("report")


def test_by_default_a_silent_session_is_kept_for_more_than_two_hours() -> None:
    world = World(keepalive=Keepalive())
    a, b = world.two()
    assert a.locks("report")
    a.link.cut()
    world.passes(7200.0 + 9 * 75.0 - 1.0)
    assert not b.locks("report")
    world.passes(1.0)
    assert b.locks("report")


def test_keepalive_gives_the_run_of_a_silent_session_to_others() -> None:
    world = World()
    a, b = world.two()
    a.does(a.port.enqueue("report", 0.5))
    claim = claimed(a)
    a.link.cut()
    world.passes(76.0)
    assert claimed(b).job == "report"
    a.link.heal()
    world.passes(0.01)
    assert not a.does(a.port.complete(claim))


def test_a_client_that_is_closed_during_a_claim_of_nothing_leaves_no_session() -> None:
    world = World()
    a = world.worker()
    assert a.claims() is None
    claiming = a.starts(a.port.claim())
    world.passes(0.001)
    a.does(a.port.close())
    world.passes(0.1)
    assert claiming.result() is None
    assert not any(world.server.forget(str(pid)) for pid in range(10))


def test_what_a_killed_worker_held_is_free_as_soon_as_its_close_arrives() -> None:
    world = World()
    a, b = world.two()
    a.does(a.port.enqueue("report", 0.5))
    assert a.locks("report")
    claimed(a)
    a.dies()
    assert b.locks("report")
    assert claimed(b).job == "report"


def test_a_killed_worker_keeps_what_it_held_while_its_requests_are_cut() -> None:
    world = World()
    a, b = world.two()
    a.does(a.port.enqueue("report", 0.5))
    assert a.locks("report")
    claimed(a)
    a.link.cut(Way.REQUESTS)
    a.dies()
    world.passes(30.0)
    assert not b.locks("report")
    assert b.claims() is None
    a.link.heal()
    world.passes(0.001)
    assert b.locks("report")
    assert claimed(b).job == "report"


def test_a_commit_that_was_on_its_way_is_done_when_the_link_heals() -> None:
    world = World()
    a, b = world.two()
    a.does(a.port.enqueue("report", 0.5))
    claim = claimed(a)
    completing = a.starts(a.port.complete(claim))
    # Half of the round trip is the update's.
    world.passes(0.0011)
    a.link.cut(Way.REQUESTS)
    world.passes(1.5)
    assert isinstance(completing.exception(), Indeterminate)
    assert b.claims() is None
    a.link.heal()
    world.passes(0.01)
    assert b.claims() is None
    assert not b.does(b.port.enqueue("report", 0.5))


def test_a_worker_that_was_paused_for_too_long_does_not_commit() -> None:
    world = World()
    a, b = world.two()
    a.does(a.port.enqueue("report", 0.5))
    completing = a.starts(a.port.complete(claimed(a)))
    a.loop.pause()
    world.passes(2.0)
    assert b.claims() is None
    a.loop.resume()
    world.passes(0.01)
    assert isinstance(completing.exception(), Unavailable)
    assert claimed(b).job == "report"


def test_a_statement_that_was_answered_during_a_pause_past_its_deadline_may_be_done() -> None:
    world = World()
    a, b = world.two()
    enqueuing = a.starts(a.port.enqueue("report", 0.5))
    a.loop.pause()
    world.passes(2.0)
    a.loop.resume()
    world.passes(0.01)
    assert isinstance(enqueuing.exception(), Indeterminate)
    assert not b.does(b.port.enqueue("report", 0.5))


def test_a_statement_that_was_answered_during_a_pause_within_its_deadline_is_answered() -> None:
    world = World()
    a = world.worker()
    enqueuing = a.starts(a.port.enqueue("report", 0.5))
    a.loop.pause()
    world.passes(0.9)
    a.loop.resume()
    world.passes(0.01)
    assert enqueuing.result()


def test_a_crash_ends_all_sessions_and_a_restart_has_what_was_committed() -> None:
    world = World()
    a, b = world.two()
    assert a.locks("report")
    a.does(a.port.enqueue("done", 0.1))
    assert a.does(a.port.complete(claimed(a)))
    a.does(a.port.enqueue("open", 0.5))
    claim = claimed(a)
    world.server.crash()
    assert not world.server.forget(str(claim.session))
    with pytest.raises(Unavailable):
        b.does(b.port.enqueue("late", 1.0))
    world.server.restart(keep_data=True)
    assert not a.does(a.port.complete(claim))
    assert b.locks("report")
    again = claimed(b)
    assert again.job == "open"
    assert again.session > claim.session
    assert b.claims() is None
    assert not b.does(b.port.enqueue("done", 0.1))


def test_a_restart_without_data_has_an_empty_queue() -> None:
    world = World()
    a, b = world.two()
    a.does(a.port.enqueue("done", 0.1))
    assert a.does(a.port.complete(claimed(a)))
    a.does(a.port.enqueue("open", 0.5))
    claimed(a)
    world.server.crash()
    world.server.restart(keep_data=False)
    assert b.claims() is None
    assert b.does(b.port.enqueue("done", 0.1))
    assert claimed(b).job == "done"


def test_a_crash_during_a_statement_leaves_it_indeterminate() -> None:
    world = World()
    a, b = world.two()
    enqueuing = a.starts(a.port.enqueue("report", 0.5))
    world.passes(0.001)
    world.server.crash()
    world.passes(0.001)
    assert isinstance(enqueuing.exception(), Indeterminate)
    world.server.restart(keep_data=True)
    assert b.does(b.port.enqueue("report", 0.5))


def test_a_termination_during_a_statement_leaves_it_not_done() -> None:
    world = World()
    a, b = world.two()
    lock = a.does(a.port.try_advisory_lock("report"))
    assert lock is not None
    enqueuing = a.starts(a.port.enqueue("report", 0.5))
    world.passes(0.001)
    assert world.server.forget(str(lock.session))
    world.passes(0.01)
    assert type(enqueuing.exception()).__mro__[1] is Unavailable
    assert b.does(b.port.enqueue("report", 0.5))


def test_a_farewell_that_cannot_arrive_is_not_known() -> None:
    world = World()
    a, b = world.two()
    lock = a.does(a.port.try_advisory_lock("report"))
    assert lock is not None
    a.link.cut(Way.REPLIES)
    assert world.server.forget(str(lock.session))
    assert b.locks("report")
    with pytest.raises(Indeterminate):
        a.does(a.port.enqueue("report", 0.5))


@pytest.mark.parametrize(("executors", "longest"), [(1, 0.052), (5, 0.012)])
def test_statements_queue_for_the_executors(executors: int, longest: float) -> None:
    world = World(timing=uniform_timing(OPERATIONS, 0.012, 0.010, executors))
    workers = [world.worker() for _ in range(5)]
    began = world.kernel.now
    tasks = [each.starts(each.port.try_advisory_lock(str(each))) for each in workers]
    world.kernel.run_until(lambda: all(task.done() for task in tasks))
    assert world.kernel.now - began == pytest.approx(longest)


def test_a_session_does_one_statement_after_another_and_claims_have_their_own() -> None:
    world = World()
    a = world.worker()
    began = world.kernel.now

    async def enqueue() -> None:
        await asyncio.gather(*(a.port.enqueue("report", float(due)) for due in range(3)))

    a.does(enqueue())
    assert world.kernel.now - began == pytest.approx(3 * 0.002)
    began = world.kernel.now

    async def claim() -> set[int]:
        claims = await asyncio.gather(*(a.port.claim() for _ in range(3)))
        return {each.session for each in claims if each is not None}

    assert len(a.does(claim())) == 3
    # One executor: connecting and claiming of one is in the way of the others.
    assert world.kernel.now - began < 3 * 2 * 0.002


def test_an_operation_takes_what_was_measured_and_an_empty_claim_a_rollback_more() -> None:
    world = World()
    a = world.worker()
    a.does(a.port.enqueue("report", 0.5))
    a.does(a.port.give_back(claimed(a)))
    for operation, seconds in ((a.port.claim, 0.002), (a.port.claim, 0.002 + 0.004)):
        began = world.kernel.now
        claim = a.does(operation())
        assert world.kernel.now - began == pytest.approx(seconds)
    assert claim is None


def test_completing_takes_what_was_measured() -> None:
    world = World()
    a = world.worker()
    a.does(a.port.enqueue("report", 0.5))
    claim = claimed(a)
    began = world.kernel.now
    assert a.does(a.port.complete(claim))
    assert world.kernel.now - began == pytest.approx(0.002)


def test_whoever_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    world = World()
    a = world.worker()

    tasks: list[asyncio.Task[bool]] = []

    async def first() -> bool:
        try:
            return await a.port.enqueue("first", 0.5)
        finally:
            tasks[1].cancel()

    async def crowd() -> None:
        others = (a.port.enqueue("second", 0.5), a.port.enqueue("third", 0.5))
        tasks.extend(asyncio.ensure_future(each) for each in (first(), *others))
        await asyncio.wait(tasks)

    a.does(crowd())
    assert tasks[0].result()
    assert tasks[1].cancelled()
    assert tasks[2].result()
    assert a.loop.errors == []


class Due(float):
    """A due time that counts how often it is compared."""

    comparisons = 0

    def __lt__(self, other: object) -> bool:
        Due.comparisons += 1
        return float(self) < other  # type: ignore[operator]

    def __eq__(self, other: object) -> bool:
        Due.comparisons += 1
        return float(self) == other

    __hash__ = float.__hash__


def comparisons_of_ten_claims(done: int) -> int:
    world = World()
    a = world.worker()

    async def run() -> int:
        for due in range(done):
            await a.port.enqueue("report", Due(due))
            claim = await a.port.claim()
            assert claim is not None
            assert await a.port.complete(claim)
        for due in range(done, done + 10):
            await a.port.enqueue("report", Due(due))
        before = Due.comparisons
        for _ in range(10):
            assert await a.port.claim() is not None
        assert await a.port.claim() is None
        return Due.comparisons - before

    return a.does(run())


def test_a_claim_among_many_done_runs_costs_no_more_than_among_few() -> None:
    few = comparisons_of_ten_claims(10)
    assert comparisons_of_ten_claims(10_000) == few < 100


def trace(seed: int) -> list[tuple[object, ...]]:
    """What five workers see in some seconds with a cut, a kill, a termination and a crash."""
    latency = Latency((0.0005, 0.001, 0.002, 0.02))
    names = (*OPERATIONS, "connect")
    timing = Timing(dict.fromkeys(names, latency), dict.fromkeys(names, 0.0002), 2)
    world = World(timing=timing, seed=seed)
    seen: list[tuple[object, ...]] = []

    async def work(number: int, port: PostgresPort) -> None:
        for due in range(60):
            for operation in (
                lambda: port.try_advisory_lock("report"),
                lambda due=due: port.enqueue("report", float(due)),
                port.claim,
            ):
                result: object
                try:
                    result = await operation()
                    if isinstance(result, Claim):
                        seen.append((number, await port.complete(result)))
                except (Unavailable, Indeterminate) as error:
                    result = str(error)
                seen.append((world.kernel.now, number, result))
            await asyncio.sleep(0.05)

    workers = [world.worker() for _ in range(5)]
    for number, worker in enumerate(workers):
        worker.starts(work(number, worker.port))
    world.kernel.plan(0.5, workers[0].link.cut)
    world.kernel.plan(1.7, workers[0].link.heal)
    world.kernel.plan(0.8, workers[1].dies)
    world.kernel.plan(1.0, world.server.forget, "3")
    world.kernel.plan(2.0, world.server.crash)
    world.kernel.plan(2.3, lambda: world.server.restart(keep_data=True))
    world.passes(5.0)
    assert all(worker.loop.errors == [] for worker in workers)
    return seen


def test_the_same_seed_gives_the_same_trace() -> None:
    first = trace(7)
    assert len(first) > 500
    assert trace(7) == first
    assert trace(8) != first


def test_a_client_is_of_a_simulated_loop() -> None:
    kernel = Kernel()
    server = SimulatedPostgres(kernel, TIMING)
    link = Link(kernel, Random(0))
    with pytest.raises(TypeError):
        asyncio.run(simulated.connect(server, link, Random(0), 1.0, Silent()))
