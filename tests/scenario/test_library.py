"""The scenarios that come with the project."""

from pathlib import Path

import pytest

from harness.cli.app import CATALOG
from harness.faults import FAULTS
from harness.scenario.loading import load_scenario
from harness.scenario.model import Job, LogNormal
from harness.scenario.target import Form

LIBRARY = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
# Who is one of these only while a run is in progress, whatever the approach.
BUSY = (Form.RUNNING, Form.HOLDER)


def test_there_is_a_library() -> None:
    assert len(LIBRARY) >= 6


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_a_scenario_of_the_library_is_well_formed(path: Path) -> None:
    scenario = load_scenario(path, CATALOG)
    assert scenario.name == path.stem
    assert scenario.description
    assert scenario.expect


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_a_fault_that_needs_somebody_busy_hits_in_the_middle_of_a_run(path: Path) -> None:
    scenario = load_scenario(path, CATALOG)
    for fault in scenario.faults:
        if fault.params.when is not None or fault.params.target.form not in BUSY:
            continue
        if fault.params.jitter:
            # Its moments are drawn, and may be any.
            continue
        for at in fault.params.times(scenario.duration):
            assert any(_is_in_a_run(job, at) for job in scenario.jobs), (fault.type, at)


def _is_in_a_run(job: Job, at: float) -> bool:
    """Whether it is due well before, and will not be over yet."""
    takes = job.takes.median / 2 if isinstance(job.takes, LogNormal) else job.takes
    return 0.04 < (at - job.first) % job.every < 0.8 * takes


def test_every_fault_has_a_scenario_that_uses_it() -> None:
    used = {choice.type for path in LIBRARY for choice in load_scenario(path, CATALOG).faults}
    assert used == FAULTS.keys()
