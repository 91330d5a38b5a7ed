"""`harness gate` and `harness baseline`, as users run them: what they print, and their codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.cli.commands import app
from harness.scenario.model import Expectation
from harness.session import Exit
from harness.verdict.model import Outcome
from harness.verdict.tally import Tally
from tests.fidelity.building import make_tally
from tests.gate.reports import comparison, write


def plain(count: int = 10, **changes: Any) -> list[Tally]:
    return [make_tally(seed, **changes) for seed in range(count)]


TWICE = plain(outcomes={Outcome.ONCE: 49, Outcome.DUPLICATE: 1})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(comparison({"a": plain()}), tmp_path / "good", {"a": {"ttl": 1.0}})


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write(comparison({"a": TWICE}), tmp_path / "bad", {"a": {"ttl": 1.0}})


@pytest.fixture
def known(good: Path, tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "baseline.json"
    done = run("baseline", good, "--out", path)
    assert done.exit_code == Exit.OK
    assert done.output == (f"made-up (process), trials: a (10)\nbaseline: {path}\n")
    return path


def run(*arguments: str | Path, **env: str) -> Result:
    given = {"GITHUB_ACTIONS": "false", "COLUMNS": "300", **env}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=given)


def test_a_good_report_passes(good: Path) -> None:
    done = run("gate", good)
    assert (done.exit_code, done.output) == (
        Exit.OK,
        "gate: passed: 1 passed, no baseline: only trials and expectations were looked at\n",
    )


def test_an_expectation_that_is_not_met_fails(tmp_path: Path) -> None:
    expect = (Expectation("all", "duplicate", maximum=0),)
    directory = write(comparison({"a": TWICE}, expect=expect), tmp_path / "run")
    done = run("gate", directory)
    assert done.exit_code == Exit.VIOLATION
    assert "    duplicate is 10, expected at most 0; see seed 0" in done.output
    assert done.output.endswith("gate: failed: 1 expectation not met, 1 passed\n")


def test_an_invalid_trial_is_inconclusive(tmp_path: Path) -> None:
    directory = write(comparison({"a": plain(3, invalid=("no worker",))}), tmp_path / "run")
    assert run("gate", directory).exit_code == Exit.INCONCLUSIVE


def test_only_skipped_is_inconclusive(tmp_path: Path) -> None:
    directory = write(comparison({"a": "no Redis here"}), tmp_path / "run")
    assert run("gate", directory).exit_code == Exit.INCONCLUSIVE


def test_the_same_passes_against_its_baseline(good: Path, known: Path) -> None:
    done = run("gate", good, "--baseline", known)
    assert done.exit_code == Exit.OK
    assert done.output.startswith("gate: passed: ")


def test_a_regression_fails_and_says_where_to_look(bad: Path, known: Path) -> None:
    (bad / "histories").mkdir()
    history = bad / "histories" / "a-0.jsonl"
    history.touch()
    done = run("gate", bad, "--baseline", known)
    assert done.exit_code == Exit.VIOLATION
    assert "duplicate: 10 of 500, baseline 0 of 500 (true rate below 0.76 %, 95 %)" in done.output
    assert f"    look at {history}\n    look at {bad}/index.html#made-up/a\n" in done.output
    assert "gate: failed: 1 regression, " in done.output


def test_several_reports_are_judged_together(good: Path, tmp_path: Path) -> None:
    other = write(comparison({"b": plain()}, scenario="another"), tmp_path / "other")
    path = tmp_path / "both.json"
    assert run("baseline", good, other, "--out", path).exit_code == Exit.OK
    assert run("gate", good, other, "--baseline", path).exit_code == Exit.OK
    alone = run("gate", good, "--baseline", path)
    assert alone.exit_code == Exit.INCONCLUSIVE
    assert "the baseline has it, and no report of it was given" in alone.output
    assert run("gate", good, "--baseline", path, "--across", "missing").exit_code == Exit.OK


def test_what_differs_is_refused_in_a_line_each(known: Path, tmp_path: Path) -> None:
    about = {"machine": "that one", "redis": "Redis 7", "versions": "harness 1, Python 3"}
    other = comparison({"a": plain()}, about=about, setting={"workers": 9})
    directory = write(other, tmp_path / "other", {"a": {"ttl": 2.0}})
    done = run("gate", directory, "--baseline", known)
    assert done.exit_code == Exit.BAD_INPUT
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert (
        "made-up (process), a: ttl was 1.0, is 2.0; to compare all the same: --across parameters"
        in lines
    )
    options = [f"--across={one}" for one in ("parameters", "machine", "scenario")]
    assert run("gate", directory, "--baseline", known, *options).exit_code == Exit.OK


def test_all_cases_come_as_json(bad: Path, known: Path) -> None:
    done = run("gate", bad, "--baseline", known, "--json")
    assert done.exit_code == Exit.VIOLATION
    document = json.loads(done.stdout)
    assert (document["version"], document["status"]) == (1, "failed")
    (failed,) = (case for case in document["cases"] if case["status"] == "failed")
    assert failed["measure"] == "duplicate"
    assert failed["figures"] == {"baseline": 0, "now": 10, "of": 500, "baseline of": 500}


def test_junit_is_written(bad: Path, known: Path, tmp_path: Path) -> None:
    path = tmp_path / "gate.xml"
    assert run("gate", bad, "--baseline", known, "--junit", path).exit_code == Exit.VIOLATION
    assert "<failure" in path.read_text()
    unwritable = run("gate", bad, "--junit", tmp_path / "no" / "gate.xml")
    assert unwritable.exit_code == Exit.BAD_INPUT


def test_github_is_shown_annotations_and_json_stays_json(bad: Path, known: Path) -> None:
    shown = run("gate", bad, "--baseline", known, GITHUB_ACTIONS="true")
    assert "::error" in shown.stdout
    asked = run("gate", bad, "--baseline", known, "--json", GITHUB_ACTIONS="true")
    assert json.loads(asked.stdout)
    assert "::error" in asked.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gate", "nowhere"), "nowhere/results.json: No such file"),
        (("gate", "GOOD", "--baseline", "nowhere"), "nowhere: No such file"),
        (("gate", "GOOD", "--baseline", "GOOD/results.json"), "not a baseline of version 1"),
        (("gate", "GOOD", "GOOD", "--baseline", "KNOWN"), "several reports of made-up (process)"),
        (("gate", "GOOD", "--across", "machines"), "--across machines: did you mean 'machine'"),
        (("baseline", "nowhere"), "nowhere/results.json: No such file"),
        (("baseline", "GOOD", "GOOD", "--out", "KNOWN"), "several reports of made-up (process)"),
        (("baseline", "GOOD", "--out", "GOOD/results.json"), "not a baseline of version 1"),
    ],
)
def test_bad_input_is_said_in_one_line(
    arguments: tuple[str, ...], says: str, good: Path, known: Path
) -> None:
    given = [one.replace("GOOD", str(good)).replace("KNOWN", str(known)) for one in arguments]
    done = run(*given)
    assert done.exit_code == Exit.BAD_INPUT
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "tallies",
    [{"a": [*plain(3), make_tally(9, invalid=("x",))]}, {"a": plain(2, partial=True)}],
)
def test_a_baseline_from_what_is_broken_is_refused_unless_forced(
    tallies: dict[str, list[Tally]], tmp_path: Path
) -> None:
    directory, path = write(comparison(tallies), tmp_path / "run"), tmp_path / "b.json"
    refused = run("baseline", directory, "--out", path)
    assert refused.exit_code == Exit.BAD_INPUT
    assert refused.stderr.count("\n") == 1
    assert "--force" in refused.stderr
    assert not path.exists()
    assert run("baseline", directory, "--out", path, "--force").exit_code == Exit.OK
    assert path.exists()


def test_a_baseline_keeps_the_scenarios_that_are_not_given(known: Path, tmp_path: Path) -> None:
    other = write(comparison({"b": plain()}, scenario="another"), tmp_path / "other")
    assert run("baseline", other, "--out", known).exit_code == Exit.OK
    names = [one["scenario"] for one in json.loads(known.read_text())["reports"]]
    assert names == ["another", "made-up"]


def test_without_a_file_the_runtime_names_it(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("baseline", good).exit_code == Exit.OK
    assert (tmp_path / "reports" / "baseline" / "process.json").exists()
    other = write(comparison({"a": plain()}, runtime="sim"), tmp_path / "sim")
    assert "say where with --out" in run("baseline", good, other).stderr


def test_a_name_cannot_begin_a_command_to_github(tmp_path: Path) -> None:
    strange = "made-up\n::warning::all is well\r::error::"
    directory = write(comparison({"a": plain()}, scenario=strange), tmp_path / "run")
    path = tmp_path / "b.json"
    written = run("baseline", directory, "--out", path)
    assert written.exit_code == Exit.OK
    other = comparison({"a": plain()}, scenario=strange, setting={"workers": 9})
    refused = run("gate", write(other, tmp_path / "other"), "--baseline", path)
    twice = run("gate", directory, directory, "--baseline", path)
    gone = run("gate", write(comparison({"a": plain()}), tmp_path / "third"), "--baseline", path)
    assert (refused.exit_code, twice.exit_code) == (Exit.BAD_INPUT, Exit.BAD_INPUT)
    assert "--across scenario" in refused.stderr
    for done in (written, refused, twice, gone):
        # As GitHub reads it: a line ends at either sign, and may be indented.
        lines = done.output.replace("\r", "\n").split("\n")
        assert not [line for line in lines if line.strip().startswith("::")]


def test_a_shrunken_run_is_refused_in_one_line(known: Path, tmp_path: Path) -> None:
    directory = write(comparison({"a": plain(1)}), tmp_path / "one", {"a": {"ttl": 1.0}})
    done = run("gate", directory, "--baseline", known)
    assert done.exit_code == Exit.BAD_INPUT
    assert done.stderr == (
        "made-up (process): the number of trials of a was 10, is 1; "
        "to compare all the same: --across trials\n"
    )
    assert run("gate", directory, "--baseline", known, "--across", "trials").exit_code == Exit.OK


@pytest.mark.parametrize("field", ["counts", "times", "seeds"])
def test_a_baseline_with_something_cut_out_of_it_is_bad_input(
    field: str, good: Path, known: Path
) -> None:
    document = json.loads(known.read_text())
    del document["reports"][0]["approaches"][0][field]
    known.write_text(json.dumps(document))
    done = run("gate", good, "--baseline", known)
    assert done.exit_code == Exit.BAD_INPUT
    assert done.stderr.endswith(f"made-up, a: no '{field}' in it\n")
    assert done.stderr.count("\n") == 1


def test_figures_cut_out_of_a_baseline_are_told_and_pass(good: Path, known: Path) -> None:
    document = json.loads(known.read_text())
    approach = document["reports"][0]["approaches"][0]
    del approach["counts"]["duplicate"], approach["times"]["failover"]
    known.write_text(json.dumps(document))
    done = run("gate", good, "--baseline", known)
    assert done.exit_code == Exit.OK
    assert "duplicate: the baseline has nothing to compare with" in done.output
