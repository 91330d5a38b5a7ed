"""One trial: scenario + approach + seed + runtime -> history."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from harness.approaches import APPROACHES
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.server import ServerError
from harness.faults.injection import inject_all
from harness.faults.plan import PlannedFault, breakpoints_of, plan_faults
from harness.history.event import Event
from harness.history.journal import Journal, Recorder
from harness.history.trial import FaultLine, TrialLine
from harness.runtimes.calibration import Calibration
from harness.runtimes.cluster import TrialCluster, TrialError
from harness.runtimes.simulated import SimulatedCluster
from harness.runtimes.spec import Assignment, ClusterSpec, System
from harness.scenario import model
from harness.simulation.kernel import Kernel, SimulationError
from harness.simulation.loop import SimulatedLoop
from harness.simulation.memory import no_collection
from harness.simulation.seal import sealed
from harness.worker.schedule import job_line, longest_run
from harness.worker.sink import Policy

# How much longer than its longest run a trial waits for its workers to finish: for what they still
# have to ask, and for what was undone only at the end to be noticed. Nobody tries again by then.
_DRAIN = 10.0

# How often a simulated trial is looked at, in virtual seconds; and at most, from start to end.
_LOOK_EVERY = 0.1
# So much happens between two looks for cycles, which are taken apart by no other clock.
_COLLECT_EVERY = 500_000
_LOOKS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be run. `extra` goes into the history's first line as it is."""

    scenario: model.Scenario
    choice: model.ApproachChoice
    seed: int
    runtime: str
    extra: Mapping[str, Any]

    def faults(self) -> tuple[PlannedFault, ...]:
        """The faults, drawn from the seed."""
        choices = [(choice.type, choice.params) for choice in self.scenario.faults]
        return plan_faults(choices, self.seed, self.scenario.duration)


OpenCluster = Callable[[ClusterSpec, Recorder], TrialCluster]


async def run_trial(
    trial: Trial, open_cluster: OpenCluster, path: Path, watch: Callable[[Event], None]
) -> str | None:
    """Run it and write its history to `path`; `watch` is shown every event.

    What goes wrong in the trial ends it, and no other one: it is returned, in one line, and
    `trial.ended` in the history says it too.
    """
    faults = trial.faults()
    with Journal(path, trial_line(trial, faults)) as journal:
        cluster = open_cluster(cluster_spec(trial), _Watched(journal, watch))
        log = path.with_suffix(".log").write_text
        return await conduct(trial, faults, cluster, log)


def simulate(
    trial: Trial,
    calibration: Calibration,
    recorder: Recorder,
    log: Callable[[str], object],
    goes_on: Callable[[float], bool] = lambda _: True,
) -> str | None:
    """Run it in virtual time; what went wrong, in one line, and its traceback to `log`.

    `goes_on` is told the virtual time now and then, in seconds; the trial is cut short once it says
    no. Asking leaves no trace in the history.
    """
    kernel = Kernel()
    loop = SimulatedLoop(kernel, "runner")
    faults = trial.faults()
    every = max(_LOOK_EVERY, trial.scenario.duration / _LOOKS)
    collected = 0

    async def run() -> str | None:
        cluster = SimulatedCluster(cluster_spec(trial), calibration, recorder)
        return await conduct(trial, faults, cluster, log)

    def look(main: asyncio.Task[str | None]) -> None:
        nonlocal collected
        if kernel.processed - collected > _COLLECT_EVERY:
            collected = kernel.processed
            gc.collect()
        if not goes_on(kernel.now):
            loop.deliver(main.cancel)
        elif kernel.now < trial.scenario.duration:
            # No longer, or a world in which everybody waits would never be found out.
            kernel.plan(every, look, main)

    main = loop.create_task(run())
    look(main)
    try:
        with sealed() as seal, no_collection():
            error: str | None = loop.run_until_complete(main)
    except asyncio.CancelledError:
        error = None
    except SimulationError as trouble:
        error = str(trouble)
    except Exception as trouble:
        error = f"{type(trouble).__name__}: {trouble}"
        log(traceback.format_exc())
    finally:
        loop.close()
    breaches = [*seal.breaches, *kernel.breaches]
    return breaches[0] if breaches else error


async def conduct(
    trial: Trial,
    faults: Sequence[PlannedFault],
    cluster: TrialCluster,
    log: Callable[[str], object],
) -> str | None:
    """Take a cluster through a trial; what went wrong, in one line, and its traceback to `log`."""
    reason, error = "error", None
    try:
        await cluster.set_up()
        cluster.begin()
        await _live_through(cluster, trial, faults)
        longest = longest_run(trial.scenario.all_jobs)
        await cluster.drain(longest + trial.scenario.request_timeout + _DRAIN)
        _raise_if_broken(cluster)
        reason = "completed"
    except (TrialError, ServerError, CoordinatorError) as trouble:
        error = str(trouble)
    except asyncio.CancelledError:
        reason = "interrupted"
        raise
    except Exception as trouble:
        error = f"{type(trouble).__name__}: {trouble}"
        log(traceback.format_exc())
    finally:
        cluster.record(Event(at=cluster.now(), kind="trial.ended", reason=reason, error=error))
        await cluster.close()
    return error


