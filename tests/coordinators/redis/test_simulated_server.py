"""What becomes of the data of a simulated Redis: in fail-overs, and when its clock jumps."""

from __future__ import annotations

import pytest

from harness.coordinators.redis.simulated import SimulatedRedis
from harness.coordinators.timing import uniform_timing
from harness.simulation.kernel import Kernel

HOUR = 3_600_000


@pytest.fixture
def server() -> SimulatedRedis:
    return SimulatedRedis(Kernel(), uniform_timing(("get",), 0.010, 0.002))


def wait(server: SimulatedRedis, seconds: float) -> None:
    over: list[None] = []
    server.kernel.plan(seconds, over.append, None)
    server.kernel.run_until(lambda: bool(over))


def fail_over(server: SimulatedRedis, data: object) -> None:
    server.crash()
    server.restore(data)  # type: ignore[arg-type]
    server.restart(keep_data=True)


def test_after_a_fail_over_it_has_what_was_replicated_and_no_more(server: SimulatedRedis) -> None:
    server.set_if_absent("kept", "a", HOUR)
    server.set_if_absent("extended", "a", 1000)
    server.set_if_absent("deleted", "a", HOUR)
    data = server.snapshot()
    server.set_if_absent("lost", "b", HOUR)
    server.extend_if_equal("extended", "a", HOUR)
    server.delete("deleted")
    fail_over(server, data)
    assert server.get("kept") == server.get("deleted") == "a"
    assert server.get("lost") is None
    wait(server, 2)
    assert server.get("extended") is None


def test_a_copy_is_not_changed_by_what_is_written_later(server: SimulatedRedis) -> None:
    server.set_if_absent("lock", "a", HOUR)
    data = server.snapshot()
    for _ in range(2):
        fail_over(server, data)
        assert server.delete("lock")
        assert server.set_if_absent("lock", "b", HOUR)
    fail_over(server, data)
    assert server.get("lock") == "a"


def test_what_was_replicated_expires_at_its_time(server: SimulatedRedis) -> None:
    server.set_if_absent("lock", "a", 3000)
    data = server.snapshot()
    server.delete("lock")
    wait(server, 1)
    fail_over(server, data)
    wait(server, 1.9)
    assert server.get("lock") == "a"
    wait(server, 0.3)
    # Nobody asked for it: it is freed all the same.
    assert len(server) == 0


def test_a_message_is_where_it_was_when_replication_stopped(server: SimulatedRedis) -> None:
    server.add_to_stream("report", 1.0, HOUR)
    data = server.snapshot()
    first = server.read_stream("a")
    assert first is not None
    assert server.read_stream("b") is None
    fail_over(server, data)
    again = server.read_stream("b")
    assert again is not None
    assert again.id == first.id
    server.crash()
    server.restart(keep_data=False)
    assert server.claim_idle("c", 0) is None


@pytest.mark.parametrize("jump", [0.0, 3.0, -3.0])
def test_a_jump_of_the_clock_moves_the_end_of_every_key(
    server: SimulatedRedis, jump: float
) -> None:
    server.set_if_absent("lock", "a", 5000)
    wait(server, 1)
    assert server.shift_clock(jump)
    wait(server, 4 - jump - 0.1)
    assert server.get("lock") == "a"
    wait(server, 0.3)
    assert len(server) == 0
    server.set_if_absent("lock", "b", 5000)
    wait(server, 4.9)
    assert server.get("lock") == "b"
    wait(server, 0.2)
    assert server.get("lock") is None


def test_a_key_that_a_jump_makes_expire_is_freed_within_a_cycle(server: SimulatedRedis) -> None:
    server.set_if_absent("lock", "a", HOUR)
    assert server.shift_clock(HOUR)
    assert len(server) == 1
    wait(server, 0.11)
    assert len(server) == 0
