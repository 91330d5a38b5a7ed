"""One `harness run`, from a scenario to its report and exit code."""

from __future__ import annotations

import asyncio
import itertools
import os
import platform
import shlex
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console

from harness import __version__
from harness.comparison.live import ComparisonRun
from harness.comparison.measured import Measured, Noise
from harness.comparison.request import Request, Runtime
from harness.comparison.simulated import SimulatedComparison
from harness.coordinators.sources import locate
from harness.report.configuration import configurations
from harness.report.model import Comparison
from harness.report.progress import LiveProgress
from harness.runtimes.calibration import default_calibration
from harness.runtimes.launcher import Launcher
from harness.scenario.setting import setting
from harness.verdict.expectations import Check, Standing, check_expectations

if TYPE_CHECKING:
    from harness.fidelity.model import Fidelity

# A timer this late shows a machine too busy for jobs and leases of a fraction of a second.
_NOISY = 0.1


class Exit(IntEnum):
    """How a command ends. Where several apply, the first of 2, 3, 130, 1, 4 counts."""

    OK = 0
    VIOLATION = 1
    BAD_INPUT = 2
    ENVIRONMENT = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Session:
    """What one run came to: the comparison, and the exit code."""

    comparison: Comparison
    code: Exit


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP: the first ends a run early, the second at once. A context.

    `seen` says that one came; `on_first` is called then.
    """

    def __init__(self, console: Console) -> None:
        self.seen = False
        self.on_first: Callable[[], None] = lambda: None
        self._console = console
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        if self.seen:
            # What we started ends with us, see harness.runtimes.launcher.
            os._exit(Exit.INTERRUPTED)
        self.seen = True
        self._console.print("stopping, and reporting what there is; again to quit at once")
        self.on_first()


def run_session(
    request: Request,
    console: Console,
    stop: StopSignals,
    command: Sequence[str],
    environ: Mapping[str, str],
) -> Session:
    """Run all trials and judge them; progress goes to `console`.

    A signal ends the trials early, and what has run by then is judged. Raises LauncherError and
    TrialError where processes cannot be started here.
    """
    with LiveProgress(console) as progress:
        if request.runtime == Runtime.SIM:
            measured = _simulate(request, progress, stop)
        else:
            run = ComparisonRun(request, locate(environ), progress)
            measured = run.measured(asyncio.run(_run(run, progress, stop)))
    checks = check_expectations(request.scenario.expect, measured.results)
    return Session(_comparison(request, measured, checks, command), _exit_code(measured, checks))


def run_fidelity(
    request: Request,
    simulated: int,
    console: Console,
    stop: StopSignals,
    command: Sequence[str],
    environ: Mapping[str, str],
) -> tuple[Fidelity, dict[str, str], Exit]:
    """Run live, then in simulation, and compare; what it was measured with, and the exit code.

    Raises as `run_session` does.
    """
    # numpy takes a while to load: no other command should wait for it.
    from harness.fidelity.model import Finding
    from harness.fidelity.running import measure_fidelity

    def live(one: Request) -> Measured:
        with LiveProgress(console) as progress:
            run = ComparisonRun(one, locate(environ), progress)
            return run.measured(asyncio.run(_run(run, progress, stop)))

    def virtual(one: Request) -> Measured:
        with LiveProgress(console) as progress:
            return _simulate(one, progress, stop)

    sides = measure_fidelity(request, simulated, live, virtual)
    about = _about(sides.live, command)
    if sides.simulated is not None:
        about |= {f"simulation, {name}": text for name, text in sides.simulated.about.items()}
    if not sides.live.tallies and sides.live.lacking:
        return sides.fidelity, about, Exit.ENVIRONMENT
    if stop.seen:
        return sides.fidelity, about, Exit.INTERRUPTED
    codes = {
        Finding.AGREES: Exit.OK,
        Finding.DIFFERS: Exit.VIOLATION,
        Finding.TOO_LITTLE: Exit.INCONCLUSIVE,
    }
    return sides.fidelity, about, codes[sides.fidelity.finding]


def _simulate(request: Request, progress: LiveProgress, stop: StopSignals) -> Measured:
    calibration = request.calibration or default_calibration()
    simulation = SimulatedComparison(request, calibration, progress)
    return simulation.measured(simulation.run(lambda: stop.seen))


async def _run(run: ComparisonRun, progress: LiveProgress, stop: StopSignals) -> bool:
    """Run the trials; true where a signal cut them short."""
    loop = asyncio.get_running_loop()
    with Launcher() as launcher:
        trials = asyncio.create_task(run.run(launcher))

        def cancel() -> None:
            loop.call_soon_threadsafe(trials.cancel)

        stop.on_first = cancel
        if stop.seen:
            trials.cancel()
        while not trials.done():
            await asyncio.wait({trials}, timeout=0.5)
            progress.tick()
        stop.on_first = lambda: None
        if trials.cancelled():
            return True
        trials.result()
        return False


def _comparison(
    request: Request, measured: Measured, checks: Sequence[Check], command: Sequence[str]
) -> Comparison:
    said = {Standing.UNMET: "not met", Standing.UNMEASURED: "not checked"}
    notes = [
        f"expectation {said[one.standing]}: {one.text}" for one in checks if one.standing in said
    ]
    if measured.interrupted:
        notes.append("Interrupted: what had run by then was judged.")
    notes += measured.notes
    if measured.noise is not None and measured.noise.max > _NOISY:
        notes.append(
            f"The machine was busy: timers were up to {_milliseconds(measured.noise.max)} late. "
            "Read latencies with that in mind; jobs and leases shorter than that may have suffered."
        )
    return Comparison(
        scenario=request.scenario.name,
        description=request.scenario.description,
        runtime=request.runtime,
        seed=request.seed,
        results=measured.results,
        tallies=measured.tallies,
        verdicts=measured.verdicts,
        about=_about(measured, command),
        notes=tuple(notes),
        expect=request.scenario.expect,
        setting=setting(request.scenario),
        configurations=configurations(request.scenario),
        repeat=request.repeat,
        interrupted=measured.interrupted,
    )


def _about(measured: Measured, command: Sequence[str]) -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    about = {
        "command": repeating(command),
        "when": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        **measured.about,
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()},"
        f" {os.cpu_count()} cores, {memory:.0f} GiB",
        "versions": f"harness {__version__}, Python {platform.python_version()}",
    }
    if measured.noise is not None:
        about["timers late by"] = _lateness(measured.noise)
    return about


def repeating(command: Sequence[str]) -> str:
    """The command as a shell takes it, for the same again: its report goes to a new directory."""
    words = iter(command)
    kept = []
    for word in words:
        if word == "--out":
            next(words, None)
        elif word != "--json" and not word.startswith("--out="):
            kept.append(word)
    return shlex.join(kept)


def _lateness(noise: Noise) -> str:
    return f"{_milliseconds(noise.p99)} (p99), {_milliseconds(noise.max)} (most)"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _exit_code(measured: Measured, checks: Sequence[Check]) -> Exit:
    standings = {one.standing for one in checks}
    ran = [result for result in measured.results if result.skipped is None]
    if not ran and measured.lacking:
        return Exit.ENVIRONMENT
    if measured.interrupted:
        return Exit.INTERRUPTED
    if Standing.UNMET in standings:
        return Exit.VIOLATION
    without = any(result.trials == result.invalid_trials for result in ran)
    inconclusive = not ran or without or Standing.UNMEASURED in standings
    return Exit.INCONCLUSIVE if inconclusive else Exit.OK


def new_directory(reports: Path, scenario: str) -> Path:
    """Make the directory of a run that is not told where: `reports/<scenario>-<time>`.

    Runs that begin in the same second get different ones. Raises OSError.
    """
    stem = f"{scenario}-{time.strftime('%Y%m%d-%H%M%S')}"
    reports.mkdir(parents=True, exist_ok=True)
    for count in itertools.count(1):
        directory = reports / (stem if count == 1 else f"{stem}-{count}")
        with suppress(FileExistsError):
            directory.mkdir()
            return directory
    raise AssertionError("unreachable")


def point_latest(directory: Path) -> None:
    """Let `latest`, beside the directory, point to it."""
    latest = directory.parent / "latest"
    if latest.exists() and not latest.is_symlink():
        return
    fresh = directory.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(directory.name)
    fresh.replace(latest)
