"""Whatever happens to the runner, nothing outlives it, and what it wrote can be read."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.coordinators.found import Found
from harness.history.reading import read_history
from tests.command import run_harness
from tests.live.processes import comes_true, is_alive, state_of
from tests.live.running import Running

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PROMPT = 5.0  # s; to be gone

# Long after all have begun to run, it would still be holding a worker paused.
SCENARIO = """
workers: 3
duration: 90s
grace: 200ms
jobs:
  - {name: report, every: 500ms, takes: 200ms}
faults:
  - pause: {target: worker-1, at: 1s, for: 60s}
approaches:
  - redis-lock
  - zookeeper-leader
  - postgres-queue
  - uncoordinated
"""


@pytest.fixture
def running(tmp_path: Path, coordinators: dict[str, Found]) -> Iterator[Running]:
    """A run in the middle of its faults, on all the coordinators that there are."""
    scenario = tmp_path / "long.yaml"
    scenario.write_text(SCENARIO)
    with Running(scenario, tmp_path / "out") as running:
        trials = 1 + sum(one.source is not None for one in coordinators.values())
        assert comes_true(lambda: len(running.histories()) == trials)
        assert comes_true(lambda: running.has_recorded("fault.injected"))
        started = running.note_family()
        # Three workers a trial, the zygote, the reaper, and servers.
        assert len(started) >= 3 * trials + 2
        assert len(running.marked()) >= 3 * trials + 1
        assert sum(state_of(pid) == "T" for pid, _ in started) == trials
        assert len(running.launched()) == 1
        yield running


def left_of(running: Running, started: list[tuple[int, float]]) -> list[object]:
    """The processes and directories of a run that are still there."""
    alive = [pid for pid, created in started if is_alive(pid, created)]
    return [*alive, *running.marked(), *running.launched()]


def test_kill_9_leaves_nothing_and_histories_that_can_be_judged(running: Running) -> None:
    started = running.note_family()
    assert left_of(running, started)
    running.process.kill()
    running.process.wait()
    assert comes_true(lambda: not left_of(running, started), PROMPT), left_of(running, started)
    checked = run_harness("check", *running.histories(), "--json")
    assert checked.code in (0, 4), checked.err
    judged = json.loads(checked.out)["histories"]
    assert [Path(row["history"]) for row in judged] == running.histories()
    for row in judged:
        assert row["partial"] is True
        assert row["expected"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_report_of_what_there_is(
    running: Running, number: signal.Signals
) -> None:
    started = running.note_family()
    if number == signal.SIGINT:
        # As Ctrl-C in a terminal: to the whole foreground group.
        os.killpg(running.process.pid, number)
    else:
        running.process.send_signal(number)
    ran = running.finished()
    assert ran.code == 130, ran.err
    assert comes_true(lambda: not left_of(running, started), PROMPT), left_of(running, started)
    assert json.loads(ran.out) == ran.document
    assert (running.directory / "index.html").read_text().rstrip().endswith("</html>")
    for path in running.histories():
        history = read_history(path)
        assert not history.torn
        assert [e.reason for e in history.events if e.kind == "trial.ended"] == ["interrupted"]
    judged = [result for result in ran.results.values() if not result["skipped"]]
    assert len(judged) == len(running.histories())
    assert all(result["expected"] > 0 and not result["invalid"] for result in judged)
