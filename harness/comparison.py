"""Many trials: which of a scenario's approaches can run here, their trials side by side, judged."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from harness.approaches import APPROACHES
from harness.approaches.leader import Leader
from harness.coordinators.found import Found
from harness.coordinators.server import Launcher
from harness.faults import FAULTS
from harness.history.event import Event
from harness.history.reading import HistoryError, read_history
from harness.runtimes.ground import Ground, open_ground
from harness.runtimes.process import ProcessCluster
from harness.scenario.model import ApproachChoice, Scenario
from harness.scenario.target import Form
from harness.trial import Trial, coordinator_of, run_trial, trial_line
from harness.verdict.judge import judge
from harness.verdict.model import Result, Verdict
from harness.verdict.result import skipped, summarize

# So many worker processes a core do not disturb each other; `benchmarks/side_by_side.py` shows it.
WORKERS_PER_CORE = 20

_SAMPLING = 0.01


class Watch(Protocol):
    """Whoever follows a comparison while it runs."""

    def starting(self, what: str) -> None:
        """Something that takes a moment begins."""
        ...

    def running(self, trials: int, at_once: int, duration: float) -> None:
        """The trials begin; each takes `duration` seconds."""
        ...

    def saw(self, trial: str, event: Event) -> None:
        """An event of a trial."""
        ...

    def ended(self, trial: str) -> None:
        """A trial is over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run: every approach of the scenario `repeat` times, from `seed` on.

    `at_once` limits the trials side by side; by default as many as do not disturb each other.
    """

    scenario: Scenario
    runtime: str
    seed: int
    repeat: int
    directory: Path
    at_once: int | None = None

    @property
    def side_by_side(self) -> int:
        """How many trials run at once."""
        if self.at_once is not None:
            return self.at_once
        return max(1, WORKERS_PER_CORE * (os.cpu_count() or 1) // self.scenario.workers)


@dataclass(frozen=True, slots=True)
class Noise:
    """By how much the runner's own timers were late, in seconds: how busy the machine was."""

    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The results in the scenario's order, and what they were measured with.

    `coordinators` says version and source of each one used; `lacking` names the approaches that
    this machine could not run; `interrupted` says that it was cut short.
    """

    results: tuple[Result, ...]
    verdicts: Mapping[str, Sequence[Verdict]]
    coordinators: Mapping[str, str]
    noise: Noise | None
    lacking: tuple[str, ...]
    interrupted: bool


class ComparisonRun:
    """One comparison in the runtime `process`. `run` it in a task that may be cancelled."""

    def __init__(self, request: Request, found: Collection[Found], watch: Watch) -> None:
        self._request = request
        self._found = {one.name: one for one in found}
        self._watch = watch
        self._trials: dict[str, list[tuple[Path, Trial]]] = {}
        self._errors: dict[Path, str] = {}
        self._skipped: dict[str, str] = {}
        self._lacking: list[str] = []
        self._coordinators: dict[str, str] = {}
        self._late: list[float] = []

    async def run(self, launcher: Launcher) -> None:
        """Run all trials. Cancelled, it leaves the histories of what has run so far."""
        scenario = self._request.scenario
        for choice in scenario.approaches:
            system = coordinator_of(choice)
            if (reason := misfit(choice, scenario)) is not None:
                self._skipped[choice.name] = reason
            elif system is not None and self._found[system].source is None:
                remedy = self._found[system].remedy
                self._lack(choice, f"no {system} on this machine; to get it: {remedy}")
        wanted = {
            system
            for choice in scenario.approaches
            if choice.name not in self._skipped and (system := coordinator_of(choice)) is not None
        }
        if len(self._skipped) == len(scenario.approaches):
            return
        self._watch.starting(f"starting {', '.join(sorted(wanted)) or 'workers'}")
        async with open_ground(launcher, self._found.values(), wanted) as ground:
            self._note_coordinators(ground)
            await self._run_trials(ground)

    def measured(self, interrupted: bool) -> Measured:
        """Judge what has run, and say what has not."""
        verdicts: dict[str, list[Verdict]] = {}
        results = []
        for choice in self._request.scenario.approaches:
            name = choice.name
            if name in self._skipped:
                results.append(skipped(name, self._skipped[name]))
                continue
            judged = [self._judged(path, trial) for path, trial in self._trials.get(name, ())]
            verdicts[name] = judged
            results.append(
                summarize(name, judged) if judged else skipped(name, "interrupted before it began")
            )
        return Measured(
            results=tuple(results),
            verdicts=verdicts,
            coordinators=self._coordinators,
            noise=_noise(self._late),
            lacking=tuple(self._lacking),
            interrupted=interrupted,
        )

    def _judged(self, path: Path, trial: Trial) -> Verdict:
        """The verdict on a trial; what went wrong in it counts, even if its history is silent."""
        try:
            verdict = judge(read_history(path))
        except HistoryError as unreadable:
            line = trial_line(trial, trial.faults())
            reason = self._errors.get(path, str(unreadable))
            return Verdict(trial=line, path=None, end=0.0, invalid=(reason,))
        error = self._errors.get(path)
        if error is not None and not any(error in reason for reason in verdict.invalid):
            return replace(verdict, invalid=(error, *verdict.invalid))
        return verdict

    def _lack(self, choice: ApproachChoice, why: str) -> None:
        self._skipped[choice.name] = why
        self._lacking.append(choice.name)

    def _note_coordinators(self, ground: Ground) -> None:
        for name, server in ground.servers.items():
            self._coordinators[name] = f"{server.version} ({server.source})"
        for choice in self._request.scenario.approaches:
            system = coordinator_of(choice)
            reason = None if system is None else ground.missing.get(system)
            if reason is not None and choice.name not in self._skipped:
                self._lack(choice, f"{system} did not start: {reason}")

    async def _run_trials(self, ground: Ground) -> None:
        request = self._request
        trials = [
            (choice, number)
            for number in range(1, request.repeat + 1)
            for choice in request.scenario.approaches
            if choice.name not in self._skipped
        ]
        if not trials:
            return
        at_once = min(request.side_by_side, len(trials))
        self._watch.running(len(trials), at_once, request.scenario.duration)
        places = asyncio.Semaphore(at_once)
        listening = asyncio.create_task(self._listen_for_noise())
        try:
            async with asyncio.TaskGroup() as tasks:
                for choice, number in trials:
                    tasks.create_task(self._run_trial(ground, places, choice, number))
        finally:
            listening.cancel()

    async def _run_trial(
        self, ground: Ground, places: asyncio.Semaphore, choice: ApproachChoice, number: int
    ) -> None:
        async with places:
            name = f"{choice.name}-{number}"
            trial = Trial(
                scenario=self._request.scenario,
                choice=choice,
                seed=self._request.seed + number - 1,
                runtime=self._request.runtime,
                extra=self._extra(choice),
            )
            path = self._request.directory / "histories" / f"{name}.jsonl"
            self._trials.setdefault(choice.name, []).append((path, trial))
            namespace = f"harness_{uuid4().hex[:12]}"
            try:
                error = await run_trial(
                    trial,
                    lambda spec, recorder: ProcessCluster(ground, spec, namespace, recorder),
                    path,
                    lambda event: self._watch.saw(name, event),
                )
            except OSError as trouble:
                error = f"its history could not be written: {trouble}"
            if error is not None:
                self._errors[path] = error
            self._watch.ended(name)

    def _extra(self, choice: ApproachChoice) -> dict[str, Any]:
        system = coordinator_of(choice)
        return {} if system is None else {"coordinator": self._coordinators[system]}

    async def _listen_for_noise(self) -> None:
        """Note by how much a timer is late, over and over: what disturbs us disturbs workers."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _SAMPLING
            await asyncio.sleep(_SAMPLING)
            self._late.append(loop.time() - due)


def misfit(choice: ApproachChoice, scenario: Scenario) -> str | None:
    """Why this scenario makes no sense for the approach; None where it does."""
    approach = APPROACHES[choice.approach]
    if (choice.sink or scenario.sink) == "fencing" and not approach.fenced:
        return "the sink asks for fencing tokens, and its leases carry none"
    for fault in scenario.faults:
        form = fault.params.target.form
        if approach.coordinator is None and (
            FAULTS[fault.type].needs_coordinator or form is Form.HOLDER
        ):
            return f"{fault.type} acts on what it has with a coordinator, and it needs none"
        if form is Form.LEADER and not issubclass(approach, Leader):
            return f"{fault.type} is aimed at a leader, and it has none"
    return None


def _noise(late: Sequence[float]) -> Noise | None:
    if len(late) < 100:
        return None
    return Noise(statistics.quantiles(late, n=100)[-1], max(late))
