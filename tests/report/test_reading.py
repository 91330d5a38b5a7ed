"""A report read back gives the comparison that it was written from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.comparison.request import Histories, Request
from harness.comparison.simulated import SimulatedComparison
from harness.report.configuration import configurations
from harness.report.document import results_json
from harness.report.documents import ReportError
from harness.report.model import Comparison
from harness.report.reading import read_report
from harness.report.writing import write_report
from harness.runtimes.calibration import default_calibration
from harness.scenario.model import ALL, Expectation
from harness.scenario.setting import setting
from tests.small_scenario import choice, small

# Whole reports are written.
pytestmark = pytest.mark.commands


class Nobody:
    def simulating(self, trials: int, processes: int) -> None: ...

    def reached(self, over: int, under_way: float) -> None: ...


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Comparison]:
    (tmp_path / "histories").mkdir()
    scenario = small(
        approaches=(choice("uncoordinated"), choice("redis-lock", ttl=1.0)),
        expect=(Expectation(ALL, "duplicate", maximum=0.0),),
    )
    request = Request(
        scenario=scenario,
        runtime="sim",
        seed=3,
        repeat=2,
        directory=tmp_path,
        histories=Histories.FAILING,
    )
    running = SimulatedComparison(request, default_calibration(), Nobody())
    found = running.measured(running.run(lambda: False))
    comparison = Comparison(
        scenario=scenario.name,
        description="two approaches",
        runtime="sim",
        seed=3,
        results=found.results,
        tallies=found.tallies,
        verdicts=found.verdicts,
        about=found.about,
        notes=("a note",),
        expect=scenario.expect,
        setting=setting(scenario),
        configurations=configurations(scenario),
    )
    write_report(comparison, tmp_path)
    return tmp_path, comparison


def test_the_figures_are_the_same(written: tuple[Path, Comparison]) -> None:
    directory, comparison = written
    back = read_report(directory)
    assert results_json(back) == results_json(comparison)
    assert back.checks == comparison.checks
    assert {name: [v.trial.seed for v in found] for name, found in back.verdicts.items()} == {
        name: [v.trial.seed for v in found] for name, found in comparison.verdicts.items()
    }


def test_the_page_is_the_same(written: tuple[Path, Comparison], tmp_path: Path) -> None:
    directory, _ = written
    before = (directory / "index.html").read_bytes()
    write_report(read_report(directory), directory)
    assert (directory / "index.html").read_bytes() == before


def test_a_directory_without_a_report_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"results\.json: No such file or directory; a report"):
        read_report(tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "version None is not known"),
        (json.dumps({"version": 7}), "version 7 is not known"),
        (json.dumps({"version": 1}), "it has no 'scenario'"),
    ],
)
def test_what_is_no_report_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "results.json").write_text(text)
    (tmp_path / "trials.jsonl").write_text("")
    with pytest.raises(ReportError, match=why):
        read_report(tmp_path)


def trials(directory: Path) -> list[str]:
    return (directory / "trials.jsonl").read_text().splitlines(keepends=True)


def changed(line: str, **values: object) -> str:
    return json.dumps({**json.loads(line), **values}) + "\n"


def test_trials_that_are_missing_are_missed(written: tuple[Path, Comparison]) -> None:
    directory, _ = written
    (directory / "trials.jsonl").write_text("".join(trials(directory)[:3]))
    with pytest.raises(ReportError, match=r"redis-lock: trials 1, but 2 in results\.json"):
        read_report(directory)


def test_a_seed_that_stands_twice_is_refused(written: tuple[Path, Comparison]) -> None:
    directory, _ = written
    (directory / "trials.jsonl").write_text("".join(trials(directory) * 2))
    with pytest.raises(ReportError, match=r"jsonl:5: uncoordinated has seed 3 before"):
        read_report(directory)


def test_trials_of_another_run_are_refused(written: tuple[Path, Comparison]) -> None:
    directory, _ = written
    first, *others = trials(directory)
    for line, why in (
        (changed(first, checksum=1), "checksum"),
        (changed(first, invalid=["torn"]), "invalid trials 1, but 0"),
        (first + changed(first, approach="nobody"), "trials of nobody, which did not run"),
    ):
        (directory / "trials.jsonl").write_text(line + "".join(others))
        with pytest.raises(ReportError, match=why):
            read_report(directory)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("expect", 0, "measure"), "nonsense"),
        (("expect", 0, "min"), "none"),
        (("expect", 0, "max"), 10**400),
        (("notes",), [1]),
        (("about",), {"command": 1}),
        (("seed",), "1"),
        (("setting", "faults"), ["crash"]),
        (("interrupted",), None),
        (("results", 0, "trials"), True),
        (("results",), {}),
        (("results", 1, "approach"), "uncoordinated"),
        (("results", 0, "parameters"), json.loads("[" * 90 + "]" * 90)),
    ],
)
def test_results_that_are_none_are_refused_in_one_line(
    written: tuple[Path, Comparison], place: tuple[str | int, ...], value: object
) -> None:
    directory, _ = written
    path = directory / "results.json"
    inner = document = json.loads(path.read_text())
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ReportError, match=r"results\.json: not") as raised:
        read_report(directory)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["results.json", "trials.jsonl"])
def test_what_is_nested_too_deeply_is_refused(written: tuple[Path, Comparison], name: str) -> None:
    directory, _ = written
    (directory / name).write_text("[" * 100_000)
    with pytest.raises(ReportError, match="nested too deeply"):
        read_report(directory)


def test_a_torn_trial_names_its_line(written: tuple[Path, Comparison]) -> None:
    directory, _ = written
    with (directory / "trials.jsonl").open("a") as file:
        file.write('{"approach": "redis-lo')
    with pytest.raises(ReportError, match=r"trials\.jsonl:5: not a trial"):
        read_report(directory)


def test_a_history_that_was_changed_is_not_shown(written: tuple[Path, Comparison]) -> None:
    directory, _ = written
    history = next((directory / "histories").glob("uncoordinated-*.jsonl"))
    history.write_bytes(b"".join(history.read_bytes().splitlines(keepends=True)[:-3]))
    with pytest.raises(ReportError, match=r"jsonl: not the history that was judged"):
        read_report(directory)