async def _live_through(
    cluster: TrialCluster, trial: Trial, faults: Sequence[PlannedFault]
) -> None:
    """Let the trial's duration pass, and its faults happen."""
    injecting = asyncio.create_task(
        inject_all(faults, cluster, trial.seed, duration=trial.scenario.duration)
    )
    try:
        await asyncio.wait(
            {injecting, cluster.broken},
            timeout=trial.scenario.duration - cluster.now(),
            return_when=asyncio.FIRST_EXCEPTION,
        )
    finally:
        injecting.cancel()
        await asyncio.wait({injecting})
    if not injecting.cancelled():
        injecting.result()
    _raise_if_broken(cluster)


def _raise_if_broken(cluster: TrialCluster) -> None:
    if cluster.broken.done():
        cluster.broken.result()


def coordinator_names(choice: model.ApproachChoice) -> tuple[str, ...]:
    """The names of the systems that the approach needs, if any; of a mix, of both halves."""
    needed = (APPROACHES[one.approach].coordinator for one in _halves(choice))
    return tuple(dict.fromkeys(name for name in needed if name is not None))


def systems_of(choice: model.ApproachChoice, scenario: model.Scenario) -> tuple[System, ...]:
    """The coordinators that the approach needs, if any, and what they are made of."""
    needed = (_system(one, scenario) for one in _halves(choice))
    return tuple(dict.fromkeys(one for one in needed if one is not None))


def trial_line(trial: Trial, faults: Sequence[PlannedFault]) -> TrialLine:
    """The first line of the trial's history."""
    scenario, choice = trial.scenario, trial.choice
    return TrialLine(
        scenario=scenario.name,
        approach=choice.name,
        runtime=trial.runtime,
        seed=trial.seed,
        workers=scenario.worker_names,
        duration=scenario.duration,
        grace=scenario.grace,
        jobs=tuple(job_line(job) for job in scenario.all_jobs),
        faults=tuple(FaultLine(one.id, one.type, one.at) for one in faults),
        extra={**_set_up(choice, scenario), **trial.extra},
    )


def _set_up(choice: model.ApproachChoice, scenario: model.Scenario) -> dict[str, Any]:
    """How the approach is set up; what is not used is left out."""
    aside: dict[str, Any] = {
        "retry": scenario.retry_of(choice),
        "circuit_breaker": scenario.circuit_breaker_of(choice),
    }
    used = {name: dataclasses.asdict(one) for name, one in aside.items() if one is not None}
    if choice.others is not None:
        used["others"] = _algorithm(choice.others)
    return {
        **_algorithm(choice),
        "sink": choice.sink or scenario.sink,
        # Who agrees through one thing excludes nobody who agrees through another.
        "exclusive": choice.params.exclusive and choice.others is None,
        **used,
    }


def _algorithm(choice: model.ApproachChoice) -> dict[str, Any]:
    return {"algorithm": choice.approach, "parameters": dataclasses.asdict(choice.params)}


def cluster_spec(trial: Trial) -> ClusterSpec:
    """What the runtime needs to know."""
    scenario = trial.scenario
    half = scenario.clocks.spread / 2
    return ClusterSpec(
        seed=trial.seed,
        jobs=scenario.all_jobs,
        assignments=_assignments(trial.choice, scenario),
        offsets={
            worker: Random(f"{trial.seed}/{worker}/clock").uniform(-half, half)
            for worker in scenario.worker_names
        },
        misfire_grace=scenario.misfire_grace,
        max_instances=scenario.max_instances,
        request_timeout=scenario.request_timeout,
        policy=Policy(trial.choice.sink or scenario.sink),
        breakpoints=breakpoints_of(trial.faults()),
    )


def _assignments(choice: model.ApproachChoice, scenario: model.Scenario) -> dict[str, Assignment]:
    """Of a mix the first half of the workers, rounded up, gets the first approach."""
    halves = [
        Assignment(
            approach=one.approach,
            parameters=dataclasses.asdict(one.params),
            system=_system(one, scenario),
            retry=scenario.retry_of(choice),
            circuit_breaker=scenario.circuit_breaker_of(choice),
        )
        for one in _halves(choice)
    ]
    size = math.ceil(scenario.workers / len(halves))
    return {worker: halves[place // size] for place, worker in enumerate(scenario.worker_names)}


def _halves(choice: model.ApproachChoice) -> tuple[model.ApproachChoice, ...]:
    """What the halves of the workers run; one where all run the same."""
    return (choice,) if choice.others is None else (choice, choice.others)


def _system(choice: model.ApproachChoice, scenario: model.Scenario) -> System | None:
    name = APPROACHES[choice.approach].coordinator
    if name is None:
        return None
    layout = choice.params.layout(scenario.coordinators.get(name, model.Layout()))
    if name == "redis" and any(_keeps_data(fault) for fault in scenario.faults):
        layout = dataclasses.replace(layout, persistent=True)
    return System(name, layout)


def _keeps_data(fault: model.FaultChoice) -> bool:
    """Whether a node that it crashes is to come back with its data, whatever it is."""
    return getattr(fault.params, "keep_data", None) is True


class _Watched:
    """A recorder that also shows what it records."""

    def __init__(self, recorder: Recorder, watch: Callable[[Event], None]) -> None:
        self._recorder = recorder
        self._watch = watch

    def record(self, event: Event) -> None:
        self._recorder.record(event)
        self._watch(event)
