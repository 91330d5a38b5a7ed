from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.history.event import Event
from harness.report.charts.scene import LONGEST, MOST_RUNS, MOST_WORKERS, choose_trial, scene_of
from harness.verdict.model import Expected, Outcome


def test_the_trial_that_went_wrong_is_chosen(make: SimpleNamespace) -> None:
    calm = make.verdict(runs=(), overlaps=(), expected=())
    invalid = make.verdict(invalid=("no",))
    wrong = make.verdict()
    assert choose_trial([invalid, calm, wrong]) is wrong
    assert choose_trial([invalid, calm]) is calm
    assert choose_trial([invalid]) is None


def test_a_short_trial_is_shown_whole(make: SimpleNamespace) -> None:
    scene = scene_of(make.verdict())
    assert (scene.start, scene.end) == (0, 6)


def test_a_long_trial_is_shown_around_its_first_violation(make: SimpleNamespace) -> None:
    missed = (Expected("report", 100, Outcome.LOST),)
    verdict = make.verdict(duration=300.0, runs=(), overlaps=(), expected=missed)
    scene = scene_of(verdict)
    assert scene.start < 100 < scene.end
    assert scene.end - scene.start == LONGEST
    assert scene.missed == missed


def test_a_long_trial_without_violation_is_shown_around_its_first_fault(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    hit = Event(at=200, kind="fault.injected", fault="f", type="pause", targets=("worker-1",))
    path = make.history(tmp_path / "h.jsonl", [hit])
    scene = scene_of(
        make.verdict(duration=300.0, runs=(), overlaps=(), expected=(), failover=(), path=path)
    )
    assert scene.start < 200 < scene.end
    assert scene.faults[0].worker == "worker-1"


def test_a_busy_trial_gets_a_shorter_stretch(make: SimpleNamespace) -> None:
    runs = tuple(make.run("worker-1", 0, place / 100) for place in range(2000))
    scene = scene_of(make.verdict(duration=30.0, runs=runs, overlaps=(), expected=()))
    assert len(scene.runs) == MOST_RUNS
    assert scene.end == pytest.approx(MOST_RUNS / 100)


def test_of_many_workers_those_that_went_wrong_are_kept(make: SimpleNamespace) -> None:
    names = tuple(f"worker-{place}" for place in range(50))
    calm = tuple(make.run(name, 1, 1.0) for name in names[:40])
    verdict = make.verdict()
    wrong = (make.run("worker-48", 2, 2.0), make.run("worker-49", 2, 2.1, verdict.runs[2].extra))
    expected = (Expected("report", 2, Outcome.DUPLICATE, False, wrong),)
    scene = scene_of(
        make.verdict(
            trial=make.trial("a", 6.0, workers=names),
            runs=calm + wrong,
            overlaps=(),
            expected=expected,
        )
    )
    assert len(scene.workers) == MOST_WORKERS
    assert scene.workers[-2:] == ("worker-48", "worker-49")
    assert scene.hidden == 50 - MOST_WORKERS


def test_runs_with_a_part_in_a_violation_are_marked(make: SimpleNamespace) -> None:
    scene = scene_of(make.verdict())
    assert scene.wrong == {"worker-1/2", "worker-2/2.1"}
    assert [run.run for run in scene.extra] == ["worker-2/2.1"]


def test_leases_faults_and_crashes_come_from_the_history(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    lease: dict[str, Any] = {"worker": "worker-1", "resource": "report", "lease": "l1"}
    other: dict[str, Any] = {"worker": "worker-2", "resource": "report", "lease": "l2"}
    crash: dict[str, Any] = {"fault": "crash#1", "type": "crash", "targets": ("worker-1",)}
    events = [
        Event(at=-1, kind="worker.ready", worker="worker-1"),
        Event(at=1, kind="lease.granted", **lease),
        Event(at=2, kind="fault.injected", **crash),
        Event(at=2, kind="worker.exited", worker="worker-1", signal=9),
        Event(at=3, kind="lease.granted", **other),
        Event(at=3.5, kind="lease.released", **other),
        Event(at=4, kind="fault.healed", fault="crash#1"),
        Event(at=4, kind="worker.started", worker="worker-1"),
        Event(at=5, kind="fault.injected", fault="x", type="forget", targets=("redis",)),
    ]
    scene = scene_of(make.verdict(path=make.history(tmp_path / "h.jsonl", events)))
    assert [(s.name, s.start, s.end) for s in scene.leases] == [("l1", 1, 2), ("l2", 3, 3.5)]
    assert [(s.name, s.worker, s.start, s.end) for s in scene.faults] == [
        ("crash", "worker-1", 2, 4),
        ("forget", None, 5, 6),
    ]
    assert [(s.worker, s.start) for s in scene.crashes] == [("worker-1", 2)]
    assert [(s.start, s.end) for s in scene.up if s.worker == "worker-1"] == [(0, 2), (4, 6)]


def test_a_lease_left_to_expire_ends_with_its_run(make: SimpleNamespace, tmp_path: Path) -> None:
    run: dict[str, Any] = {"worker": "worker-1", "job": "report", "due": 2.0}
    events = [
        Event(at=2.0, kind="lease.granted", resource="report@2", lease="l1", **run),
        Event(at=2.1, kind="run.started", run="r1", **run),
        Event(at=2.3, kind="run.finished", run="r1", **run),
        Event(at=3.0, kind="lease.granted", worker="worker-1", resource="leader", lease="l2"),
        Event(at=6.0, kind="trial.ended", reason="completed"),
    ]
    scene = scene_of(make.verdict(path=make.history(tmp_path / "h.jsonl", events)))
    assert [(s.name, s.start, s.end) for s in scene.leases] == [("l1", 2.0, 2.3), ("l2", 3, 6)]


def test_a_lost_history_leaves_the_runs(make: SimpleNamespace, tmp_path: Path) -> None:
    scene = scene_of(make.verdict(path=tmp_path / "gone.jsonl"))
    assert len(scene.runs) == 3
    assert scene.leases == ()


def test_a_graceful_stop_is_no_crash(make: SimpleNamespace, tmp_path: Path) -> None:
    stop = Event(at=2, kind="worker.exited", worker="worker-1", code=0)
    scene = scene_of(make.verdict(path=make.history(tmp_path / "h.jsonl", [stop])))
    assert scene.crashes == ()
