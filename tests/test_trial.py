"""One trial from scenario to history, on a cluster in memory."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.approaches import APPROACHES
from harness.coordinators.errors import Unavailable
from harness.coordinators.server import ServerError
from harness.faults.coordinator_restart import CoordinatorRestart
from harness.faults.crash import Crash
from harness.faults.load_spike import LoadSpike
from harness.faults.pause import Pause
from harness.history.event import Event
from harness.history.journal import Recorder
from harness.history.reading import History, read_history
from harness.history.trial import trial_from_json
from harness.runtimes.cluster import TrialError
from harness.runtimes.spec import ClusterSpec, System
from harness.scenario import model
from harness.scenario.model import CircuitBreaker, Clocks, Job, Layout, LogNormal, Retry
from harness.scenario.target import Form, Target
from harness.trial import (
    Trial,
    cluster_spec,
    coordinator_names,
    run_trial,
    systems_of,
    trial_line,
)
from harness.worker.sink import Policy
from tests.faults.fake_cluster import FakeCluster
from tests.small_scenario import choice, fault, small

FIRST = Target(Form.WORKER, worker="worker-1")
PAUSE = fault(Pause, target=FIRST, at=4.0, **{"for": 60.0})
JITTERY = fault(Crash, target=Target(Form.RANDOM), every=2.0, jitter=1.0)


def trial(approach: str = "redis-lock", seed: int = 7, **settings: Any) -> Trial:
    chosen = choice(approach)
    scenario = small(approaches=(chosen,), **settings)
    return Trial(scenario=scenario, choice=chosen, seed=seed, runtime="process", extra={})


def test_the_trial_line_tells_what_is_run() -> None:
    one = trial(faults=(PAUSE,))
    line = trial_line(one, one.faults())
    assert (line.scenario, line.approach, line.runtime, line.seed) == (
        "small",
        "redis-lock",
        "process",
        7,
    )
    assert line.workers == ("worker-1", "worker-2", "worker-3")
    assert (line.duration, line.grace) == (10.0, 2.0)
    assert [(job.name, job.every, job.first, job.takes) for job in line.jobs] == [
        ("report", 1.0, 1.0, 0.5),
        ("billing", 2.0, 0.5, {"median": 0.2, "sigma": 0.1}),
    ]
    assert [(one.fault, one.type, one.at) for one in line.faults] == [("pause#1", "pause", 4.0)]
    assert trial_from_json(json.loads(json.dumps(line.as_json()))) == line


def test_the_trial_line_keeps_algorithm_parameters_and_what_is_added() -> None:
    chosen = choice("redis-lock", "redis-lock-short", ttl=1.0)
    one = Trial(
        scenario=small(approaches=(chosen,)),
        choice=chosen,
        seed=7,
        runtime="process",
        extra={"coordinator": "Redis 7"},
    )
    line = trial_line(one, ())
    assert line.approach == "redis-lock-short"
    assert line.extra == {
        "algorithm": "redis-lock",
        "parameters": {"ttl": 1.0, "key": "job"},
        "sink": "none",
        "exclusive": True,
        "coordinator": "Redis 7",
    }


@pytest.mark.parametrize("name", APPROACHES)
def test_all_approaches_face_the_same_faults_and_clocks(name: str) -> None:
    settings: dict[str, Any] = {"faults": (JITTERY, PAUSE), "clocks": Clocks(spread=0.1)}
    one, other = trial(name, **settings), trial("uncoordinated", **settings)
    assert one.faults() == other.faults()
    assert cluster_spec(one).offsets == cluster_spec(other).offsets


@pytest.mark.parametrize("name", APPROACHES)
def test_workers_can_rebuild_the_approach_from_what_they_are_told(name: str) -> None:
    spec = cluster_spec(trial(name))
    assert list(spec.assignments) == ["worker-1", "worker-2", "worker-3"]
    for one in spec.assignments.values():
        told = json.loads(json.dumps(dict(one.parameters)))
        assert APPROACHES[one.approach](**told) == choice(name).params
        assert (one.system and one.system.name) == APPROACHES[name].coordinator
        assert (one.retry, one.circuit_breaker) == (None, None)
    assert len(spec.systems) == (APPROACHES[name].coordinator is not None)
    assert coordinator_names(choice(name)) == tuple(one.name for one in spec.systems)


def test_the_workers_are_told_what_the_scenario_says() -> None:
    spec = cluster_spec(
        trial(misfire_grace=0.5, max_instances=2, request_timeout=0.25, sink="dedup")
    )
    assert spec.seed == 7
    assert spec.workers == ("worker-1", "worker-2", "worker-3")
    assert spec.jobs == (
        Job("report", 1.0, 1.0, 0.5),
        Job("billing", 2.0, 0.5, LogNormal(0.2, 0.1)),
    )
    assert (spec.misfire_grace, spec.max_instances, spec.request_timeout) == (0.5, 2, 0.25)
    assert spec.policy is Policy.DEDUP


def test_an_approach_may_have_a_sink_of_its_own() -> None:
    chosen = choice("zookeeper-lock", sink="fencing")
    one = Trial(
        scenario=small(approaches=(chosen,), sink="dedup"),
        choice=chosen,
        seed=7,
        runtime="process",
        extra={},
    )
    assert cluster_spec(one).policy is Policy.FENCING


def mixed(workers: int = 5, others: str = "postgres-advisory-lock", **settings: Any) -> Trial:
    """Half of the workers on `redis-lock`, the others on another approach."""
    chosen = replace(choice("redis-lock", "rollout"), others=choice(others))
    scenario = small(approaches=(chosen,), workers=workers, **settings)
    return Trial(scenario=scenario, choice=chosen, seed=7, runtime="process", extra={})


@pytest.mark.parametrize(("workers", "first"), [(2, 1), (3, 2), (4, 2), (5, 3)])
def test_of_a_mix_the_first_half_of_the_workers_runs_the_first_approach(
    workers: int, first: int
) -> None:
    told = cluster_spec(mixed(workers)).assignments
    assert [one.approach for one in told.values()] == (
        ["redis-lock"] * first + ["postgres-advisory-lock"] * (workers - first)
    )
    assert told["worker-1"].system == System("redis")
    assert told[f"worker-{workers}"].system == System("postgres")


def test_a_mix_needs_the_coordinators_of_both_and_each_once() -> None:
    assert coordinator_names(mixed().choice) == ("redis", "postgres")
    assert cluster_spec(mixed()).systems == (System("redis"), System("postgres"))
    assert coordinator_names(mixed(others="redis-setnx").choice) == ("redis",)
    assert cluster_spec(mixed(others="redis-setnx")).systems == (System("redis"),)
    assert coordinator_names(mixed(others="uncoordinated").choice) == ("redis",)


def test_the_trial_line_of_a_mix_names_both_and_promises_nothing() -> None:
    line = trial_line(mixed(), ())
    assert line.approach == "rollout"
    assert line.extra["algorithm"] == "redis-lock"
    assert line.extra["others"] == {
        "algorithm": "postgres-advisory-lock",
        "parameters": {"key": "job"},
    }
    # Neither excludes those who agree through something else.
    assert line.extra["exclusive"] is False


def test_an_approach_may_have_a_retry_and_a_circuit_breaker_of_its_own() -> None:
    scenario = {"retry": Retry(attempts=3), "circuit_breaker": CircuitBreaker(failures=3)}
    own = {"retry": Retry(attempts=5), "circuit_breaker": CircuitBreaker(failures=5)}
    chosen = replace(choice("redis-lock"), **own)
    plain, special = mixed(**scenario), replace(trial(**scenario), choice=chosen)
    for one, policies in ((plain, scenario), (special, own)):
        for told in cluster_spec(one).assignments.values():
            assert (told.retry, told.circuit_breaker) == tuple(policies.values())
        extra = trial_line(one, ()).extra
        assert extra["retry"] == asdict(policies["retry"])
        assert extra["circuit_breaker"] == asdict(policies["circuit_breaker"])


def test_an_approach_may_do_without_what_the_scenario_has() -> None:
    scenario = {"retry": Retry(attempts=3), "circuit_breaker": CircuitBreaker(failures=3)}
    bare = replace(choice("redis-lock"), retry=None, circuit_breaker=None)
    without = replace(trial(**scenario), choice=bare)
    for told in cluster_spec(without).assignments.values():
        assert (told.retry, told.circuit_breaker) == (None, None)
    assert not {"retry", "circuit_breaker"} & trial_line(without, ()).extra.keys()


def test_coordinators_are_made_as_the_scenario_says() -> None:
    layouts = {"redis": Layout(replicas=1), "zookeeper": Layout(nodes=3)}
    assert cluster_spec(trial(coordinators=layouts)).systems == (System("redis", layouts["redis"]),)
    assert systems_of(choice("zookeeper-lock"), small(coordinators=layouts)) == (
        System("zookeeper", layouts["zookeeper"]),
    )
    assert systems_of(choice("postgres-queue"), small(coordinators=layouts)) == (
        System("postgres", Layout()),
    )
    assert systems_of(choice("uncoordinated"), small(coordinators=layouts)) == ()


def test_an_approach_says_what_else_its_coordinator_must_be() -> None:
    [system] = systems_of(choice("redlock"), small(coordinators={"redis": Layout(replicas=1)}))
    assert system.layout.nodes > 1
    # Next to one that agrees through a single server it is another system.
    assert len(systems_of(mixed(others="redlock").choice, small())) == 2


@pytest.mark.parametrize("keep", [True, False])
def test_redis_is_persistent_where_it_is_to_come_back_with_its_data(keep: bool) -> None:
    restart = fault(CoordinatorRestart, at=4.0, keep_data=keep)
    scenario = small(faults=(PAUSE, restart))
    assert systems_of(choice("redis-lock"), scenario)[0].layout == Layout(persistent=keep)
    # The others always are.
    assert systems_of(choice("zookeeper-lock"), scenario)[0].layout == Layout()


def test_jobs_that_faults_bring_are_on_the_schedule() -> None:
    spike = fault(LoadSpike, at=4.0, jobs=2, every=0.5, **{"for": 2.0})
    one = trial(faults=(spike,))
    names = ["report", "billing", "spike-1", "spike-2"]
    assert [job.name for job in cluster_spec(one).jobs] == names
    line = trial_line(one, one.faults())
    assert [(job.name, job.first, job.until) for job in line.jobs][2:] == [
        ("spike-1", 4.0, 6.0),
        ("spike-2", 4.0, 6.0),
    ]
    assert trial_from_json(json.loads(json.dumps(line.as_json()))) == line


def test_a_fault_that_waits_for_an_event_has_no_time_and_workers_stand_still_there() -> None:
    awaiting = fault(Crash, when={"kind": "run.started", "nth": 3})
    one = trial(faults=(PAUSE, awaiting))
    faults = trial_line(one, one.faults()).faults
    assert [(planned.fault, planned.at) for planned in faults] == [
        ("pause#1", 4.0),
        ("crash#1", None),
    ]
    assert cluster_spec(one).breakpoints == {"run.started"}
    assert cluster_spec(trial(faults=(PAUSE,))).breakpoints == frozenset()


def test_clocks_are_apart_by_no_more_than_the_spread_and_as_the_seed_says() -> None:
    def offsets(seed: int) -> list[float]:
        one = trial(seed=seed, workers=50, clocks=Clocks(spread=0.2))
        return list(cluster_spec(one).offsets.values())

    drawn = offsets(7)
    assert all(abs(offset) <= 0.1 for offset in drawn)
    assert max(drawn) - min(drawn) > 0.1
    assert offsets(7) == drawn != offsets(8)


def test_a_workers_clock_does_not_depend_on_how_many_others_there_are() -> None:
    few, many = (cluster_spec(trial(workers=n, clocks=Clocks(spread=0.2))) for n in (2, 9))
    assert few.offsets["worker-2"] == many.offsets["worker-2"]


def test_without_a_spread_clocks_agree() -> None:
    assert set(cluster_spec(trial()).offsets.values()) == {0.0}


class FakeTrialCluster(FakeCluster):
    """A cluster that a trial opens. `steps` tells what was asked of it; `script` may interfere."""

    def __init__(self, spec: ClusterSpec, recorder: Recorder, script: Script) -> None:
        super().__init__(len(spec.workers))
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.steps: list[str] = []
        self.patience = 0.0
        self._recorder = recorder
        self._script = script
        self._began: float | None = None

    def now(self) -> float:
        loop = asyncio.get_running_loop()
        return 0.0 if self._began is None else loop.time() - self._began

    def record(self, event: Event) -> None:
        super().record(event)
        self._recorder.record(event)

    def break_down(self) -> None:
        self.broken.set_exception(TrialError("worker-2 ended by itself"))

    async def set_up(self) -> None:
        self._step("set_up")

    def begin(self) -> None:
        self._step("begin")
        self._began = asyncio.get_running_loop().time()

    async def drain(self, patience: float) -> None:
        self.patience = patience
        self._step("drain")

    async def close(self) -> None:
        self._step("close")

    def _step(self, step: str) -> None:
        self.steps.append(step)
        if step in self._script.at:
            self._script.at[step](self)


@dataclass
class Script:
    """What happens when the trial reaches a step."""

    at: dict[str, Callable[[FakeTrialCluster], None]]


@dataclass
class Ran:
    """What became of a trial."""

    cluster: FakeTrialCluster
    history: History
    watched: list[Event]
    returned: str | BaseException | None

    @property
    def ended(self) -> tuple[str | None, str | None]:
        last = self.history.events[-1]
        assert last.kind == "trial.ended"
        return last.reason, last.error

    def kinds(self) -> list[str]:
        return [event.kind for event in self.history.events]


async def ran(
    path: Path,
    one: Trial,
    cancel_at: float | None = None,
    **script: Callable[[FakeTrialCluster], None],
) -> Ran:
    """Run the trial on a cluster to which this happens at its steps."""
    opened: list[FakeTrialCluster] = []
    watched: list[Event] = []

    def open_cluster(spec: ClusterSpec, recorder: Recorder) -> FakeTrialCluster:
        opened.append(FakeTrialCluster(spec, recorder, Script(script)))
        return opened[0]

    running = asyncio.create_task(
        run_trial(one, open_cluster, path / "history.jsonl", watched.append)
    )
    if cancel_at is not None:
        asyncio.get_running_loop().call_later(cancel_at, running.cancel)
    outcome = (await asyncio.gather(running, return_exceptions=True))[0]
    history = read_history(path / "history.jsonl")
    return Ran(opened[0], history, watched, outcome)


def fail_with(error: Exception) -> Callable[[FakeTrialCluster], None]:
    def fail(_: FakeTrialCluster) -> None:
        raise error

    return fail


@pytest.mark.virtual_time
async def test_a_trial_goes_from_set_up_to_a_completed_history(tmp_path: Path) -> None:
    one = trial()
    result = await ran(tmp_path, one)
    assert result.returned is None
    assert result.cluster.steps == ["set_up", "begin", "drain", "close"]
    assert result.history.trial == trial_line(one, ())
    assert result.ended == ("completed", None)
    assert result.history.events[-1].at == pytest.approx(10.0)


@pytest.mark.virtual_time
async def test_every_event_is_recorded_and_shown(tmp_path: Path) -> None:
    def start(cluster: FakeTrialCluster) -> None:
        cluster.record(Event(at=0.0, kind="worker.ready", worker="worker-1"))

    result = await ran(tmp_path, trial(faults=(PAUSE,)), begin=start)
    assert result.kinds() == ["worker.ready", "fault.injected", "fault.healed", "trial.ended"]
    assert [event.kind for event in result.watched] == result.kinds()


@pytest.mark.virtual_time
async def test_faults_happen_in_their_time_and_are_undone_before_workers_are_to_finish(
    tmp_path: Path,
) -> None:
    seen: list[tuple[str, str]] = []
    result = await ran(
        tmp_path,
        trial(faults=(PAUSE,)),
        drain=lambda cluster: seen.extend(cluster.operations()),
    )
    assert seen == [("pause", "worker-1"), ("resume", "worker-1")]
    injected, healed = result.history.events[:2]
    assert [injected.kind, healed.kind] == ["fault.injected", "fault.healed"]
    assert [injected.at, healed.at] == [pytest.approx(4.0), pytest.approx(10.0)]


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("takes", "longest"), [(3.0, 3.0), (model.LogNormal(median=2.0, sigma=0.5), 2 * math.exp(2))]
)
async def test_workers_get_the_time_of_the_longest_run_to_finish(
    tmp_path: Path, takes: float | model.LogNormal, longest: float
) -> None:
    jobs = (model.Job(name="fast", every=1.0), model.Job(name="slow", every=1.0, takes=takes))
    result = await ran(tmp_path, trial(jobs=jobs))
    assert longest < result.cluster.patience < longest + 60


@pytest.mark.virtual_time
async def test_they_get_the_time_of_a_request_and_of_the_jobs_that_faults_bring(
    tmp_path: Path,
) -> None:
    spike = fault(LoadSpike, at=4.0, jobs=1, every=0.5, takes=90.0, **{"for": 2.0})
    result = await ran(tmp_path, trial(faults=(spike,), request_timeout=30.0))
    assert result.cluster.patience > 120.0


@pytest.mark.virtual_time
async def test_a_trial_that_breaks_ends_in_an_error_at_once(tmp_path: Path) -> None:
    def break_later(cluster: FakeTrialCluster) -> None:
        asyncio.get_running_loop().call_later(5.0, cluster.break_down)

    result = await ran(tmp_path, trial(faults=(PAUSE,)), begin=break_later)
    assert result.returned == "worker-2 ended by itself"
    assert result.ended == ("error", "worker-2 ended by itself")
    assert result.history.events[-1].at == pytest.approx(5.0)
    # Without waiting for anybody; and the fault was undone.
    assert result.cluster.steps == ["set_up", "begin", "close"]
    assert result.cluster.operations() == [("pause", "worker-1"), ("resume", "worker-1")]


@pytest.mark.virtual_time
async def test_a_trial_that_breaks_while_workers_finish_is_an_error_too(tmp_path: Path) -> None:
    result = await ran(tmp_path, trial(), drain=FakeTrialCluster.break_down)
    assert result.ended == ("error", "worker-2 ended by itself")
    assert result.cluster.steps[-1] == "close"


@pytest.mark.virtual_time
@pytest.mark.parametrize("step", ["set_up", "drain"])
@pytest.mark.parametrize("error", [TrialError("no"), ServerError("no"), Unavailable("no")])
async def test_what_goes_wrong_in_a_trial_is_in_its_history(
    tmp_path: Path, step: str, error: Exception
) -> None:
    script: dict[str, Any] = {step: fail_with(error)}
    result = await ran(tmp_path, trial(), **script)
    assert result.returned == "no"
    assert result.ended == ("error", "no")
    assert result.cluster.steps[-2:] == [step, "close"]


@pytest.mark.virtual_time
async def test_what_nobody_foresaw_ends_the_trial_and_leaves_a_traceback(tmp_path: Path) -> None:
    result = await ran(tmp_path, trial(), set_up=fail_with(OSError("disk full")))
    assert result.returned == "OSError: disk full"
    assert result.ended == ("error", "OSError: disk full")
    assert result.cluster.steps == ["set_up", "close"]
    assert "Traceback" in (tmp_path / "history.log").read_text()


@pytest.mark.virtual_time
async def test_an_error_in_a_fault_ends_the_trial(tmp_path: Path) -> None:
    result = await ran(
        tmp_path,
        trial(faults=(PAUSE,)),
        begin=lambda cluster: cluster.fails["pause", "worker-1"].append(OSError("no such thing")),
    )
    assert result.ended == ("error", result.returned)
    assert result.history.events[-1].at == pytest.approx(4.0)
    assert result.cluster.steps == ["set_up", "begin", "close"]


@pytest.mark.virtual_time
async def test_a_cancelled_trial_was_interrupted(tmp_path: Path) -> None:
    result = await ran(tmp_path, trial(faults=(PAUSE,)), cancel_at=5.0)
    assert isinstance(result.returned, asyncio.CancelledError)
    assert result.ended == ("interrupted", None)
    assert result.history.events[-1].at == pytest.approx(5.0)
    assert result.cluster.operations() == [("pause", "worker-1"), ("resume", "worker-1")]
    assert result.cluster.steps == ["set_up", "begin", "close"]


@pytest.mark.virtual_time
async def test_a_failed_fault_does_not_end_the_trial(tmp_path: Path) -> None:
    # Nobody runs anything on this cluster.
    crash = fault(Crash, target=Target(Form.RUNNING), at=4.0)
    result = await ran(tmp_path, trial(faults=(crash,), duration=20.0))
    assert result.kinds() == ["fault.failed", "trial.ended"]
    assert result.ended == ("completed", None)
