"""What makes a trial worthless is found, said in words, and never counts as passed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Ran, run_scenario
from tests.live.conftest import Need
from tests.live.processes import comes_true
from tests.live.running import Running

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

# Nobody comes back, so that there is neither a worker-1 to pause nor a leader to cut off.
UNLANDABLE = """
workers: 2
duration: 4s
jobs:
  - {name: report, every: 500ms, takes: 100ms}
faults:
  - crash: {target: worker-1, at: 500ms}
  - pause: {target: worker-1, at: 1s, for: 1s}
  - crash: {target: worker-2, at: 1200ms}
  - partition: {target: leader, at: 1500ms, for: 500ms}
approaches:
  - zookeeper-leader
"""

# The true command, but for how long a fault waits for its target.
IMPATIENT = (
    sys.executable,
    "-c",
    "from harness.faults import targets; targets.PATIENCE = 0.5;"
    "from harness.cli import main; main()",
)

DISTURBED = """
workers: 2
duration: 60s
jobs:
  - {name: report, every: 500ms, takes: 100ms}
approaches:
  - chatty: {approach: uncoordinated}
  - killed: {approach: uncoordinated}
"""


def test_a_fault_without_a_target_fails_and_its_trial_does_not_count(
    need: Need, tmp_path: Path
) -> None:
    need("zookeeper")
    scenario = tmp_path / "unlandable.yaml"
    scenario.write_text(UNLANDABLE)
    ran = run_scenario(scenario, tmp_path / "out", program=IMPATIENT)
    failed = {e.fault for e in ran.history("zookeeper-leader").events if e.kind == "fault.failed"}
    assert failed == {"pause#1", "partition#1"}
    result = ran.results["zookeeper-leader"]
    assert result["trials"] == result["invalid_trials"] == 1
    reasons = "\n".join(result["invalid"])
    assert "fault pause#1 failed: no target: worker-1" in reasons
    assert "fault partition#1 failed: no target: leader" in reasons
    assert ran.code == 4


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A run into which we reach from outside: one trial's worker talks, the other's is killed."""
    place = tmp_path_factory.mktemp("disturbed")
    scenario = place / "disturbed.yaml"
    scenario.write_text(DISTURBED)
    with Running(scenario, place / "out") as running:
        assert comes_true(lambda: running.has_recorded("run.started"))
        workers = running.workers()
        for approach, namespace in zip(("chatty", "killed"), running.namespaces(), strict=True):
            pid = workers[namespace, "worker-1"]
            if approach == "chatty":
                with Path(f"/proc/{pid}/fd/1").open("wb") as output:
                    output.write(b"Starting up, please wait...\n")
            else:
                os.kill(pid, signal.SIGKILL)
        yield running.finished()


def test_a_worker_that_prints_garbage_makes_its_trial_invalid(disturbed: Ran) -> None:
    (reason,) = (r for r in _reasons(disturbed) if "Starting up" in r)
    assert "worker-1 wrote a line that is no event" in reason


def test_a_worker_that_ends_by_itself_makes_its_trial_invalid(disturbed: Ran) -> None:
    assert any("worker-1 ended by itself, by signal 9" in reason for reason in _reasons(disturbed))


def test_invalid_trials_alone_are_inconclusive(disturbed: Ran) -> None:
    for result in disturbed.results.values():
        assert (result["trials"], result["invalid_trials"]) == (1, 1)
        assert result["expected"] == 0
    assert disturbed.code == 4


def _reasons(ran: Ran) -> list[str]:
    return [reason for result in ran.results.values() for reason in result["invalid"]]
