"""Condensed histories prove what whole ones prove."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.history.event import Event
from harness.history.journal import Journal
from harness.history.reading import History, read_history
from harness.history.trial import FaultLine, JobLine
from harness.verdict.condensing import Condensed
from harness.verdict.judge import judge
from tests.verdict.building import history, lease, life, well

JOBS = (JobLine("report", 1.0, 0.5), JobLine("billing", 0.7, 0.7))
KINDS = (
    "lease.requested lease.requested lease.requested lease.denied lease.denied lease.granted "
    "lease.granted lease.released lease.lost worker.started worker.ready worker.stopping "
    "worker.exited fault.injected fault.healed coordinator.calls coordinator.error run.started "
    "run.finished effect.applied effect.rejected run.dropped"
).split()

names = st.sampled_from(["w1", "w2"])
events = st.builds(
    Event,
    # Few moments, so that much happens at the same one.
    at=st.integers(-2, 20).map(lambda half: half / 2),
    kind=st.sampled_from(KINDS),
    worker=names,
    job=st.sampled_from(["report", "billing"]),
    due=st.none() | st.sampled_from([0.5, 0.7, 1.5]),
    run=st.sampled_from(["1", "2"]),
    resource=st.sampled_from(["a", "b"]),
    lease=st.none() | st.sampled_from(["1", "2"]),
    fault=st.sampled_from(["f#1", "f#2"]),
    type=st.sampled_from(["crash", "pause", "stop", "partition"]),
    targets=st.lists(names, max_size=2).map(tuple),
    calls=st.just({"set": 2, "get": 1}),
    mechanism=st.just("simulated"),
)
CASES = st.lists(events, max_size=60)


def condensed(whole: History) -> History:
    recorder = Condensed(whole.trial)
    for event in whole.events:
        recorder.record(event)
    return recorder.history(whole.path)


def in_order(found: list[Event], ended: str | None) -> History:
    whole = history(
        found, duration=10.0, jobs=JOBS, workers=("w1", "w2"), faults=[FaultLine("f#1", "crash")],
        ended=ended,
    )  # fmt: skip
    return replace(whole, events=tuple(sorted(whole.events, key=lambda event: event.at)))


@settings(deadline=None, max_examples=300)
@given(CASES, st.sampled_from([None, "completed", "interrupted"]))
@example([lease(2.0, "requested", "w1"), lease(2.0, "denied", "w1")], None)
def test_a_condensed_history_gets_the_same_verdict(found: list[Event], ended: str | None) -> None:
    whole = in_order(found, ended)
    assert judge(condensed(whole)) == judge(whole)


@settings(deadline=None, max_examples=300)
@given(st.lists(events.filter(lambda event: event.kind.startswith("lease")), max_size=40))
def test_so_do_leases_alone(found: list[Event]) -> None:
    whole = in_order(found, "completed")
    assert judge(condensed(whole)) == judge(whole)


def test_what_was_denied_leaves_nothing() -> None:
    denied = [
        lease(moment, what, worker)
        for moment in range(100)
        for worker in ("w1", "w2")
        for what in ("requested", "denied")
    ]
    kept = condensed(history(denied, duration=200.0)).events
    assert [event.kind for event in kept] == ["trial.ended"]


def test_a_request_stands_before_its_grant() -> None:
    kept = condensed(
        history(lease(1, "requested", "w1"), well(1, 2), lease(3.5, "granted", "w1"))
    ).events
    assert [event.kind for event in kept][-3:] == [
        "lease.requested",
        "lease.granted",
        "trial.ended",
    ]
    assert kept[-3].at == 1


def test_a_request_from_before_an_exit_does_not_count_for_a_later_grant() -> None:
    whole = history(
        lease(1, "requested", "w1"),
        life(1, "exited", "w1"),
        life(1, "started", "w1"),
        lease(1, "granted", "w1"),
    )
    assert judge(whole).lease_wait == ()
    assert judge(condensed(whole)).lease_wait == ()


def test_calls_are_summed_up() -> None:
    calls = [
        Event(at=at, kind="coordinator.calls", worker=worker, calls={"set": 2, "get": at})
        for at in range(1, 4)
        for worker in ("w1", "w2")
    ]
    (summed,) = [e for e in condensed(history(calls)).events if e.kind == "coordinator.calls"]
    assert summed.calls == {"set": 12, "get": 12}


def test_it_is_judged_as_the_file_would_be(tmp_path: Path) -> None:
    third = 1 / 3
    whole = history(
        lease(third, "requested", "w1"), lease(2 * third, "granted", "w1"), well(1 + third, 2, 3)
    )
    path = tmp_path / "history.jsonl"
    with Journal(path, whole.trial) as journal:
        for event in whole.events:
            journal.record(event)
    recorder = Condensed(whole.trial)
    for event in whole.events:
        recorder.record(event)
    assert judge(recorder.history(path)) == judge(read_history(path))
