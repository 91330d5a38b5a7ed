"""What becomes of the data of a simulated Postgres in fail-overs and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from harness.coordinators.postgres.simulated import SimulatedPostgres
from harness.coordinators.postgres.simulated_server import Session, Tables
from harness.coordinators.timing import uniform_timing
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link
from harness.simulation.randomness import stream

TIMING = uniform_timing(("claim",), 0.010, 0.002)


class World:
    """A server, and sessions that are asked without a client."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.server = SimulatedPostgres(self.kernel, TIMING)
        self.link = Link(self.kernel, stream(1, "link"))

    def session(self) -> Session:
        connection = self.link.connect(SimulatedLoop(self.kernel))
        pids: list[int] = []
        legs = TIMING.draw("connect", stream(1, "legs"))
        self.server.open_session(connection, legs, pids.append, lambda: None)
        self.kernel.run_until(lambda: bool(pids))
        session: Session = connection.peer
        return session

    def fail_over(self, data: Any) -> None:
        self.server.crash()
        self.server.restore(data)
        self.server.restart(keep_data=True)


def write(key: str, value: list[int]) -> Any:
    def work(tables: Tables, _now: float) -> None:
        tables.setdefault("rows", {})[key] = value

    return work


def read(tables: Tables, _now: float) -> dict[str, Any]:
    return dict(tables.get("rows", {}))


@pytest.fixture
def world() -> World:
    return World()


def test_after_a_fail_over_it_has_the_rows_that_were_replicated(world: World) -> None:
    server, session = world.server, world.session()
    kept = [1]
    server.transact(session, write("kept", kept))
    data = server.snapshot()
    server.transact(session, write("lost", [2]))
    kept.append(3)
    for _ in range(2):
        world.fail_over(data)
        session = world.session()
        assert server.transact(session, read) == {"kept": [1]}
        server.transact(session, write("kept", [4]))


def test_after_a_fail_over_runs_are_as_they_were_committed_then(world: World) -> None:
    server, a, b = world.server, world.session(), world.session()
    for due in (1.0, 2.0, 3.0):
        server.insert(a, "report", due)
    assert server.begin_and_select(a) == (1.0, "report")
    server.update(a, "report", 1.0)
    server.commit(a)
    # Claimed, and even marked as done, but not committed.
    assert server.begin_and_select(b) == (2.0, "report")
    server.update(b, "report", 2.0)
    data = server.snapshot()
    server.commit(b)
    assert server.begin_and_select(a) == (3.0, "report")
    server.update(a, "report", 3.0)
    server.commit(a)
    server.insert(a, "report", 4.0)
    world.fail_over(data)
    c, d, e = world.session(), world.session(), world.session()
    assert server.begin_and_select(c) == (2.0, "report")
    assert server.begin_and_select(d) == (3.0, "report")
    assert server.begin_and_select(e) is None
    assert not server.insert(e, "report", 1.0)
    assert server.insert(e, "report", 4.0)


def test_locks_end_with_the_sessions_of_the_primary(world: World) -> None:
    server, a = world.server, world.session()
    assert server.try_lock(a, "report")
    world.fail_over(server.snapshot())
    assert server.try_lock(world.session(), "report")


def test_without_its_data_every_table_is_empty(world: World) -> None:
    server, session = world.server, world.session()
    server.transact(session, write("row", [1]))
    server.insert(session, "report", 1.0)
    server.crash()
    server.restart(keep_data=False)
    session = world.session()
    assert server.transact(session, read) == {}
    assert server.insert(session, "report", 1.0)


def test_nothing_of_it_expires_by_its_clock(world: World) -> None:
    assert not world.server.shift_clock(5.0)
    assert world.server.clock() == 0.0
