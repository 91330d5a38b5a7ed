"""Trials that break their coordinators have them for themselves, and leave nothing of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.coordinators.found import Found
from harness.history.reading import read_history
from tests.command import run_harness
from tests.live.processes import comes_true, is_alive
from tests.live.running import Running

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

PROMPT = 10.0  # s; to be gone

SCENARIO = """
workers: 2
duration: 90s
grace: 200ms
jobs:
  - {name: report, every: 500ms, takes: 100ms}
coordinators: {redis: {replicas: 1}, postgres: {replicas: 1}}
faults:
  - coordinator-pause: {nodes: leader, at: 1s, for: 60s}
approaches:
  - redis-lock
  - postgres-queue
"""


@pytest.fixture
def running(tmp_path: Path, coordinators: dict[str, Found]) -> Iterator[Running]:
    """A run whose primaries stand still."""
    if not all(coordinators[name].source for name in ("redis", "postgres")):
        pytest.skip("it takes Redis and Postgres")
    scenario = tmp_path / "long.yaml"
    scenario.write_text(SCENARIO)
    with Running(scenario, tmp_path / "out") as running:
        assert comes_true(lambda: len(running.histories()) == 2, 60.0)
        assert comes_true(lambda: running.has_recorded("fault.injected"), 60.0)
        running.note_family()
        yield running


def programs(started: list[tuple[int, float]]) -> list[str]:
    """What runs, for each of these processes that lives."""
    return [" ".join(psutil.Process(pid).cmdline()) for pid, at in started if is_alive(pid, at)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_run_ends_its_servers(running: Running, number: signal.Signals) -> None:
    started = running.note_family()
    said = programs(started)
    assert sum("sentinel" in one for one in said) == 3
    assert sum("redis-server" in one and "sentinel" not in one for one in said) == 2
    if number == signal.SIGINT:
        os.killpg(running.process.pid, number)
        assert running.finished().code == 130
    else:
        running.process.kill()
        running.process.wait()

    def left() -> list[object]:
        alive = [pid for pid, created in started if is_alive(pid, created)]
        return [*alive, *running.marked(), *running.launched()]

    assert comes_true(lambda: not left(), PROMPT), left()


def test_each_trial_has_servers_of_its_own_and_they_go_with_it(
    tmp_path: Path, coordinators: dict[str, Found]
) -> None:
    if coordinators["redis"].source is None:
        pytest.skip("it takes Redis")
    scenario = tmp_path / "short.yaml"
    scenario.write_text(
        """
workers: 2
duration: 4s
grace: 500ms
jobs:
  - {name: report, every: 500ms, takes: 100ms}
faults:
  - coordinator-restart: {at: 1s, keep_data: true}
approaches:
  - redis-lock
"""
    )
    ran = run_harness("run", scenario, "--repeat", "2", "--out", tmp_path / "out", "--json")
    assert ran.code in (0, 4), ran.err
    histories = [read_history(path) for path in sorted((tmp_path / "out" / "histories").glob("*"))]
    assert len(histories) == 2
    for history in histories:
        kinds = [event.kind for event in history.events]
        assert kinds.count("fault.injected") == kinds.count("fault.healed") == 1
        assert "edis" in history.trial.extra["coordinator"]
        assert history.events[-1].reason == "completed"


def test_a_coordinator_that_was_given_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_REDIS_URL", "redis://127.0.0.1:1/0")
    scenario = tmp_path / "given.yaml"
    scenario.write_text(SCENARIO.replace("  - postgres-queue\n", ""))
    ran = run_harness("run", scenario, "--out", tmp_path / "out")
    assert "unset HARNESS_REDIS_URL" in " ".join((ran.out + ran.err).split())
