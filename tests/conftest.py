"""Tests marked `virtual_time` run on a clock that jumps from timer to timer.

Tests marked `simulated`, or with a parameter of that value, run on the simulation's own loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from harness.approaches import APPROACHES
from harness.cli.app import CATALOG
from harness.comparison.request import Request
from harness.coordinators.found import Found
from harness.coordinators.sources import locate
from harness.report.document import results_json
from harness.scenario.duration import parse_duration
from harness.scenario.loading import load_scenario
from harness.scenario.overrides import with_overrides
from harness.session import StopSignals, run_session
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from tests.command import ROOT, Ran, run_scenario
from tests.oracle.selection import SELECTED, live_approaches
from tests.virtual_time import VirtualTimeLoop

Need = Callable[[str], None]
RunOnce = Callable[[str, str], Ran]


@dataclass
class LiveRuns:
    """Runs scenarios of the library on real coordinators, shortened, in the background."""

    runner: ThreadPoolExecutor
    places: pytest.TempPathFactory
    runs: dict[str, Future[Ran]] = field(default_factory=dict)

    def of(self, scenario: str) -> Future[Ran]:
        """The run of this scenario, begun by whoever asks first."""
        if scenario not in self.runs:
            place = self.places.mktemp("runs") / scenario
            self.runs[scenario] = self.runner.submit(
                run_scenario, scenario, place, *_shortened(scenario)
            )
        return self.runs[scenario]


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    if item.get_closest_marker("simulated"):
        return {"simulated": simulated_loop}
    return {"real": asyncio.new_event_loop}


# A shell's background jobs ignore it, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The hook above is asked before a test's parameters are known.
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        kinds = [value for value in parameters.values() if isinstance(value, str)]
        if "_asyncio_loop_factory" in parameters and "simulated" in kinds:
            parameters["_asyncio_loop_factory"] = simulated_loop


def simulated_loop() -> SimulatedLoop:
    return SimulatedLoop(Kernel())


@pytest.fixture(scope="session")
def coordinators() -> dict[str, Found]:
    """What this machine has."""
    return {one.name: one for one in locate(os.environ)}


@pytest.fixture(scope="session")
def need(coordinators: dict[str, Found]) -> Need:
    """Skip the test where a coordinator is missing; an approach stands for the one it needs."""

    def need(name: str) -> None:
        if name not in coordinators:
            # A variant is named for its approach.
            known = [each for each in APPROACHES if name.startswith(each)]
            name = APPROACHES[max(known, key=len)].coordinator or "" if known else ""
        if name and coordinators[name].source is None:
            pytest.skip(f"no {name} on this machine; to get it: {coordinators[name].remedy}")

    return need


@pytest.fixture(scope="session")
def run_once(live_runs: LiveRuns, tmp_path_factory: pytest.TempPathFactory) -> RunOnce:
    """What came of a scenario of the library in a runtime, run once.

    In simulation with all its approaches, live with those that are selected.
    """

    @cache
    def run(runtime: str, scenario: str) -> Ran:
        if runtime == "process":
            return live_runs.of(scenario).result()
        return _simulated(scenario, tmp_path_factory.mktemp("runs") / f"{scenario}-sim")

    return run


@pytest.fixture(scope="session")
def live_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRuns]:
    """The live runs of scenarios that were asked for, each run once, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as runner:
        yield LiveRuns(runner, tmp_path_factory)
        runner.shutdown(cancel_futures=True)


def _shortened(scenario: str) -> list[str]:
    """The options of a live run that takes no longer than it must."""
    chosen = SELECTED[scenario]
    options = ["--duration", chosen.duration] if chosen.duration else []
    options += ["--workers", str(chosen.workers)] if chosen.workers else []
    return options + [f"--approach={name}" for name in live_approaches(scenario) or ()]


def _simulated(scenario: str, directory: Path) -> Ran:
    """The same without a command, and without the page that takes longer than the trials."""
    (directory / "histories").mkdir(parents=True)
    duration = SELECTED[scenario].duration
    chosen = with_overrides(
        load_scenario(ROOT / "scenarios" / f"{scenario}.yaml", CATALOG),
        CATALOG,
        duration=None if duration is None else parse_duration(duration),
    )
    request = Request(
        scenario=chosen, runtime="sim", seed=1, repeat=3, directory=directory, at_once=1
    )
    console = Console(quiet=True)
    session = run_session(request, console, StopSignals(console), ["harness"], {})
    (directory / "results.json").write_text(json.dumps(results_json(session.comparison)))
    return Ran(session.code, "", "", directory)
