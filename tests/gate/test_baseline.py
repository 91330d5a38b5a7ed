"""The baseline file: what is written can be read again, and is small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.gate.baseline import BaselineError, baseline_json, merged, read_baseline
from harness.gate.figures import Record
from harness.verdict.model import Outcome
from tests.fidelity.building import make_tally, samples, trials
from tests.gate.reports import comparison, recorded


def some(**changes: object) -> Record:
    tallies = [
        replace(one, seed=seed, failover=samples([1.0, 2.0 + 0.1 * seed, 9.0], end=8.0))
        for seed, one in enumerate(trials(5, "some"), 1)
    ]
    tallies[1] = replace(tallies[1], invalid=("no worker",), checksum=None)
    one = comparison({"a": tallies, "b": "no Redis here", "c": trials(3, "c")}, **changes)
    return recorded(one, {"ttl": 1.5, "inner": {"key": "job"}})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    records = (some(), some(scenario="another", setting={"faults": []}))
    path.write_text(baseline_json(records), "utf-8")
    assert read_baseline(path) == records


def test_invalid_trials_and_skipped_approaches_are_left_out() -> None:
    first, last = some().approaches
    assert (first.approach, last.approach) == ("a", "c")
    assert first.seeds == (1, 3, 4, 5)


@pytest.mark.parametrize("seeds", [(1, 2, 3), (-5, -4, -3), (7,), (3, 1, 2), (-1, 0, 1), (0,)])
def test_all_seeds_come_back(seeds: tuple[int, ...], tmp_path: Path) -> None:
    one = recorded(comparison({"a": [make_tally(seed) for seed in seeds]}))
    path = tmp_path / "baseline.json"
    path.write_text(baseline_json([one]), "utf-8")
    assert read_baseline(path)[0].approaches[0].seeds == seeds


def test_a_figure_has_a_line_and_one_that_is_the_same_in_all_trials_one_number() -> None:
    tallies = [make_tally(seed, outcomes={Outcome.ONCE: 40}) for seed in range(30)]
    lines = baseline_json([recorded(comparison({"a": tallies}))]).splitlines()
    assert '"expected": 40,' in lines
    assert '"seeds": "0-29",' in lines
    assert max(map(len, lines)) < 200


def test_sixty_trials_of_eight_approaches_in_three_scenarios_are_small() -> None:
    approaches = {f"approach-{place}": trials(60, place) for place in range(8)}
    records = [recorded(comparison(approaches, scenario=f"scenario-{k}")) for k in range(3)]
    assert len(baseline_json(records)) < 400_000


def test_a_new_report_takes_the_place_of_its_scenario_and_runtime_alone() -> None:
    old = [some(scenario="x"), some(scenario="y"), some(scenario="x", runtime="sim")]
    fresh = some(scenario="x", setting={"workers": 9})
    both = merged(old, [fresh])
    assert [one.title for one in both] == ["x (process)", "y (process)", "x (sim)"]
    assert both[0] is fresh


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a baseline of version 1"),
        ('{"version": 2, "reports": []}', "not a baseline of version 1"),
        ('{"version": 1, "scenario": "a report"}', "harness baseline DIR"),
        ('{"version": 1, "reports": [{}]}', "no 'scenario' in it"),
        ('{"version": 1, "reports": 3}', "not a baseline that can be read"),
    ],
)
def test_what_is_no_baseline_is_said_in_one_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(BaselineError, match=says) as caught:
        read_baseline(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="No such file"):
        read_baseline(tmp_path / "none.json")


def test_figures_without_some_of_the_trials_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    text = baseline_json([recorded(comparison({"a": trials(4, "x")}))])
    path.write_text(text.replace('"seeds": [', '"seeds": [1,'), "utf-8")
    with pytest.raises(BaselineError, match="4 of 5 trials"):
        read_baseline(path)
