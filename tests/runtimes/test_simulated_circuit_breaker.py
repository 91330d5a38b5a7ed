"""Behind a circuit breaker in a whole simulated service: what opens must leak nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.cli.app import CATALOG
from harness.history.event import Event
from harness.runtimes.calibration import default_calibration
from harness.scenario.loading import parse_scenario
from harness.trial import Trial, simulate

# Cut off while worker-N runs job a, so that its circuit opens for longer than the run lasts.
TEXT = """
duration: 30s
workers: 3
request_timeout: 200ms
circuit_breaker: {failures: 1, open_for: 2s}
jobs:
  - {name: a, every: 1s, first: 1s, takes: 600ms}
  - {name: b, every: 1s, first: 1300ms, takes: 10ms}
faults:
  - partition: {target: subject, when: {kind: run.started, job: a, nth: 6}, for: 560ms}
  - crash: {target: worker-1, at: 20s}
  - crash: {target: worker-2, at: 22s}
"""


def history(approach: str) -> list[Event]:
    scenario = parse_scenario(f"{TEXT}approaches: [{approach}]\n", CATALOG, "leak.yaml")
    trial = Trial(scenario=scenario, choice=scenario.approaches[0], seed=1, runtime="sim", extra={})
    recorder = _Recorder()
    assert simulate(trial, default_calibration(), recorder, print) is None
    return recorder.events


class _Recorder:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def test_a_claim_is_completed_though_the_circuit_is_open() -> None:
    events = history("postgres-queue")
    assert any(event.kind == "circuit.opened" for event in events)
    effects = Counter((e.job, e.due) for e in events if e.kind == "effect.applied")
    # A claim held on to would be run again once its worker died.
    assert set(effects.values()) == {1}


@pytest.mark.parametrize("approach", ["postgres-row-lock", "shedlock"])
def test_a_lock_is_given_up_though_the_circuit_is_open(approach: str) -> None:
    events = history(approach)
    [opened] = [event.at for event in events if event.kind == "circuit.opened"][:1]
    due = {e.due for e in events if e.kind == "run.started" and e.job == "a"}
    # From the first due time after it on, somebody else takes the lock.
    assert {float(moment) for moment in range(int(opened) + 1, 20)} <= due
