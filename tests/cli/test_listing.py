"""`harness list` and `validate` say what there is, and what a scenario would do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.approaches import APPROACHES
from harness.cli.commands import app
from harness.faults import FAULTS
from harness.session import Exit

MIX = """
workers: 5
duration: 20s
retry: {attempts: 4}
circuit_breaker: {failures: 3}
coordinators: {redis: {replicas: 1}}
jobs:
  - {name: report, every: 1s, takes: 100ms}
  - {name: extra, every: 500ms, until: 9s}
faults:
  - load-spike: {jobs: 3, at: 5s, for: 4s, every: 1s}
  - crash: {when: {kind: run.started, nth: 3, after: 20ms}}
  - partition: {for: 3s, when: {kind: lease.granted}}
  - loss: {share: 0.5, for: 1s, at: 4s, target: running}
approaches:
  - uncoordinated
  - rollout: {approach: redis-lock, others: postgres-advisory-lock}
"""


def told(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    # Wide, so that nothing is wrapped.
    monkeypatch.setenv("COLUMNS", "400")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == Exit.OK, done.output
    return [line.strip() for line in done.output.splitlines()]


def line_of(name: str, lines: list[str]) -> str:
    [line] = [line for line in lines if line.split()[:1] == [name]]
    return line


def test_each_fault_is_listed_with_what_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told("list", "faults", monkeypatch=monkeypatch)
    for name in FAULTS:
        assert len(line_of(name, lines).split()) > 3
    assert line_of("pause", lines).endswith("for: required")
    assert line_of("thundering-herd", lines).endswith("target: all, for: 200ms")
    assert line_of("coordinator-restart", lines).endswith("nodes: all, keep_data")
    spike = line_of("load-spike", lines)
    assert "at: required, every: required, jobs: required, takes: 0s" in spike
    # What all have is said once.
    assert [line for line in lines if "jitter: 0s" in line] == [line_of("time", lines)]
    assert "kind: required, nth: 1, after: 0s" in line_of("when", lines)


def test_approaches_are_listed_with_what_may_be_said_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = told("list", "approaches", monkeypatch=monkeypatch)
    for name in APPROACHES:
        assert line_of(name, lines)
    assert line_of("redis-lock", lines).endswith("key: job | run, ttl: 2s")
    assert "attempts: 3, backoff: 100ms" in line_of("retry", lines)
    assert line_of("circuit_breaker", lines).endswith("failures: 5, open_for: 1s")
    assert line_of("sink", lines).endswith("none | dedup | version | fencing")
    assert line_of("others", lines)


def test_what_a_scenario_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(MIX)
    assert told("validate", str(path), monkeypatch=monkeypatch)[:9] == [
        "mix: 5 workers for 20s",
        "jobs: report every 1s, extra every 500ms until 9s",
        "retry: attempts: 4, backoff: 100ms, factor: 2.0, longest: 10s, jitter: 0.5",
        "circuit_breaker: failures: 3, open_for: 1s",
        "redis: replicas: 1, persistent: false",
        "at 4 s: loss#1, target running",
        "at 5 s: load-spike#1, 3 jobs",
        "20ms after run.started number 3: crash#1, target subject",
        "at lease.granted number 1: partition#1, target subject",
    ]


def test_it_says_where_an_approach_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(MIX)
    lines = told("validate", str(path), monkeypatch=monkeypatch)
    assert lines[9].startswith("uncoordinated: skipped")
    assert lines[10].startswith(
        "rollout, half of the workers postgres-advisory-lock:"
        " skipped with --runtime process, loss is not possible here"
    )
    path.write_text(MIX.replace("  - loss", "  # - loss"))
    rollout = told("validate", str(path), monkeypatch=monkeypatch)[-1]
    assert rollout == "rollout, half of the workers postgres-advisory-lock"
