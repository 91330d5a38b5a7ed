"""A comparison in the runtime `process`."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from harness.comparison.measured import (
    Measured,
    Noise,
    failing_note,
    histories_kept,
    with_error,
)
from harness.comparison.misfit import misfit
from harness.comparison.request import Request
from harness.comparison.servers import (
    OWN_AT_ONCE,
    TrialServers,
    described,
    not_ours,
    own_systems,
    shared_names,
)
from harness.coordinators.found import Found
from harness.coordinators.server import Launcher, Server, ServerError
from harness.history.event import Event
from harness.history.reading import HistoryError, read_history
from harness.runtimes.ground import Ground, open_ground
from harness.runtimes.process import ProcessCluster
from harness.runtimes.spec import System
from harness.scenario.model import ApproachChoice
from harness.trial import Trial, coordinator_names, run_trial, trial_line
from harness.verdict.judge import judge
from harness.verdict.model import Verdict
from harness.verdict.result import skipped, summarize
from harness.verdict.tally import Tally, tally

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
            needed = coordinator_names(choice)
            missing = [self._found[name] for name in needed if self._found[name].source is None]
            if (reason := misfit(choice, scenario, self._request.runtime)) is not None:
                self._skipped[choice.name] = reason
            elif missing:
                lacks = [
                    f"no {one.name} on this machine; to get it: {one.remedy}" for one in missing
                ]
                self._lack(choice, "; ".join(lacks))
            elif (reason := not_ours(choice, scenario, self._found)) is not None:
                self._lack(choice, reason)
        wanted = {
            name
            for choice in scenario.approaches
            if choice.name not in self._skipped
            for name in shared_names(choice, scenario)
        }
        if len(self._skipped) == len(scenario.approaches):
            return
        self._watch.starting(f"starting {', '.join(sorted(wanted)) or 'workers'}")
        async with open_ground(launcher, self._found.values(), wanted) as ground:
            self._note_coordinators(ground)
            servers = TrialServers(launcher, ground.servers, self._found, self._watch.starting)
            await self._run_trials(ground, servers)

    def measured(self, interrupted: bool) -> Measured:
        """Judge what has run, and say what has not."""
        tallies: dict[str, list[Tally]] = {}
        verdicts: dict[str, list[Verdict]] = {}
        results = []
        for choice in self._request.scenario.approaches:
            name = choice.name
            if name in self._skipped:
                results.append(skipped(name, self._skipped[name]))
                continue
            judged = [self._judged(path, trial) for path, trial in self._trials.get(name, ())]
            tallies[name] = [tally(verdict) for verdict in judged]
            verdicts[name] = self._with_histories(judged, tallies[name])
            results.append(
                summarize(name, tallies[name])
                if judged
                else skipped(name, "interrupted before it began")
            )
        return Measured(
            results=tuple(results),
            tallies=tallies,
            verdicts=verdicts,
            about=self._coordinators,
            noise=_noise(self._late),
            lacking=tuple(self._lacking),
            interrupted=interrupted,
            notes=failing_note(self._request.histories, tallies),
        )

    def _judged(self, path: Path, trial: Trial) -> Verdict:
        error = self._errors.get(path)
        try:
            return with_error(judge(read_history(path)), error)
        except HistoryError as unreadable:
            line = trial_line(trial, trial.faults())
            return Verdict(trial=line, path=None, end=0.0, invalid=(error or str(unreadable),))

    def _with_histories(self, verdicts: list[Verdict], tallies: list[Tally]) -> list[Verdict]:
        """Remove the histories that are not to stay."""
        kept = histories_kept(self._request.histories, dict(enumerate(tallies)))
        found = []
        for place, verdict in enumerate(verdicts):
            if place not in kept and verdict.path is not None:
                verdict.path.unlink(missing_ok=True)
                found.append(replace(verdict, path=None))
            else:
                found.append(verdict)
        return found

    def _lack(self, choice: ApproachChoice, why: str) -> None:
        self._skipped[choice.name] = why
        self._lacking.append(choice.name)

    def _note_coordinators(self, ground: Ground) -> None:
        for name, server in ground.servers.items():
            self._coordinators[name] = f"{server.version} ({server.source})"
        for choice in self._request.scenario.approaches:
            shared = shared_names(choice, self._request.scenario)
            missing = [name for name in shared if name in ground.missing]
            if missing and choice.name not in self._skipped:
                reasons = [f"{name} did not start: {ground.missing[name]}" for name in missing]
                self._lack(choice, "; ".join(reasons))

    async def _run_trials(self, ground: Ground, servers: TrialServers) -> None:
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
        if all(own_systems(choice, request.scenario) for choice, _ in trials):
            at_once = min(at_once, OWN_AT_ONCE)
        self._watch.running(len(trials), at_once, request.scenario.duration)
        places = asyncio.Semaphore(at_once)
        listening = asyncio.create_task(self._listen_for_noise())
        try:
            async with asyncio.TaskGroup() as tasks:
                for choice, number in trials:
                    tasks.create_task(self._run_trial(ground, servers, places, choice, number))
        finally:
            listening.cancel()

    async def _run_trial(
        self,
        ground: Ground,
        servers: TrialServers,
        places: asyncio.Semaphore,
        choice: ApproachChoice,
        number: int,
    ) -> None:
        async with servers.place(choice, self._request.scenario), places:
            name = f"{choice.name}-{number}"
            trial = Trial(
                scenario=self._request.scenario,
                choice=choice,
                seed=self._request.seed + number - 1,
                runtime=self._request.runtime,
                extra={},
            )
            path = self._request.history(choice.name, number)
            namespace = f"harness_{uuid4().hex[:12]}"
            try:
                async with servers.of(
                    choice, trial.scenario, name, f"{namespace}_servers"
                ) as given:
                    trial = self._noted(path, trial, given)
                    error = await run_trial(
                        trial,
                        lambda spec, recorder: ProcessCluster(
                            ground, spec, namespace, recorder, given
                        ),
                        path,
                        lambda event: self._watch.saw(name, event),
                    )
            except ServerError as trouble:
                self._noted(path, trial, {})
                error = str(trouble)
            except OSError as trouble:
                error = f"its history could not be written: {trouble}"
            if error is not None:
                self._errors[path] = error
            self._watch.ended(name)

    def _noted(self, path: Path, trial: Trial, given: Mapping[System, Server]) -> Trial:
        """The trial as it begins, with these servers."""
        for system, server in given.items():
            self._coordinators[system.name] = f"{server.version} ({server.source})"
        if given:
            trial = replace(trial, extra={"coordinator": described(given)})
        noted = self._trials.setdefault(trial.choice.name, [])
        if path not in [known for known, _ in noted]:
            noted.append((path, trial))
        return trial

    async def _listen_for_noise(self) -> None:
        """Note by how much a timer is late, over and over: what disturbs us disturbs workers."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _SAMPLING
            await asyncio.sleep(_SAMPLING)
            self._late.append(loop.time() - due)


def _noise(late: Sequence[float]) -> Noise | None:
    if len(late) < 100:
        return None
    return Noise(statistics.quantiles(late, n=100)[-1], max(late))
