"""The baseline file: what is written can be read again, and is small."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

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
        ('{"version": 1, "reports": [{}]}', "a report: no 'scenario' in it"),
        ("[" * 100_000, "nested too deeply"),
        ('{"version": 1, "reports": ' + "[" * 500 + "]" * 500 + "}", "nested too deeply"),
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


PLAIN = {"expected": 50, "duplicate": [0, 1, 0]}


def written(path: Path, **changes: Any) -> Path:
    """A small baseline, changed as told; None leaves a field out."""
    approach = {
        "approach": "a",
        "algorithm": "redis-lock",
        "parameters": {},
        "sink": None,
        "exclusive": True,
        "mechanisms": [],
        "seeds": "1-3",
        "checksums": [],
        "counts": PLAIN,
        "times": {"failover": [[1.0], [None], []]},
    }
    report = {"scenario": "s", "runtime": "sim", "about": {}, "setting": {}}
    report |= {key: changes.pop(key) for key in list(changes) if key in report}
    rows = {key: value for key, value in {**approach, **changes}.items() if value != "GONE"}
    document = {"version": 1, "reports": [{**report, "approaches": [rows]}]}
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_a_small_baseline_is_read(tmp_path: Path) -> None:
    (one,) = read_baseline(written(tmp_path / "b.json"))[0].approaches
    assert one.seeds == (1, 2, 3)
    assert one.counts == {"expected": (50, 50, 50), "duplicate": (0, 1, 0)}
    assert one.times == {"failover": ((1.0,), (inf,), ())}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"times": "GONE"}, "s, a: no 'times' in it"),
        ({"counts": "GONE"}, "s, a: no 'counts' in it"),
        ({"algorithm": "GONE"}, "s, a: no 'algorithm' in it"),
        ({"approach": 3}, "s: 'approach' is 3, and not text"),
        ({"approach": None}, "s: 'approach' is None, and not text"),
        ({"scenario": 3}, "a report: 'scenario' is 3, and not text"),
        ({"runtime": ["sim"]}, "s: 'runtime' is a list, and not text"),
        ({"about": {"redis": 7}}, "s: redis in 'about' is 7, and not text"),
        ({"setting": []}, "s: 'setting' is a list, and not an object"),
        ({"parameters": [1]}, "s, a: 'parameters' is a list, and not an object"),
        ({"exclusive": 1}, "s, a: 'exclusive' is 1, and not yes or no"),
        ({"mechanisms": [7]}, "s, a: a mechanism is 7, and not text"),
        ({"checksums": [1, 2]}, "s, a: 2 checksums of 3 trials"),
        ({"checksums": ["x"] * 3}, "s, a: a checksum: 'x' is no whole number"),
        ({"counts": []}, "s, a: 'counts' is a list, and not an object"),
        ({"counts": {"expected": "many"}}, "s, a: expected: 'many' is no such number"),
        ({"counts": {"expected": -1}}, "s, a: expected: -1 is no such number"),
        ({"counts": {"expected": True}}, "s, a: expected: True is no such number"),
        ({"counts": {"expected": nan}}, "s, a: expected: nan is no such number"),
        ({"counts": {"expected": 10**400}}, "is no such number"),
        ({"counts": {"expected": [1, 2]}}, "s, a: expected has 2 of 3 trials"),
        ({"times": {"outage": 3}}, "s, a: outage is 3, and not a list"),
        ({"times": {"outage": [1, 2, 3]}}, "a trial of s, a: outage is 1, and not a list"),
        ({"times": {"outage": [[inf], [], []]}}, "s, a: outage: inf is no such number"),
        ({"seeds": "1-3000000000"}, "s, a: 3000000000 seeds; it must be 1 to 100000"),
        ({"seeds": "1-90000"}, "s, a: duplicate has 3 of 90000 trials"),
        ({"seeds": "1-0"}, "s, a: 0 seeds"),
        ({"seeds": "one"}, "s, a: seeds are 'one', and not two numbers"),
        ({"seeds": 3}, "s, a: 'seeds' is 3, and not a list"),
        ({"seeds": [1, 1, 2]}, "1 is in the seeds of s, a more than once"),
        ({"seeds": [1, 2, "x"]}, "s, a: a seed: 'x' is no whole number"),
        ({"approach": "a\nb", "seeds": 3}, "s, a b: 'seeds' is 3"),
    ],
)
def test_what_is_wrong_in_a_baseline_is_said_in_one_line(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "baseline.json", **changes)
    with pytest.raises(BaselineError, match=re.escape(says)) as caught:
        read_baseline(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_report_or_an_approach_that_is_in_it_twice_is_told(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path / "b.json").read_text())
    reports = document["reports"]
    reports.append(reports[0])
    (tmp_path / "b.json").write_text(json.dumps(document))
    with pytest.raises(BaselineError, match=r"s \(sim\) is in the file more than once"):
        read_baseline(tmp_path / "b.json")
