"""The faults of the catalog as a scenario's file names them, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.approaches import APPROACHES
from harness.faults import FAULTS
from harness.scenario.loading import parse_scenario
from harness.scenario.model import Catalog, Scenario
from harness.scenario.overrides import with_overrides
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
        "coordinator-pause.nodes: must be 'all' or 'leader', or how many, 1 or more, not 'most'",
    ),
    (
        "coordinator-outage: {at: 5s, for: 1s, nodes: 0}",
        "coordinator-outage.nodes: must be 'all' or 'leader', or how many, 1 or more, not 0",
    ),
    (
        "failing-job: {at: 5s, job: billing}",
        "failing-job.job: the scenario has no job 'billing'; known: report",
    ),
    ("failing-job: {at: 5s, share: 2}", "failing-job.share: must be at most 1 (100%), not 2"),
    ("failing-job: {at: 5s, share: 0%}", "failing-job.share: must be more than 0, not 0%"),
    (
        "loss: {target: all, at: 5s, share: 100%}",
        "loss.share: must be less than 1 (100%), not 100%",
    ),
    (
        "loss: {target: all, at: 5s, share: some}",
        "loss.share: must be a share such as 0.3 or 30%, not 'some'",
    ),
    (
        "clock-skew: {target: all, at: 5s, drift: -100%}",
        "clock-skew.drift: must be more than -1 (-100%), not -100%",
    ),
    (
        "clock-skew: {target: all, at: 5s, jump: 1h}",
        "clock-skew.jump: sets it wrong by 1h: must be less than the duration, 30s",
    ),
    (
        "clock-skew: {target: all, at: 5s, jump: -30s, for: 1s}",
        "clock-skew.jump: sets it wrong by 30s: must be less than the duration, 30s",
    ),
    (
        "clock-skew: {target: all, at: 5s, drift: 3, for: 10s}",
        "clock-skew.drift: sets it wrong by 30s: must be less than the duration, 30s",
    ),
    (
        "clock-skew: {target: all, at: 5s, drift: 100%}",
        "clock-skew.drift: sets it wrong by 30s: must be less than the duration, 30s",
    ),
    ("clock-skew: {target: all, at: 5s}", "clock-skew: give a 'jump', a 'drift', or both"),
    (
        "load-spike: {at: 40s, jobs: 1, every: 1s, for: 5s}",
        "load-spike: would never happen within 30s",
    ),
    (
        "load-spike: {at: 5s, jobs: 1, every: 1s, for: 5s, name: a b}",
        "load-spike.name: must be made of letters, 0-9, - and _, not 'a b'",
    ),
    (
        "load-spike: {when: {kind: run.started}, jobs: 1, every: 1s, for: 5s}",
        "load-spike: give 'at', not 'when': its jobs must be known before the trial",
    ),
    (
        "crash: {when: {kind: coordinator.calls}}",
        "crash.when.kind: a fault cannot wait for coordinator.calls: workers report their calls",
    ),
    (
        "crash: {when: {kind: trial.ended}}",
        "crash.when.kind: a fault cannot wait for trial.ended: nothing can follow it",
    ),
    (
        "crash: {when: {kind: run.started, operation: get}}",
        "crash.when: a run.started is about no operation",
    ),
    ("crash: {when: {kind: worker.ready, job: report}}", "crash.when: a worker.ready is about no"),
    (
        "crash: {target: all, when: {kind: fault.failed, worker: worker-1}}",
        "crash.when: a fault.failed is about no worker",
    ),
]


@pytest.mark.parametrize(("fault", "message"), WRONG)
def test_what_is_wrong_is_said(fault: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(fault)
    (problem,) = caught.value.problems
    assert f"faults[0].{message}" in str(problem)


CRASH = "crash: {target: random, every: 10s}"


@pytest.mark.parametrize(
    "when",
    [
        "{kind: fault.injected, fault: crash#2}",
        "{kind: fault.injected, fault: crash, nth: 2}",
        "{kind: fault.failed}",
    ],
)
def test_a_fault_may_wait_for_another(when: str) -> None:
    assert len(scenario(CRASH, f"pause: {{target: all, for: 1s, when: {when}}}").faults) == 2


def test_faults_may_wait_for_each_other_in_turn() -> None:
    after = "crash: {when: {kind: fault.healed, fault: pause#2}}"
    assert scenario(
        after,
        "pause: {target: random, at: 5s, for: 1s}",
        "pause: {for: 1s, when: {kind: fault.injected, fault: pause}}",
    )


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{kind: fault.injected, fault: crash#3}", "there will be no 'crash#3', only crash#1 to"),
        ("{kind: fault.injected, fault: crash#x}", "there will be no 'crash#x', only crash#1 to"),
        ("{kind: fault.injected, fault: pause#1}", "waits for itself"),
        ("{kind: fault.injected, fault: pause}", "waits for itself"),
        ("{kind: fault.injected, nth: 3}", "waits for fault.injected number 3, and no more than 2"),
        ("{kind: fault.injected, fault: crash#1, nth: 2}", "waits for fault.injected number 2"),
        ("{kind: fault.healed}", "waits for itself"),
        ("{kind: fault.healed, fault: crash}", "waits for a fault.healed that cannot come"),
    ],
)
def test_what_never_comes_of_a_fault_is_not_waited_for(when: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(CRASH, f"pause: {{target: all, for: 1s, when: {when}}}")
    (problem,) = caught.value.problems
    assert message in str(problem)
    assert "faults[1].pause.when" in str(problem)


def test_faults_that_wait_for_each_other_never_come() -> None:
    crash = "crash: {when: {kind: fault.injected, fault: pause}}"
    pause = "pause: {for: 1s, when: {kind: fault.injected, fault: crash}}"
    with pytest.raises(ScenarioError) as caught:
        scenario(crash, pause)
    assert len(caught.value.problems) == 2


def test_another_duration_may_leave_no_room_for_what_a_fault_does() -> None:
    found = scenario("clock-skew: {target: all, at: 1s, jump: 10s}", CRASH)
    with pytest.raises(ScenarioError) as caught:
        with_overrides(found, CATALOG, duration=10.0)
    assert "never happen" in str(caught.value)
    skewed = replace(found, faults=found.faults[:1])
    with pytest.raises(ScenarioError) as caught:
        with_overrides(skewed, CATALOG, duration=10.0)
    assert "--duration: faults[0].clock-skew.jump: sets it wrong by 10s" in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "field", "share"),
    [
        ("failing-job: {at: 5s, share: 30%}", "share", 0.3),
        ("failing-job: {at: 5s, share: 100%}", "share", 1.0),
        ("failing-job: {at: 5s, share: 1}", "share", 1.0),
        ("loss: {target: all, at: 5s, share: 0.1 %}", "share", 0.001),
        ("clock-skew: {target: all, at: 5s, drift: 2%}", "drift", 0.02),
        ("clock-skew: {target: all, at: 5s, drift: -2.5%}", "drift", -0.025),
    ],
)
def test_a_share_is_a_number_or_a_percentage(fault: str, field: str, share: float) -> None:
    (choice,) = scenario(fault).faults
    assert getattr(choice.params, field) == share


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
