"""The sink: what each policy lets pass, and many writers at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from harness.worker.sink import Effect, Policy, SqliteSink

Open = Callable[[Policy], SqliteSink]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty sink."""
    path = tmp_path / "sink.sqlite"
    SqliteSink.create(path)
    return path


@pytest.fixture
def open_sink(path: Path) -> Iterator[Open]:
    """Opens connections to it, each with a policy."""
    opened: list[SqliteSink] = []

    def connect(policy: Policy) -> SqliteSink:
        opened.append(SqliteSink(path, policy))
        return opened[-1]

    yield connect
    for sink in opened:
        sink.close()


def effect(due: float = 1.0, fence: int | None = None, job: str = "report") -> Effect:
    return Effect("worker-1", f"worker-1/{due}", job, due, fence)


def test_without_a_policy_everything_is_applied(open_sink: Open) -> None:
    sink = open_sink(Policy.NONE)
    assert sink.apply(effect(), read_version=0) is None
    assert sink.apply(effect(), read_version=0) is None
    assert len(sink.applied()) == 2


def test_effects_are_kept_as_they_were_in_the_order_of_their_application(open_sink: Open) -> None:
    sink = open_sink(Policy.NONE)
    effects = [effect(3.0), effect(1.0, fence=4), effect(2.0, job="billing")]
    for one in effects:
        sink.apply(one, read_version=0)
    applied = open_sink(Policy.NONE).applied()
    assert [one.effect for one in applied] == effects
    assert [one.moment for one in applied] == sorted(one.moment for one in applied)


def test_dedup_applies_an_execution_once(open_sink: Open) -> None:
    sink = open_sink(Policy.DEDUP)
    assert sink.apply(effect(1.0), read_version=0) is None
    assert sink.apply(effect(1.0), read_version=1) == "duplicate"
    assert sink.apply(effect(2.0), read_version=1) is None
    assert sink.apply(effect(1.0, job="billing"), read_version=0) is None
    assert len(sink.applied()) == 3


def test_version_refuses_what_was_read_before_somebody_else_wrote(open_sink: Open) -> None:
    sink = open_sink(Policy.VERSION)
    read = sink.version("report")
    assert sink.apply(effect(1.0), read) is None
    assert sink.apply(effect(2.0), read) == "stale"
    assert sink.apply(effect(2.0), sink.version("report")) is None


def test_a_version_counts_the_effects_of_its_job_alone(open_sink: Open) -> None:
    sink = open_sink(Policy.VERSION)
    assert sink.version("report") == 0
    sink.apply(effect(1.0), 0)
    sink.apply(effect(1.0), 0)
    assert sink.version("report") == 1
    assert sink.version("billing") == 0


def test_fencing_refuses_a_token_lower_than_one_it_has_seen(open_sink: Open) -> None:
    sink = open_sink(Policy.FENCING)
    assert sink.apply(effect(1.0, fence=7), 0) is None
    assert sink.apply(effect(2.0, fence=6), 0) == "stale"
    assert sink.apply(effect(2.0, fence=6, job="billing"), 0) is None
    assert sink.apply(effect(3.0, fence=9), 0) is None
    assert sink.apply(effect(4.0, fence=8), 0) == "stale"


def test_a_leader_may_use_its_token_more_than_once(open_sink: Open) -> None:
    sink = open_sink(Policy.FENCING)
    assert sink.apply(effect(1.0, fence=7), 0) is None
    assert sink.apply(effect(2.0, fence=7), 0) is None


def test_fencing_cannot_do_without_a_token(open_sink: Open) -> None:
    sink = open_sink(Policy.FENCING)
    with pytest.raises(ValueError, match="needs a lease with a fence"):
        sink.apply(effect(1.0), 0)
    # And the failure leaves the sink usable.
    assert sink.apply(effect(1.0, fence=1), 0) is None


def test_what_was_refused_leaves_no_trace(open_sink: Open) -> None:
    sink = open_sink(Policy.FENCING)
    sink.apply(effect(1.0, fence=7), 0)
    sink.apply(effect(2.0, fence=6), 0)
    assert sink.version("report") == 1
    assert [one.effect.due for one in sink.applied()] == [1.0]


WRITERS, EACH = 4, 25


def at_once(path: Path, policy: Policy, write: Callable[[SqliteSink], None]) -> None:
    """Let several connections, each in a thread of its own, write at the same time."""
    together = Barrier(WRITERS)
    errors: list[BaseException] = []

    def writer() -> None:
        sink = SqliteSink(path, policy)
        try:
            together.wait(timeout=10)
            write(sink)
        except BaseException as error:
            errors.append(error)
        finally:
            sink.close()

    threads = [Thread(target=writer) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []


def test_effects_of_concurrent_writers_are_all_counted(path: Path, open_sink: Open) -> None:
    def write(sink: SqliteSink) -> None:
        for number in range(EACH):
            sink.apply(effect(float(number)), 0)

    at_once(path, Policy.NONE, write)
    sink = open_sink(Policy.NONE)
    assert len(sink.applied()) == sink.version("report") == WRITERS * EACH


def test_of_concurrent_writers_one_wins_each_execution(path: Path, open_sink: Open) -> None:
    def write(sink: SqliteSink) -> None:
        for number in range(EACH):
            sink.apply(effect(float(number)), 0)

    at_once(path, Policy.DEDUP, write)
    dues = [one.effect.due for one in open_sink(Policy.DEDUP).applied()]
    assert sorted(dues) == [float(number) for number in range(EACH)]


def test_concurrent_writers_lose_no_version(path: Path, open_sink: Open) -> None:
    applied: list[int] = []

    def write(sink: SqliteSink) -> None:
        for number in range(EACH):
            read = sink.version("report")
            if sink.apply(effect(float(number)), read) is None:
                applied.append(read)

    at_once(path, Policy.VERSION, write)
    # Each version was moved on by exactly one of those who had read it.
    assert sorted(applied) == list(range(len(applied)))
    assert open_sink(Policy.VERSION).version("report") == len(applied) >= EACH


def test_a_held_sink_lets_nobody_else_write(path: Path, open_sink: Open) -> None:
    holder = open_sink(Policy.NONE)
    other = sqlite3.connect(path, timeout=0.01, isolation_level=None)
    with holder.held():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        # Reading goes on.
        assert other.execute("SELECT count(*) FROM effect").fetchone() == (0,)
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()


def test_a_writer_waits_for_a_held_sink(path: Path, open_sink: Open) -> None:
    holder, done = open_sink(Policy.NONE), []

    def write() -> None:
        sink = SqliteSink(path, Policy.NONE)
        sink.apply(effect(), 0)
        done.append(len(sink.applied()))
        sink.close()

    writer = Thread(target=write)
    with holder.held():
        writer.start()
        writer.join(timeout=0.1)
        assert writer.is_alive()
        assert holder.applied() == []
    writer.join(timeout=30)
    assert done == [1]


def test_holding_ends_with_an_error_too(open_sink: Open) -> None:
    holder, other = open_sink(Policy.NONE), open_sink(Policy.NONE)
    with pytest.raises(KeyError), holder.held():
        raise KeyError
    assert other.apply(effect(), 0) is None
