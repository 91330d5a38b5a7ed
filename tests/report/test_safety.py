from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.history.event import Event
from harness.history.reading import read_history
from harness.history.trial import JobLine
from harness.report.configuration import Configuration
from harness.report.safety import Badge, Safety, safety
from harness.verdict.model import (
    Ending,
    Expected,
    Latency,
    Outcome,
    Quantiles,
    Run,
    Verdict,
)
from harness.verdict.result import summarize
from harness.verdict.tally import tally
from tests.report.stories.planting import planted
from tests.verdict.building import fault, healed, lease, ran

CALM = Latency(14, 0, Quantiles(0.4, 0.8, 0.9, 0.9))


def judged(make: SimpleNamespace, result: object, **changes: object) -> Safety:
    comparison = make.comparison(result, **changes)
    return safety(comparison, comparison.results[0])


def test_two_effects_of_one_due_time_are_unsafe(make: SimpleNamespace) -> None:
    found = judged(make, make.result())
    assert found.badge is Badge.UNSAFE
    assert found.figure == "3 % twice"
    assert found.clauses[0].startswith("ran 3 % of runs twice")
    assert "(12 of 400; 95 %: 1.8-5.2 %)" in found.clauses[0]
    assert "missed 1.2 % of runs (5 of 400; 95 %: 0.53-2.9 %)" in found.clauses
    assert "nobody ran a job for up to 4.80 s longer than planned" in found.clauses
    assert "2 of 14 times a job did not start again before the end" in found.clauses


def test_a_job_beside_itself_is_unsafe_without_a_second_effect(make: SimpleNamespace) -> None:
    result = make.clean_result("a")
    found = judged(make, make.result("a", duplicate=0, never_started=0, lost=0))
    assert judged(make, result).badge is not Badge.UNSAFE
    assert found.badge is Badge.UNSAFE
    # Four in three trials.
    assert found.figure == "1.33 overlaps a trial"
    assert "ran a job beside itself" in found.clauses[0]


def test_due_times_that_meet_are_told_and_not_held_against_a_queue(make: SimpleNamespace) -> None:
    result = make.clean_result("a")
    busy = replace(result, overlap_count=2, overlap_seconds=1.5, max_concurrency=2)
    queue = {"a": Configuration("postgres-queue", exclusive=False)}
    assert judged(make, busy).badge is Badge.UNSAFE
    found = judged(make, busy, configurations=queue)
    assert found.badge in (Badge.OVERLAPS, Badge.GAPS)
    calm = judged(make, replace(busy, failover=CALM, outage=CALM), configurations=queue)
    assert (calm.badge, calm.figure) == (Badge.OVERLAPS, "0.667 overlaps a trial")
    assert found.clauses[-1] == (
        "runs of different due times overlapped (2 times, 1.50 s in all, up to 2 at once), "
        "which it does not promise to prevent"
    )
    twice = judged(make, replace(busy, overlapping=1), configurations=queue)
    assert twice.badge is Badge.UNSAFE


def test_missed_runs_are_gaps_and_lead_the_sentence(make: SimpleNamespace) -> None:
    result = make.clean_result()
    found = judged(
        make,
        make.result(
            result.approach,
            duplicate=0,
            overlap_count=0,
            failover=CALM,
            outage=CALM,
            intervals={"duplicate": (0.0, 0.0095), "missed": (0.0053, 0.029)},
        ),
    )
    assert found.badge is Badge.GAPS
    assert found.clauses[0].startswith("missed 1.2 % of runs")
    assert found.clauses[-1] == "ran none of 400 runs twice (95 %: below 0.95 %)"


@pytest.mark.parametrize(
    ("longest", "badge"), [(0.9, Badge.HELD), (1.1, Badge.GAPS), (None, Badge.GAPS)]
)
def test_an_outage_longer_than_the_grace_is_a_gap(
    make: SimpleNamespace, longest: float | None, badge: Badge
) -> None:
    result = make.result(
        duplicate=0,
        never_started=0,
        lost=0,
        overlap_count=0,
        failover=CALM,
        outage=Latency(14, 0 if longest else 1, Quantiles(0.4, 0.8, longest, longest)),
    )
    assert judged(make, result, setting={"grace": 1.0}).badge is badge


def test_what_held_is_told_with_its_bounds(make: SimpleNamespace) -> None:
    result = make.result(
        duplicate=0,
        once=400,
        never_started=0,
        lost=0,
        overlap_count=0,
        failover=CALM,
        outage=CALM,
        intervals={"duplicate": (0.0, 0.0095), "missed": (0.0, 0.0095)},
    )
    found = judged(make, result)
    assert found.badge is Badge.HELD
    assert found.figure == "0 (< 0.95 %)"
    assert found.sentence.startswith("ran each of 400 runs once")
    assert "95 %: below 0.95 %" in found.sentence
    # Two faults hit a worker in charge: no more can be said than that.
    assert found.bound == "None of 2 crashes made it run twice (95 %: below 66 % of them do)."
    assert "never" not in found.sentence


