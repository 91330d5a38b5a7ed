"""`harness run --runtime sim` as users meet it: reproducible, and nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import COMMAND, ROOT, Ran, run_harness, run_scenario
from tests.live.processes import comes_true, family, is_alive, kill

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PROMPT = 1.0  # s; to be gone after a kill

SCENARIO = """
workers: 3
duration: {duration}
grace: 500ms
jobs:
  - {{name: report, every: 500ms, takes: 100ms}}
faults:
  - pause: {{target: random, every: 700ms, jitter: 200ms, for: 200ms}}
approaches:
  - uncoordinated
  - redis-lock
"""


def scenario(directory: Path, duration: str) -> Path:
    path = directory / "small.yaml"
    path.write_text(SCENARIO.format(duration=duration))
    return path


def simulated(directory: Path, out: str, *options: str, **env: str) -> Ran:
    path = scenario(directory, "4s")
    return run_scenario(path, directory / out, "--runtime", "sim", *options, env=env)


def test_the_same_seed_gives_the_same_results_to_the_last_digit(tmp_path: Path) -> None:
    options = ("--repeat", "6", "--seed", "5")
    one = simulated(tmp_path, "1", *options, "--side-by-side", "1", PYTHONHASHSEED="1")
    two = simulated(tmp_path, "2", *options, "--side-by-side", "2", PYTHONHASHSEED="2")
    assert one.document["results"] == two.document["results"]
    assert len(one.results["redis-lock"]["checksum"]) == 8
    for name in ("histories/redis-lock-5.jsonl", "histories/uncoordinated-7.jsonl"):
        assert (one.directory / name).read_bytes() == (two.directory / name).read_bytes()
    other = simulated(tmp_path, "3", "--repeat", "6", "--seed", "6")
    for name, result in other.results.items():
        assert result["checksum"] != one.results[name]["checksum"]


def test_the_report_says_what_was_simulated(tmp_path: Path) -> None:
    ran = simulated(tmp_path, "out")
    assert ran.code == 0, ran.err
    assert ran.err.startswith("simulating 2 trials on ")
    assert json.loads(ran.out) == ran.document
    assert ran.document["runtime"] == "sim"
    about = ran.document["about"]
    assert about["redis"].startswith("simulated, as Redis")
    assert "timers late by" not in about
    assert ran.results["redis-lock"]["mechanisms"] == ["simulated"]
    page = (ran.directory / "index.html").read_text()
    for text in ("runtime sim", "calibrated on", ran.results["redis-lock"]["checksum"]):
        assert text in page
    checked = run_harness("check", *sorted((ran.directory / "histories").iterdir()), "--json")
    for row in json.loads(checked.out)["histories"]:
        result = ran.results[row["approach"]]
        assert row["expected"] == result["expected"]
        assert row["lateness"] == result["lateness"]


def test_no_coordinator_is_needed(tmp_path: Path) -> None:
    ran = simulated(tmp_path, "out", PATH="", HARNESS_REDIS_URL="redis://127.0.0.1:1")
    assert ran.code == 0, ran.err
    assert ran.results["redis-lock"]["expected"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--runtime", "sim", "--histories", "faling"), "--histories faling: did you mean"),
        (("--runtime", "sim", "--histories", "x"), "--histories x: known: all, failing, none"),
        (("--runtime", "sim", "--calibration", "/no/such"), "/no/such: No such file"),
        (("--calibration", "/no/such"), "--calibration is for --runtime sim alone"),
    ],
)
def test_bad_input_gets_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = run_harness("run", "steady", "--out", tmp_path / "out", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_simulation_does_not_load_what_draws_charts() -> None:
    program = (
        "import sys, harness.cli.commands, harness.comparison.simulated; print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for heavy in ("'matplotlib'", "'pandas'", "'scipy'"):
        assert heavy not in done.stdout


@dataclass(frozen=True, slots=True)
class Simulating:
    """A run in the middle of its trials; `children` are its processes."""

    process: subprocess.Popen[str]
    children: list[tuple[int, float]]
    directory: Path

    def left(self) -> list[int]:
        return [pid for pid, created in self.children if is_alive(pid, created)]


@pytest.fixture(params=["10s", "20000s"], ids=["many trials", "two long trials"])
def simulating(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Simulating]:
    """Thousands of short trials, or two that take minutes each."""
    duration: str = request.param
    repeat = "5000" if duration == "10s" else "1"
    command = [
        *(COMMAND, "run", scenario(tmp_path, duration), "--runtime", "sim"),
        *("--json", "--out", tmp_path / "out", "--repeat", repeat, "--side-by-side", "2"),
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children: list[tuple[int, float]] = []
    try:
        histories = tmp_path / "out" / "histories"
        if duration == "10s":
            assert comes_true((histories / "uncoordinated-5.jsonl").exists)
        else:
            assert comes_true(lambda: _long(histories) == 2)
        children = family(process.pid)
        assert len(children) == 2
        yield Simulating(process, children, tmp_path / "out")
    finally:
        process.kill()
        process.communicate()
        kill(children)


def _long(histories: Path) -> int:
    # Its first line alone, with thousands of faults, is longer than a megabyte.
    return sum(path.stat().st_size > 2_000_000 for path in histories.glob("*.jsonl"))


def test_kill_9_leaves_no_process(simulating: Simulating) -> None:
    simulating.process.kill()
    simulating.process.wait()
    assert comes_true(lambda: not simulating.left(), PROMPT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_report_of_what_has_run(
    simulating: Simulating, number: signal.Signals
) -> None:
    # As Ctrl-C in a terminal: to the whole foreground group.
    os.killpg(simulating.process.pid, number)
    out, err = simulating.process.communicate(timeout=30.0)
    assert simulating.process.returncode == 130, err
    assert err.count("stopping, and reporting") == 1
    assert "Traceback" not in err
    assert not simulating.left()
    document = json.loads(out)
    for result in document["results"]:
        assert result["invalid"] == []
        assert result["expected"] > 0
    assert (simulating.directory / "index.html").exists()


def test_the_second_signal_ends_it_at_once(simulating: Simulating) -> None:
    os.killpg(simulating.process.pid, signal.SIGINT)
    # Another one: two of a kind may arrive as one.
    os.killpg(simulating.process.pid, signal.SIGTERM)
    assert comes_true(lambda: simulating.process.poll() is not None, 5.0)
    assert simulating.process.returncode == 130
    assert comes_true(lambda: not simulating.left(), PROMPT)
