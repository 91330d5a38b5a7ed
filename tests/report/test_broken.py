from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from harness.history.event import Event
from harness.history.trial import FaultLine
from harness.report.broken import broken_in, last_before


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
    assert last_before((first, second), 5.0) is first
    assert last_before((first, second), 1.0) is None


def test_without_a_history_samples_tell_of_the_faults_that_hit(make: SimpleNamespace) -> None:
    found = {one.fault: one.at for one in broken_in(make.verdict())}
    assert found == {"crash#1": 2.15, "crash#2": 5.0}


def test_a_history_that_is_gone_is_no_error(make: SimpleNamespace, tmp_path: Path) -> None:
    assert broken_in(make.verdict(path=tmp_path / "gone.jsonl"))[0].fault == "crash#1"
