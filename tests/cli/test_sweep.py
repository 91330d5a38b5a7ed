"""A tiny sweep in simulation, from the command line to its page; and what `compare` makes of it."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.cli.commands import app
from harness.comparison.request import Runtime
from harness.report.documents import ReportError
from harness.report.points import is_sweep, point_directories, read_sweep
from harness.session import Exit, StopSignals

pytestmark = pytest.mark.commands

SCENARIO = """
workers: 3
duration: 6s
grace: 1s
jobs: [{name: report, every: 1s, first: 700ms, takes: 600ms}]
faults: [pause: {target: running, for: 2s, at: 2s}]
approaches: [uncoordinated, redis-lock: {ttl: 1s, key: job}]
expect: {all: {overlap: 0}}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenarios") / "small.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture(scope="module")
def swept(scenario: Path) -> tuple[Result, Path]:
    directory = scenario.parent / "out"
    options = ("--param", "redis-lock.ttl=500ms,3s", "--runtime", Runtime.SIM, "--repeat", "3")
    return run("sweep", scenario, *options, "--out", directory, "--json"), directory


@pytest.fixture
def copy(swept: tuple[Result, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(swept[1], tmp_path / "copy"))


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_sweep_ends_well_whatever_was_expected_of_the_scenario_as_written(
    swept: tuple[Result, Path],
) -> None:
    done, _ = swept
    assert done.exit_code == Exit.OK, done.output


def test_every_point_has_a_report_of_its_own(swept: tuple[Result, Path]) -> None:
    _, directory = swept
    points = {"as-written", "redis-lock.ttl=500ms", "redis-lock.ttl=3s"}
    report = {"sweep.json", "results.json", "results.csv", "summary.md", "index.html", "charts"}
    assert names_in(directory) == points | report
    for point in points:
        assert {"results.json", "trials.jsonl", "index.html"} <= names_in(directory / point)


def test_sweep_json_says_what_each_point_is(swept: tuple[Result, Path]) -> None:
    _, directory = swept
    document = json.loads((directory / "sweep.json").read_text())
    assert document["version"] == 1
    assert document["scenario"] == "small"
    assert document["parameters"] == [{"name": "redis-lock.ttl", "values": ["500ms", "3s"]}]
    for point in document["points"]:
        results = json.loads((directory / point["directory"] / "results.json").read_text())
        for row in results["results"]:
            ttl = point["values"].get("redis-lock.ttl")
            assert (row["approach"] == "redis-lock") == (ttl is not None)
            if ttl is not None:
                assert row["parameters"]["ttl"] == {"500ms": 0.5, "3s": 3.0}[ttl]


def test_what_nothing_concerns_is_run_once(swept: tuple[Result, Path]) -> None:
    _, directory = swept
    with (directory / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["redis-lock.ttl"], row["approach"]) for row in rows] == [
        ("", "uncoordinated"),
        ("0.5", "redis-lock"),
        ("3.0", "redis-lock"),
    ]


def test_a_lock_that_lasts_longer_overlaps_less(swept: tuple[Result, Path]) -> None:
    _, directory = swept
    with (directory / "results.csv").open() as file:
        _, short, long = (float(row["overlap.seconds"]) for row in csv.DictReader(file))
    assert short > long == 0.0


def test_json_goes_to_stdout_and_progress_to_stderr(swept: tuple[Result, Path]) -> None:
    done, directory = swept
    assert json.loads(done.stdout) == json.loads((directory / "results.json").read_text())
    assert "point 2 of 3: redis-lock.ttl=500ms (redis-lock)" in done.stderr
    assert "3 points, 9 trials" in done.stderr


def test_the_charts_are_on_the_page_and_beside_it(swept: tuple[Result, Path]) -> None:
    _, directory = swept
    names = {"sweep-violations", "sweep-overlap", "sweep-recovery"}
    assert names_in(directory / "charts") == {
        f"{n}.{kind}" for n in names for kind in ("svg", "png")
    }
    assert "over redis-lock.ttl" in (directory / "index.html").read_text()


def test_compare_renders_a_sweep_anew_the_same(copy: Path) -> None:
    before = {name: (copy / name).read_bytes() for name in ("results.csv", "results.json")}
    chart = (copy / "charts" / "sweep-overlap.svg").read_bytes()
    for name in ("results.csv", "results.json", "index.html", "summary.md"):
        (copy / name).unlink()
    shutil.rmtree(copy / "charts")
    done = run("compare", copy)
    assert done.exit_code == Exit.OK, done.output
    assert {name: (copy / name).read_bytes() for name in before} == before
    assert (copy / "charts" / "sweep-overlap.svg").read_bytes() == chart
    assert (copy / "index.html").exists()


def test_compare_puts_runs_on_one_page_under_labels_of_what_differs(
    swept: tuple[Result, Path], tmp_path: Path
) -> None:
    _, directory = swept
    out = tmp_path / "both"
    points = (directory / "redis-lock.ttl=500ms", directory / "redis-lock.ttl=3s")
    done = run("compare", *points, "--out", out, "--title", "Short <and> long")
    assert done.exit_code == Exit.OK, done.output
    with (out / "results.csv").open() as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert labels == ["small (redis-lock.ttl 500ms)", "small (redis-lock.ttl 3s)"]
    assert len(json.loads((out / "results.json").read_text())["comparisons"]) == 2
    page = (out / "index.html").read_text()
    assert "Short &lt;and&gt; long" in page
    again = run("compare", *points, "--out", out)
    assert again.exit_code == Exit.OK, again.output
    itself = run("compare", out)
    assert itself.exit_code == Exit.BAD_INPUT
    assert "give the directories it is of" in itself.stderr


