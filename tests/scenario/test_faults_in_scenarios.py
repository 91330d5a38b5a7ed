"""The faults of the catalog as a scenario's file names them, and what is wrong with them."""

from __future__ import annotations

import pytest

from harness.approaches import APPROACHES
from harness.faults import FAULTS
from harness.scenario.loading import parse_scenario
from harness.scenario.model import Catalog, Scenario
from harness.scenario.problem import ScenarioError
from harness.scenario.schema import scenario_schema
from harness.verdict.measures import MEASURES

CATALOG = Catalog(approaches=APPROACHES, faults=FAULTS, measures=MEASURES)


def scenario(*faults: str) -> Scenario:
    """Five workers and one job for 30 s, and these faults."""
    lines = "".join(f"  - {fault}\n" for fault in faults)
    jobs = "  - {name: report, every: 1s}\n"
    text = f"duration: 30s\njobs:\n{jobs}faults:\n{lines}"
    return parse_scenario(text, CATALOG, "small.yaml")


RIGHT = [
    "stop: {target: running, every: 5s, restart_after: 1s}",
    "delay: {target: all, at: 5s, delay: 50ms}",
    "jitter: {target: 50%, at: 5s, spread: 50ms, for: 5s, direction: replies}",
    "loss: {target: leader, at: 5s, share: 0.2, for: 5s}",
    "reset: {target: holder, every: 5s, jitter: 1s}",
    "refuse: {target: 2, at: 5s, for: 5s}",
    "clock-skew: {target: worker-1, at: 5s, jump: -2s}",
    "clock-skew: {target: worker-1, at: 5s, drift: 0.05, for: 5s}",
    "clock-skew: {target: coordinator, at: 5s, jump: 3s, nodes: leader}",
    "thundering-herd: {at: 5s}",
    "failing-job: {at: 5s, share: 0.3, job: report}",
    "failing-job: {at: 0s}",
    "load-spike: {at: 5s, jobs: 50, every: 500ms, takes: {median: 10ms, sigma: 0.5}, for: 5s}",
    "coordinator-restart: {at: 5s, keep_data: false}",
    "coordinator-outage: {at: 5s, for: 3s, nodes: 1}",
    "coordinator-pause: {every: 10s, for: 3s}",
    "coordinator-failover: {at: 5s, lag: 200ms}",
    "crash: {when: {kind: run.started, nth: 3, after: 20ms, job: report, worker: leader}}",
    "partition: {direction: replies, for: 2s, when: {kind: lease.requested, nth: 3, from: 2s}}",
]


@pytest.mark.parametrize("fault", RIGHT)
def test_it_is_read(fault: str) -> None:
    (choice,) = scenario(fault).faults
    assert choice.type == fault.partition(":")[0]
    assert type(choice.params) is FAULTS[choice.type]


WRONG = [
    ("crash: {at: 5s}", "crash: give a target; 'subject' is one only where there is a 'when'"),
    ("crash: {target: random}", "crash: give a time: 'at', or 'every', or 'when'"),
    ("crash: {target: subject, at: 5s}", "crash: give a target; 'subject'"),
    (
        "crash: {at: 5s, when: {kind: run.started}}",
        "crash: give either 'at' and 'every', or 'when'",
    ),
    (
        "crash: {when: {kind: run.stated}}",
        "crash.when.kind: unknown kind of event 'run.stated'; did you mean 'run.started'?",
    ),
    ("crash: {when: {nth: 2}}", "crash.when.kind: missing"),
    (
        "crash: {when: {kind: run.started, aftre: 2s}}",
        "crash.when.aftre: unknown key; did you mean 'after'?",
    ),
    ("crash: {when: {kind: run.started, nth: 0}}", "crash.when.nth: must be at least 1"),
    (
        "crash: {when: {kind: run.started, worker: worker-9}}",
        "crash.when.worker: there is no worker-9 among 5 workers",
    ),
    (
        "crash: {when: {kind: run.started, worker: all}}",
        "crash.when.worker: must be a worker's name, leader or holder, not all",
    ),
    (
        "crash: {when: {kind: run.started, job: reprot}}",
        "crash.when.job: the scenario has no job 'reprot'; did you mean 'report'?",
    ),
    (
        "crash: {when: {kind: fault.healed, fault: pause}}",
        "crash.when.fault: the scenario has no fault 'pause'",
    ),
    (
        "crash: {when: {kind: run.started, from: 29s, after: 1s}}",
        "crash: would never happen within 30s",
    ),
    ("stop: {target: coordinator, at: 5s}", "stop: this fault hits workers, not the coordinator"),
    (
        "coordinator-outage: {target: worker-1, at: 5s, for: 1s}",
        "coordinator-outage: this fault hits the coordinator, no worker: leave out the target",
    ),
    ("coordinator-outage: {at: 5s}", "coordinator-outage.for: missing"),
    (
        "coordinator-pause: {at: 5s, for: 1s, nodes: most}",
        "coordinator-pause.nodes: must be 'all' or 'leader', not 'most'",
    ),
    (
        "failing-job: {at: 5s, job: billing}",
        "failing-job.job: the scenario has no job 'billing'; known: report",
    ),
    ("failing-job: {at: 5s, share: 2}", "failing-job.share: must be at most 1"),
    ("clock-skew: {target: all, at: 5s}", "clock-skew: give a 'jump', a 'drift', or both"),
    (
        "load-spike: {at: 40s, jobs: 1, every: 1s, for: 5s}",
        "load-spike: would never happen within 30s",
    ),
]


@pytest.mark.parametrize(("fault", "message"), WRONG)
def test_what_is_wrong_is_said(fault: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(fault)
    (problem,) = caught.value.problems
    assert f"faults[0].{message}" in str(problem)


def test_the_jobs_of_a_spike_are_the_scenarios_too() -> None:
    spike = "load-spike: {at: 5s, jobs: 2, every: 1s, for: 5s}"
    found = scenario(spike, "failing-job: {at: 6s, job: spike-2}")
    assert [job.name for job in found.all_jobs] == ["report", "spike-1", "spike-2"]
    named = "load-spike: {at: 5s, jobs: 2, every: 1s, for: 5s, name: late}"
    assert len(scenario(spike, named).all_jobs) == 5


def test_a_spike_cannot_bring_what_is_there_already() -> None:
    spike = "load-spike: {at: 5s, jobs: 2, every: 1s, for: 5s}"
    with pytest.raises(ScenarioError, match="'spike-1'"):
        scenario(spike, spike)
    with pytest.raises(ScenarioError, match="'report-1'"):
        parse_scenario(
            "duration: 30s\njobs: [{name: report-1, every: 1s}]\n"
            f"faults: [{spike.replace('for: 5s', 'for: 5s, name: report')}]\n",
            CATALOG,
            "small.yaml",
        )


@pytest.mark.parametrize("name", FAULTS)
def test_everything_that_it_can_be_told_is_explained(name: str) -> None:
    properties = scenario_schema(CATALOG)["$defs"][f"fault-{name}"]["properties"]
    unsaid = [key for key, field in properties.items() if not field.get("description")]
    assert unsaid == []
