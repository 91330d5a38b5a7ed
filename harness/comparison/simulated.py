"""A comparison in the runtime `sim`: trials in virtual time, as many at once as there are cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness.comparison.measured import (
    FAILING_KEPT,
    Measured,
    failing_note,
    histories_kept,
    with_error,
)
from harness.comparison.misfit import misfit
from harness.comparison.pool import Died, Pool, Pulse
from harness.comparison.request import Histories, Request
from harness.history.event import Event
from harness.history.journal import Journal, Recorder
from harness.runtimes.calibration import Calibration
from harness.scenario.model import ApproachChoice
from harness.trial import Trial, coordinator_names, simulate, trial_line
from harness.verdict.condensing import Condensed
from harness.verdict.judge import judge
from harness.verdict.model import Result, Verdict
from harness.verdict.result import skipped, summarize
from harness.verdict.tally import Tally, tally

# Of each approach, so many verdicts on failing trials are kept as a whole.
_VERDICTS_KEPT = 10

# What a trial may take beyond its duration, in virtual seconds: to start, and to drain.
_AROUND = 1.0


class SimulationWatch(Protocol):
    """Whoever follows a comparison while it is simulated."""

    def simulating(self, trials: int, processes: int) -> None:
        """The trials begin."""
        ...

    def reached(self, over: int, under_way: float) -> None:
        """So many trials are over; of the others, so many trials' worth is done."""
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    """One trial to run: the place of its approach, its number, and what is wanted of it.

    `history` says that its history goes to disk. The verdict is wanted from one that counts, or
    only if it is failing; or neither.
    """

    place: int
    number: int
    history: bool
    if_valid: bool
    if_failing: bool


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a trial; `cut` where it was told to stop."""

    tally: Tally
    verdict: Verdict | None
    cut: bool = False


@dataclass(slots=True)
class _Harvest:
    """What is known of an approach, by the number of the trial."""

    tallies: dict[int, Tally] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    failing: int = 0
    failing_valid: int = 0
    valid: int = 0

    def add(self, number: int, done: _Done) -> None:
        if done.cut:
            self.cut.add(number)
        self.tallies[number] = done.tally
        if done.verdict is not None:
            self.verdicts[number] = done.verdict
        self.valid += done.tally.valid
        self.failing += not done.tally.flawless
        self.failing_valid += done.tally.valid and not done.tally.flawless

    def settle(self) -> None:
        """Put all in the order of trials; what was cut short counts only where nothing else did."""
        if len(self.cut) < len(self.tallies):
            for number in self.cut:
                self.tallies.pop(number)
                self.verdicts.pop(number, None)
        self.tallies = dict(sorted(self.tallies.items()))
        valid = [number for number, one in self.tallies.items() if one.valid]
        failing = [number for number in valid if not self.tallies[number].flawless]
        wanted = {*list(self.tallies)[:1], *valid[:1], *failing[:_VERDICTS_KEPT]}
        self.verdicts = {
            number: verdict for number, verdict in sorted(self.verdicts.items()) if number in wanted
        }


class SimulatedComparison:
    """One comparison in virtual time; the same request gives the same results and histories."""

    def __init__(self, request: Request, calibration: Calibration, watch: SimulationWatch) -> None:
        self._request = request
        self._calibration = calibration
        self._watch = watch
        self._approaches = request.scenario.approaches
        self._skipped: dict[str, str] = {}
        self._harvest: dict[str, _Harvest] = {}
        self._over = 0
        for choice in self._approaches:
            if (reason := misfit(choice, request.scenario, request.runtime)) is not None:
                self._skipped[choice.name] = reason
            else:
                self._harvest[choice.name] = _Harvest()

    def run(self, stopping: Callable[[], bool]) -> bool:
        """Run all trials; true where `stopping` cut them short."""
        total = len(self._harvest) * self._request.repeat
        if not total:
            return False
        cores = self._request.at_once or os.cpu_count() or 1
        size = min(cores, total)
        self._watch.simulating(total, size)
        pool = Pool(size, self._run_one)

        def look() -> None:
            if stopping():
                pool.stop()
            self._watch.reached(self._over, pool.under_way)

        pool.run(self._tasks(), self._take, look)
        return self._over < total

    def measured(self, interrupted: bool) -> Measured:
        """Sum up what has run, remove the histories that are not to stay, and say what lacks."""
        results: list[Result] = []
        for choice in self._approaches:
            name = choice.name
            if name in self._skipped:
                results.append(skipped(name, self._skipped[name]))
                continue
            harvest = self._harvest[name]
            harvest.settle()
            self._clear_histories(name, harvest)
            results.append(
                summarize(name, list(harvest.tallies.values()))
                if harvest.tallies
                else skipped(name, "interrupted before it began")
            )
        ran = {name: one for name, one in self._harvest.items() if one.tallies}
        tallies = {name: tuple(one.tallies.values()) for name, one in ran.items()}
        return Measured(
            results=tuple(results),
            tallies=tallies,
            verdicts={name: tuple(one.verdicts.values()) for name, one in ran.items()},
            about=self._about(),
            interrupted=interrupted,
            notes=failing_note(self._request.histories, tallies),
        )

    def _tasks(self) -> Iterator[_Task]:
        """All trials, made as they are handed out: what is wanted depends on those before."""
        which = self._request.histories
        for number in range(1, self._request.repeat + 1):
            for place, choice in enumerate(self._approaches):
                harvest = self._harvest.get(choice.name)
                if harvest is None:
                    continue
                history = which is Histories.ALL or (
                    which is Histories.FAILING and (number == 1 or harvest.failing < FAILING_KEPT)
                )
                if history:
                    harvest.begun.add(number)
                yield _Task(
                    place,
                    number,
                    history,
                    if_valid=harvest.valid == 0,
                    if_failing=harvest.failing_valid < _VERDICTS_KEPT,
                )

    def _take(self, task: _Task, result: _Done | Died) -> None:
        choice = self._approaches[task.place]
        if isinstance(result, Died):
            trial = self._trial(choice, task.number)
            line = trial_line(trial, trial.faults())
            verdict = Verdict(trial=line, path=None, end=0.0, invalid=(result.how,))
            result = _Done(tally(verdict), verdict)
        self._harvest[choice.name].add(task.number, result)
        self._over += not result.cut

    def _trial(self, choice: ApproachChoice, number: int) -> Trial:
        systems = [self._imitated(name) for name in coordinator_names(choice)]
        return Trial(
            scenario=self._request.scenario,
            choice=choice,
            seed=self._request.seed + number - 1,
            runtime=self._request.runtime,
            extra={"coordinator": "; ".join(systems)} if systems else {},
        )

    def _imitated(self, system: str) -> str:
        return f"simulated, as {self._calibration.versions.get(system, system)}"

    def _about(self) -> Mapping[str, str]:
        systems = {
            name
            for choice in self._approaches
            if choice.name in self._harvest
            for name in coordinator_names(choice)
        }
        about = {name: self._imitated(name) for name in sorted(systems)}
        host = ", ".join(f"{name} {value}" for name, value in self._calibration.host.items())
        about["calibrated on"] = "; ".join([host or "unknown", *self._calibration.notes])
        return about

    def _clear_histories(self, approach: str, harvest: _Harvest) -> None:
        """Remove those of trials that were not finished, or that are too many."""
        kept = histories_kept(self._request.histories, harvest.tallies)
        for number in harvest.begun - kept:
            self._request.history(approach, number).unlink(missing_ok=True)
            if number in harvest.verdicts:
                harvest.verdicts[number] = replace(harvest.verdicts[number], path=None)

    # What follows is done in the pool's processes.

    def _run_one(self, task: _Task, pulse: Pulse) -> _Done:
        choice = self._approaches[task.place]
        trial = self._trial(choice, task.number)
        path = self._request.history(choice.name, task.number)
        kept = path if task.history else None
        verdict, checksum, cut = run_simulated(trial, self._calibration, kept, path, pulse)
        first = task.number == 1
        only_failing = self._request.histories is Histories.FAILING
        if kept is not None and only_failing and verdict.flawless and not first:
            kept.unlink(missing_ok=True)
            verdict = replace(verdict, path=None)
        wanted = (
            first
            or (task.if_valid and verdict.valid)
            or (task.if_failing and verdict.valid and not verdict.flawless)
        )
        return _Done(tally(verdict, checksum), verdict if wanted else None, cut)


def run_simulated(
    trial: Trial, calibration: Calibration, kept: Path | None, path: Path, pulse: Pulse
) -> tuple[Verdict, int, bool]:
    """Simulate a trial and judge it: verdict, checksum, and whether `pulse` cut it short.

    Its history goes to `kept`, if anywhere; the traceback of what went wrong beside `path`.
    """
    line = trial_line(trial, trial.faults())
    condensed = Condensed(line)
    length = trial.scenario.duration + _AROUND
    cut = False

    def goes_on(now: float) -> bool:
        nonlocal cut
        cut = not pulse(min(now / length, 1.0))
        return not cut

    error: str | None
    checksum = 0
    try:
        if kept is not None:
            # A process that died may have left a piece of it.
            kept.unlink(missing_ok=True)
        with Journal(kept, line, buffered=True) as journal:
            both = _Both(journal, condensed)
            log = path.with_suffix(".log").write_text
            error = simulate(trial, calibration, both, log, goes_on)
            checksum = journal.checksum
    except OSError as trouble:
        error = f"its history could not be written: {trouble}"
    verdict = with_error(judge(condensed.history(kept)), error)
    return verdict, checksum, cut


class _Both:
    """Two recorders."""

    def __init__(self, first: Recorder, second: Recorder) -> None:
        self._first = first
        self._second = second

    def record(self, event: Event) -> None:
        self._first.record(event)
        self._second.record(event)