def test_what_was_not_measured_is_said_to_be_so(make: SimpleNamespace) -> None:
    skipped = judged(make, make.result(trials=0, skipped="no ZooKeeper here"))
    assert (skipped.badge, skipped.figure) == (Badge.NOT_MEASURED, "skipped")
    assert skipped.sentence == "skipped: no ZooKeeper here"
    reasons = ("seed 1: no run was expected in the 0 s", "seed 1: worker-1 was never ready")
    invalid = judged(make, make.result(trials=1, invalid_trials=1, invalid=reasons))
    assert invalid.sentence == "no valid trial: worker-1 was never ready"


def test_it_rests_on_trials_and_faults_that_hit(make: SimpleNamespace) -> None:
    assert judged(make, make.result()).basis == (
        "1 trial, in which 2 crashes hit a worker in charge"
    )
    calm = make.verdict(failover=(), outage=())
    found = judged(make, make.result(), verdicts={"redis-lock": (calm,)})
    assert found.basis.endswith("no crash, pause or partition hit a worker in charge")


def overlapping(path: Path, *pauses: tuple[str, float, float], at: Sequence[float]) -> Verdict:
    """w1 is paused as said, and w2 runs the job beside it at each of these times."""
    told = [event for name, start, end in pauses for event in paused(name, start, end)]
    runs = [
        event
        for start in at
        for event in (
            lease(start, "granted", "w1", name=f"a{start}", due=start),
            *ran(start, "w1", f"{start}", due=start, takes=0.6),
            lease(start + 0.3, "granted", "w2", name=f"b{start}", due=start + 0.3),
            *ran(start + 0.3, "w2", f"{start}", due=start + 0.3, takes=0.6),
        )
    ]
    return planted(path, told, runs, duration=40.0, jobs=(JobLine("report", 0.1, 0.1, 0.6),))


def paused(name: str, start: float, end: float) -> list[Event]:
    begun, over = fault(start, "pause", "w1"), healed(end, "pause")
    begun.fault = over.fault = name
    return [begun, over]


def headline(make: SimpleNamespace, verdict: Verdict) -> str:
    result = summarize("a", [tally(verdict)])
    return safety(make.comparison(result, verdicts={"a": (verdict,)}), result).clauses[0]


def test_it_says_when_it_happened_as_the_stories_tell(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    during = overlapping(tmp_path / "1.jsonl", ("p", 2.1, 4.0), at=(2.0,))
    assert "beside itself while its worker was paused (once" in headline(make, during)
    before = overlapping(tmp_path / "2.jsonl", at=(2.0,))
    assert "beside itself even without a fault (once" in headline(make, before)


def test_a_fault_long_before_is_no_cause(make: SimpleNamespace, tmp_path: Path) -> None:
    late = overlapping(tmp_path / "h.jsonl", ("p", 0.5, 0.7), at=(22.0,))
    assert "beside itself even without a fault (once" in headline(make, late)


def test_a_fault_on_another_at_that_time_is_neither_a_cause_nor_none(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    quiet = overlapping(tmp_path / "h.jsonl", at=(2.0,))
    other = [fault(2.1, "pause", "w3"), healed(2.5, "pause")]
    runs = read_history(quiet.path or Path()).events[:-1]
    found = planted(tmp_path / "o.jsonl", other, runs, duration=40.0, jobs=quiet.trial.jobs)
    assert "ran a job beside itself (once" in headline(make, found)


def test_where_causes_differ_each_is_counted(make: SimpleNamespace, tmp_path: Path) -> None:
    one = overlapping(
        tmp_path / "1.jsonl", ("p", 12.1, 14.0), ("q", 22.1, 24.0), at=(2.0, 12.0, 22.0)
    )
    assert (
        "beside itself while its worker was paused in 2 of 3 places and without a fault in 1 "
        "(3 times"
    ) in headline(make, one)


def test_of_more_trials_than_are_looked_at_it_is_said(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    one = overlapping(tmp_path / "1.jsonl", ("p", 12.1, 14.0), at=(2.0, 12.0))
    result = summarize("a", [tally(one)] * 3)
    tallies = {"a": [tally(one)] * 3}
    comparison = make.comparison(result, verdicts={"a": (one,)}, tallies=tallies)
    assert "in 1 of 2 places in 1 trial looked at" in safety(comparison, result).clauses[0]


def test_without_a_history_no_cause_is_told(make: SimpleNamespace) -> None:
    assert "of runs twice (12 of 400" in judged(make, make.result()).clauses[0]


def test_a_run_that_a_crash_took_with_it_was_missed_after_the_crash(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    told = [Event(at=2.0, kind="fault.injected", fault="crash#1", type="crash", targets=("w",))]
    path = make.history(tmp_path / "h.jsonl", told, faults=())
    run = Run(run="r", worker="w", job="j", due=1.9, started=1.9, ended=1.99, ending=Ending.DIED)
    verdict = make.verdict(
        path=path,
        runs=(run,),
        overlaps=(),
        failover=(),
        expected=(Expected("j", 1.9, Outcome.LOST, False, (run,)),),
    )
    result = make.result(duplicate=0, overlap_count=0)
    found = judged(make, result, verdicts={"redis-lock": (verdict,)})
    assert found.clauses[0].startswith("missed 1.2 % of runs after a crash")
