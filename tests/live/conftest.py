"""Shared by the live tests: each scenario is run once, by the true command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
import pytest_asyncio

from harness.coordinators.found import Found
from harness.runtimes.ground import Ground, open_ground
from harness.runtimes.launcher import Launcher
from tests.command import Ran
from tests.conftest import Need, RunOnce
from tests.live.trials import Trials


@pytest.fixture(scope="session")
def ran(run_once: RunOnce) -> Callable[[str], Ran]:
    """What came of a scenario of the library, run with all its approaches, once."""
    return partial(run_once, "process")


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