def test_compare_writes_a_single_run_anew_in_its_place(copy: Path) -> None:
    point = copy / "as-written"
    before = (point / "results.json").read_bytes()
    (point / "index.html").unlink()
    done = run("compare", point)
    assert done.exit_code == Exit.OK, done.output
    assert (point / "results.json").read_bytes() == before
    assert "uncoordinated" in (point / "index.html").read_text()


def test_all_that_cannot_be_compared_is_said(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    point = copy / "as-written"
    done = run("compare", tmp_path / "empty", tmp_path / "nowhere", point, point)
    assert done.exit_code == Exit.BAD_INPUT
    told = [line for line in done.stderr.splitlines() if not line.startswith("reading")]
    assert len(told) == 3
    assert told[0] == f"{point} is given 2 times"
    assert "empty/results.json: No such file" in told[1]
    assert "nowhere/results.json: No such file" in told[2]


def test_compare_touches_no_directory_of_other_things(
    swept: tuple[Result, Path], tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("mine")
    points = (swept[1] / "as-written", swept[1] / "redis-lock.ttl=3s")
    done = run("compare", *points, "--out", tmp_path)
    assert done.exit_code == Exit.BAD_INPUT
    assert "holds something else (precious)" in done.stderr


def test_the_command_of_a_point_repeats_that_point(
    swept: tuple[Result, Path], tmp_path: Path
) -> None:
    for name in ("redis-lock.ttl=500ms", "as-written"):
        before = swept[1] / name
        command = json.loads((before / "results.json").read_text())["about"]["command"]
        out = tmp_path / name
        again = run(*shlex.split(command)[1:], "--out", out)
        assert again.exit_code in (Exit.OK, Exit.VIOLATION), again.output
        after = out / name if is_sweep(out) else out
        trials = (before / "trials.jsonl").read_text()
        assert trials == (after / "trials.jsonl").read_text()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("values", []),
        ("values", {"redis-lock.ttl": 1}),
        ("directory", 1),
        ("directory", None),
    ],
)
def test_a_point_that_is_none_is_refused_in_one_line(
    copy: Path, name: str, changed: object
) -> None:
    document = json.loads((copy / "sweep.json").read_text())
    document["points"][0][name] = changed
    (copy / "sweep.json").write_text(json.dumps(document))
    with pytest.raises(ReportError, match=f"not a sweep that can be read: .*{name}"):
        read_sweep(copy)


def test_a_sweep_nested_too_deeply_is_refused(copy: Path) -> None:
    (copy / "sweep.json").write_text("[" * 100_000)
    with pytest.raises(ReportError, match="nested too deeply"):
        read_sweep(copy)


def test_bad_parameters_end_it_before_anything_runs(scenario: Path, tmp_path: Path) -> None:
    options = ("--param", "redis-lock.ttl=abc", "--param", "wrkers=3", "--out", tmp_path / "out")
    done = run("sweep", scenario, "--runtime", "sim", *options)
    assert done.exit_code == Exit.BAD_INPUT
    assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "out").exists()


def test_an_interrupted_sweep_keeps_what_is_done(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.cli import sweep

    ran = []

    def stops_after_the_first(request: Any, words: Any, progress: Any, stop: StopSignals) -> Exit:
        ran.append(request.directory.name)
        code = run_point(request, words, progress, stop)
        stop.seen = True
        return code

    run_point = sweep._run_point
    monkeypatch.setattr(sweep, "_run_point", stops_after_the_first)
    out = tmp_path / "out"
    done = run("sweep", scenario, "--param", "workers=2,3", "--runtime", "sim", "--out", out)
    assert done.exit_code == Exit.INTERRUPTED
    assert ran == ["workers=2"]
    assert [point.directory for point in read_sweep(out).points] == ran
    assert (out / "index.html").exists()


def test_directories_of_points_are_harmless_names_and_no_two_the_same() -> None:
    hostile = "{median: ../../etc/passwd, sigma: 0}\n\x00\u202e" + "x" * 300
    points = [{"a.b": hostile}, {"a.b": hostile + "y"}, {"A.b": hostile}, {}, {"w": "50%"}]
    names = point_directories(points)
    assert len({name.lower() for name in names}) == len(names)
    assert all(len(name) < 120 and "/" not in name and not name.startswith(".") for name in names)
    assert names[3] == "as-written"


@pytest.mark.parametrize("directory", ["..", "../out", "/etc", "a/b"])
def test_a_sweep_leads_to_its_own_points_alone(copy: Path, directory: str) -> None:
    document = json.loads((copy / "sweep.json").read_text())
    document["points"][0]["directory"] = directory
    (copy / "sweep.json").write_text(json.dumps(document))
    done = run("compare", copy)
    assert done.exit_code == Exit.BAD_INPUT
    assert "not a sweep that can be read" in done.stderr
