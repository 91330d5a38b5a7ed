from __future__ import annotations

import dataclasses
from array import array
from types import SimpleNamespace

from harness.history.trial import FaultLine
from harness.report.charts.overlap import faults, in_columns, overlap_chart, shares
from harness.report.model import Comparison
from harness.report.palette import VIOLATION
from harness.verdict.tally import Stretches, Tally, tally

SETTING = {"faults": [{"type": "pause", "for": 4.0, "jitter": 0.0}]}


def trial(make: SimpleNamespace, *stretches: tuple[float, float]) -> Tally:
    packed = Stretches(
        tuple("report" for _ in stretches),
        array("d", [start for start, _ in stretches]),
        array("d", [end for _, end in stretches]),
        array("I", [2 for _ in stretches]),
    )
    return dataclasses.replace(tally(make.verdict()), overlaps=packed, overlap_count=len(stretches))


def test_the_share_is_of_the_trials_at_a_moment(make: SimpleNamespace) -> None:
    trials = [trial(make, (1.0, 3.0)), trial(make, (2.0, 4.0)), trial(make), trial(make)]
    assert shares(trials) == [(1.0, 0.25), (2.0, 0.5), (3.0, 0.25), (4.0, 0.0)]


def test_a_trial_counts_once_however_many_of_its_jobs_overlap(make: SimpleNamespace) -> None:
    assert shares([trial(make, (1.0, 3.0), (2.0, 5.0), (2.5, 2.6))]) == [(1.0, 1.0), (5.0, 0.0)]


def test_an_overlap_too_short_to_be_seen_is_still_drawn() -> None:
    assert in_columns([(2.0001, 0.5), (2.0002, 0.0)], 10.0, 10) == [(2.0, 0.5), (3.0, 0.0)]
    assert in_columns([(9.9, 1.0)], 10.0, 10) == [(9.0, 1.0)]
    assert in_columns([(1.5, 0.5), (7.25, 0.0)], 10.0, 10) == [(1.0, 0.5), (8.0, 0.0)]


def test_overlap_is_red_and_none_says_how_sure_that_is(make: SimpleNamespace) -> None:
    tallies = {"redis-lock": [trial(make, (1.0, 3.0))], "postgres-queue": [trial(make)] * 50}
    comparison = make.comparison(make.result(), make.clean_result(), tallies=tallies)
    chart = overlap_chart(comparison)
    assert chart is not None
    assert f"fill: {VIOLATION}" in chart.svg
    assert ">1 of 1: 0.10 s</text>" in chart.svg
    assert ">none in 50 (&lt; 7.1 %)</text>" in chart.svg


def test_without_overlap_there_is_nothing_to_draw(make: SimpleNamespace) -> None:
    tallies = {"redis-lock": [trial(make)]}
    assert overlap_chart(make.comparison(make.result(), tallies=tallies)) is None


def planned(make: SimpleNamespace, *times: float) -> Comparison:
    verdicts = tuple(
        make.verdict(trial=make.trial("a", 9.0, faults=(FaultLine("pause#1", "pause", at),)))
        for at in times
    )
    found: Comparison = make.comparison(make.result("a"), verdicts={"a": verdicts}, setting=SETTING)
    return found


def test_faults_are_known_where_they_were_the_same_in_every_trial(make: SimpleNamespace) -> None:
    assert faults(planned(make, 2.0, 2.0)) == [(2.0, 6.0, "pause")]
    assert faults(planned(make, 2.0, 2.5)) == []


def test_a_fault_that_chance_moves_is_not_drawn(make: SimpleNamespace) -> None:
    moved = {"faults": [{"type": "pause", "for": 4.0, "jitter": 1.0}]}
    assert faults(dataclasses.replace(planned(make, 2.0), setting=moved)) == []
