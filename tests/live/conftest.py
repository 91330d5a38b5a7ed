"""Shared by the live tests: each scenario is run once, by the true command."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from functools import cache

import pytest
import pytest_asyncio

from harness.approaches import APPROACHES
from harness.coordinators.found import Found
from harness.coordinators.sources import locate
from harness.runtimes.ground import Ground, open_ground
from harness.runtimes.launcher import Launcher
from tests.live.command import Ran, run_scenario
from tests.live.oracle import SHORTENED
from tests.live.trials import Trials

Need = Callable[[str], None]


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
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """What came of a scenario of the library, run with all its approaches, once."""

    @cache
    def run(scenario: str) -> Ran:
        directory = tmp_path_factory.mktemp("runs") / scenario
        return run_scenario(scenario, directory, "--duration", SHORTENED[scenario])

    return run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(coordinators: dict[str, Found]) -> AsyncIterator[Ground]:
    """All coordinators of this machine, and the parent of workers, in the loop of the module."""
    with Launcher() as launcher:
        async with open_ground(launcher, coordinators.values(), set(coordinators)) as ground:
            assert not [name for name in ground.missing if coordinators[name].source], ground
            yield ground


@pytest.fixture(scope="module")
def trials(ground: Ground, need: Need) -> Trials:
    """Where a test gets its workers from."""
    return Trials(ground, need)
