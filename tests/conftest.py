"""Tests marked `virtual_time` run on a clock that jumps from timer to timer.

Tests marked `simulated`, or with a parameter of that value, run on the simulation's own loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from harness.approaches import APPROACHES
from harness.coordinators.found import Found
from harness.coordinators.sources import locate
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from tests.command import Ran, run_scenario
from tests.oracle.table import SHORTENED
from tests.virtual_time import VirtualTimeLoop

Need = Callable[[str], None]
RunOnce = Callable[[str, str], Ran]

# How often, and that every history is kept for a look.
_OPTIONS = {"process": (), "sim": ("--repeat", "3", "--histories", "all")}


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    if item.get_closest_marker("simulated"):
        return {"simulated": simulated_loop}
    return {"real": asyncio.new_event_loop}


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
            name = APPROACHES[max(known, key=len)].coordinator or ""
        if name and coordinators[name].source is None:
            pytest.skip(f"no {name} on this machine; to get it: {coordinators[name].remedy}")

    return need


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> RunOnce:
    """What came of a scenario of the library in a runtime, run with all its approaches, once."""

    @cache
    def run(runtime: str, scenario: str) -> Ran:
        directory = tmp_path_factory.mktemp("runs") / f"{scenario}-{runtime}"
        options = ("--runtime", runtime, *_OPTIONS[runtime])
        return run_scenario(scenario, directory, "--duration", SHORTENED[scenario], *options)

    return run
