"""The rows of a simulated Postgres, beyond what can be asked of a real one."""

from __future__ import annotations

import asyncio

import pytest

from harness.coordinators.postgres.alike import ALIKE
from harness.coordinators.postgres.row_lock.port import RowLock
from harness.coordinators.timing import uniform_timing
from tests.coordinators.postgres.test_simulated import OPERATIONS, Worker, World

TIMING = uniform_timing(OPERATIONS, 0.002, 0.0005, alike=ALIKE)


def world_of(count: int) -> tuple[World, list[Worker]]:
    world = World(timing=TIMING)
    return world, [world.worker() for _ in range(count)]


def locks(worker: Worker) -> RowLock:
    lock = worker.does(worker.port.row_locks.lock("report"))
    assert lock is not None
    return lock


def waits(worker: Worker, patience: float = 10.0) -> asyncio.Task[RowLock | None]:
    return worker.starts(worker.port.row_locks.lock("report", patience))


def test_a_worker_that_dies_while_it_waits_is_passed_over() -> None:
    world, (a, b, c) = world_of(3)
    lock = locks(a)
    waits(b)
    world.passes(0.1)
    second = waits(c)
    world.passes(0.1)
    b.dies()
    world.passes(0.1)
    a.does(a.port.row_locks.commit(lock))
    world.passes(0.1)
    assert second.done()
    assert second.result() is not None


def test_a_worker_that_dies_lets_its_row_go_and_what_it_noted_is_gone() -> None:
    world, (a, b) = world_of(2)
    a.does(a.port.row_locks.note(locks(a), 3.0))
    waiting = waits(b)
    world.passes(0.1)
    a.dies()
    world.passes(0.1)
    (lock,) = [waiting.result()]
    assert lock is not None
    assert lock.last_due is None


def test_patience_does_not_end_while_the_server_stands_still() -> None:
    world, (a, b) = world_of(2)
    lock = locks(a)
    waiting = waits(b, patience=0.5)
    world.passes(0.1)
    world.server.pause()
    world.passes(0.6)
    assert not waiting.done()
    world.server.resume()
    world.passes(0.1)
    assert waiting.result() is None
    assert a.does(a.port.row_locks.commit(lock))


@pytest.mark.parametrize("keep_data", [True, False])
def test_a_crash_frees_the_rows_and_forgets_who_waited(keep_data: bool) -> None:
    world, (a, b, c) = world_of(3)
    first = locks(a)
    a.does(a.port.row_locks.note(first, 1.0))
    a.does(a.port.row_locks.commit(first))
    locks(a)
    waiting = waits(b)
    world.passes(0.1)
    world.server.crash()
    world.passes(0.1)
    assert waiting.exception() is not None
    world.server.restart(keep_data=keep_data)
    assert locks(c).last_due == (1.0 if keep_data else None)


def test_a_row_lock_of_whoever_is_cut_off_lasts_until_keepalive_ends_it() -> None:
    world, (a, b) = world_of(2)
    locks(a)
    a.link.cut()
    world.passes(70.0)
    assert b.does(b.port.row_locks.lock("report")) is None
    world.passes(10.0)
    locks(b)


def test_a_row_is_not_freed_by_hand_while_the_server_cannot_be_reached() -> None:
    world, (a,) = world_of(1)
    assert a.does(a.port.leader_row.elect("a", 60.0)) == 1
    world.server.pause()
    assert not world.server.forget("row:leader:leader")
    world.server.resume()
    assert world.server.forget("row:leader:leader")


def test_the_databases_clock_is_the_servers() -> None:
    world, (a, b) = world_of(2)
    assert a.does(a.port.leader_row.elect("a", 60.0)) == 1
    assert a.does(a.port.shedlock.lock("report", "a", 60.0, None))
    world.server.offset = 61.0
    assert b.does(b.port.leader_row.elect("b", 60.0)) == 2
    assert b.does(b.port.shedlock.lock("report", "b", 60.0, None))
