"""`chaos.run`: a scenario, run and judged for a test."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from harness.comparison.misfit import misfit
from harness.comparison.request import Histories, Request
from harness.coordinators.sources import locate
from harness.pytest_plugin.choosing import Chosen, Given, choose, slug
from harness.pytest_plugin.errors import Inconclusive
from harness.pytest_plugin.failure import invalid_text
from harness.pytest_plugin.outcome import Outcome
from harness.pytest_plugin.settings import Settings
from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import LauncherError
from harness.scenario.model import Scenario
from harness.session import StopSignals, run_session
from harness.trial import coordinator_names

_LIVE = "process"


@dataclass(frozen=True, slots=True, repr=False)
class Chaos:
    """Runs scenarios for one test, or for the tests of one module.

    `note` is told of every outcome, `reported` of every report that is written.
    """

    settings: Settings
    temporary: pytest.TempPathFactory
    note: Callable[[Outcome], None]
    reported: Callable[[Outcome], None]

    def __repr__(self) -> str:
        return f"<chaos of {self.settings.test}>"

    def run(
        self,
        scenario: Given,
        *,
        approach: str | Sequence[str] | None = None,
        runtime: str | None = None,
        repeat: int | None = None,
        seed: int | None = None,
        workers: int | None = None,
        duration: str | None = None,
    ) -> Outcome:
        """Run a scenario, all its approaches or those given, and judge what happened.

        `scenario` is a name, a file, or what the file would say; `duration` has a unit, as `20s`.
        Raises UsageError where the input is wrong, Inconclusive where a trial is invalid. Skips the
        test where a coordinator is missing, or fails it, see `--chaos-strict`.
        """
        __tracebackhide__ = True
        _require_no_loop()
        with_defaults = self.settings.chosen(
            {
                "runtime": runtime,
                "repeat": repeat,
                "seed": seed,
                "workers": workers,
                "duration": duration,
            }
        )
        names = [approach] if isinstance(approach, str) else approach
        workers, duration = with_defaults["workers"], with_defaults["duration"]
        chosen = choose(
            scenario,
            self.settings.scenarios,
            self.settings.test,
            names,
            workers,
            duration,
            with_defaults["runtime"],
        )
        live = with_defaults["runtime"] == _LIVE
        if live:
            self._require_coordinators(chosen.scenario)
        directory = self._directory()
        command = _command(chosen, directory, names, with_defaults)
        request = Request(
            scenario=chosen.scenario,
            runtime=with_defaults["runtime"],
            seed=with_defaults["seed"],
            repeat=with_defaults["repeat"],
            directory=directory,
            at_once=None if live else _share_of_cores(os.environ),
            histories=Histories.ALL if live else Histories.FAILING,
        )
        outcome = self._run(request, command, live)
        self.note(outcome)
        if self.settings.out is not None:
            outcome.write_report()
        _require_all_valid(outcome, chosen.scenario, request.runtime)
        return outcome

    def _run(self, request: Request, command: Sequence[str], live: bool) -> Outcome:
        __tracebackhide__ = True
        console = Console(file=io.StringIO(), force_terminal=False)
        try:
            with self._alone() if live else nullcontext():
                # Not entered: signals stay with pytest, and Ctrl-C ends the trials by unwinding.
                stop = StopSignals(console)
                session = run_session(request, console, stop, command, os.environ)
        except (LauncherError, TrialError) as error:
            raise Inconclusive(f"{request.scenario.name} could not run here: {error}") from None
        reports = self.settings.out or request.directory.parent
        return Outcome(session.comparison, request.directory, reports, command, self.reported)

    def _directory(self) -> Path:
        """A new directory for one run, with its place for histories."""
        place = self.settings.out or self.temporary.getbasetemp() / "chaos"
        stem = slug(self.settings.test)
        place.mkdir(parents=True, exist_ok=True)
        for count in itertools.count(1):
            directory = place / (stem if count == 1 else f"{stem}-{count}")
            with suppress(FileExistsError):
                directory.mkdir()
                (directory / "histories").mkdir()
                return directory
        raise AssertionError("unreachable")

    def _require_coordinators(self, scenario: Scenario) -> None:
        """Skip the test, or fail it, where this machine cannot run the scenario live."""
        __tracebackhide__ = True
        lacking = list(_lacking(scenario, os.environ))
        if not lacking:
            return
        reason = "; ".join(lacking)
        if self.settings.strict:
            pytest.fail(f"{reason} (--no-chaos-strict skips instead)", pytrace=False)
        pytest.skip(reason)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let live runs of xdist's processes wait for each other: they would disturb each other."""
        if "PYTEST_XDIST_WORKER" not in os.environ:
            yield
            return
        import fcntl

        # The parent is shared by all processes of the session.
        path = self.temporary.getbasetemp().parent / "chaos-live.lock"
        with path.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _require_no_loop() -> None:
    __tracebackhide__ = True
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise pytest.UsageError(
            "chaos.run has an event loop of its own: call it from a plain test function, "
            "not from an async one"
        )


def _lacking(scenario: Scenario, environ: Mapping[str, str]) -> Iterator[str]:
    if sys.platform != "linux":
        yield f"real processes need Linux, and this is {sys.platform}; runtime='sim' does not"
        return
    found = {one.name: one for one in locate(environ)}
    wanted = {
        name
        for choice in scenario.approaches
        if misfit(choice, scenario, _LIVE) is None
        for name in coordinator_names(choice)
    }
    for name in sorted(wanted):
        if found[name].source is None:
            yield f"no {name} on this machine; to get it: {found[name].remedy}"


def _share_of_cores(environ: Mapping[str, str]) -> int | None:
    """How many simulated trials run at once; xdist's processes share the cores."""
    processes = int(environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return None if processes == 1 else max(1, (os.cpu_count() or 1) // processes)


def _command(
    chosen: Chosen,
    directory: Path,
    approaches: Sequence[str] | None,
    settings: Mapping[str, object],
) -> list[str]:
    """The command that does the same; a scenario without a file gets one."""
    path = chosen.path
    if path is None:
        path = directory / "scenario.yaml"
        path.write_text(chosen.written or "", encoding="utf-8")
    options = [f"--approach={name}" for name in approaches or ()]
    options += [f"--{name}={value}" for name, value in settings.items() if value is not None]
    words = [word for option in options for word in option.split("=", 1)]
    return ["harness", "run", _shortest(path), *words]


def _shortest(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    full = path.absolute()
    return str(full.relative_to(here) if full.is_relative_to(here) else full)


def _require_all_valid(outcome: Outcome, scenario: Scenario, runtime: str) -> None:
    """A trial in which a planned fault did not land proves nothing: no test passes on it."""
    __tracebackhide__ = True
    excused = {
        one.name for one in scenario.approaches if misfit(one, scenario, runtime) is not None
    }
    wrong = [
        invalid_text(result)
        for result in outcome.results
        if result.invalid_trials or (result.skipped is not None and result.approach not in excused)
    ]
    if wrong:
        raise Inconclusive("\n".join([*wrong, outcome.report_line()]))
