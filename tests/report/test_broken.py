from __future__ import annotations

from math import inf
from pathlib import Path
from types import SimpleNamespace

from harness.history.event import Event
from harness.history.reading import read_history
from harness.history.trial import FaultLine
from harness.report.broken import broken_in
from harness.report.page.occurrences import occurrences
from harness.report.stories.record import outline_of, record_of
from harness.verdict.timeline import timeline_of
from tests.report.stories.planting import planted
from tests.verdict.building import fault, healed, life


def test_faults_are_told_as_planned_and_as_they_landed(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    planned = (FaultLine("pause#1", "pause", 2.0), FaultLine("pause#2", "pause", 4.0))
    told = [
        Event(
            at=2.1,
            kind="fault.injected",
            fault="pause#1",
            type="pause",
            mechanism="signal",
            targets=("worker-1",),
        ),
        Event(at=3.1, kind="fault.healed", fault="pause#1", type="pause"),
        Event(at=4.0, kind="fault.failed", fault="pause#2", type="pause", error="gone"),
    ]
    path = make.history(tmp_path / "h.jsonl", told, faults=planned)
    first, second = broken_in(make.verdict(path=path, trial=make.trial("a", 6.0, faults=planned)))
    assert (first.planned, first.at, first.healed) == (2.0, 2.1, 3.1)
    assert (first.targets, first.mechanism, first.landed) == (("worker-1",), "signal", True)
    assert (second.landed, second.error) == (False, "gone")


def test_a_fault_is_the_same_in_tables_timelines_and_stories(tmp_path: Path) -> None:
    cut = fault(2.0, "partition", "w2")
    cut.extra = {"direction": "requests"}
    verdict = planted(
        tmp_path / "h.jsonl",
        life(1.4, "exited", "w1"),
        # Seen to have struck a little later, and healed more than once.
        fault(1.6, "crash", "w1", mechanism="signal"),
        cut,
        healed(2.5, "partition"),
        healed(3.0, "partition"),
        workers=("w1", "w2", "w9"),
    )
    timeline = timeline_of(read_history(tmp_path / "h.jsonl"))
    expected = [("crash#1", 1.4, None, None), ("partition#1", 2.0, 2.5, "requests")]
    table = broken_in(verdict)
    assert [(one.fault, one.at, one.healed, one.direction) for one in table] == expected
    drawn = occurrences(timeline, verdict.trial.workers, verdict.end).faults
    assert [(one.id, one.start, one.end, one.direction) for one in drawn] == expected
    for record in (record_of(verdict), outline_of(verdict)):
        told = [(one.fault, one.at, one.healed, one.direction) for one in record.blows]
        assert told == [("crash#1", 1.4, inf, None), expected[1]]


def test_without_a_history_samples_tell_of_the_faults_that_hit(make: SimpleNamespace) -> None:
    found = {one.fault: one.at for one in broken_in(make.verdict())}
    assert found == {"crash#1": 2.15, "crash#2": 5.0}


def test_a_history_that_is_gone_is_no_error(make: SimpleNamespace, tmp_path: Path) -> None:
    assert broken_in(make.verdict(path=tmp_path / "gone.jsonl"))[0].fault == "crash#1"
