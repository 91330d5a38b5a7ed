"""The coordinators of each live trial: those that all share, or some that are its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from harness.coordinators.found import Found
from harness.coordinators.server import Launcher, Server, ServerError
from harness.coordinators.sources import VARIABLES
from harness.runtimes.ground import own_servers
from harness.runtimes.spec import System
from harness.scenario.model import ApproachChoice, Layout, Scenario
from harness.trial import systems_of

OWN_AT_ONCE = 2
"""How many trials with servers of their own run side by side: an ensemble is three JVMs."""


def own_systems(choice: ApproachChoice, scenario: Scenario) -> tuple[System, ...]:
    """What the trial must have for itself: it breaks it, or it is made as no others are."""
    breaks = any(fault.params.breaks_coordinator for fault in scenario.faults)
    needed = systems_of(choice, scenario)
    return tuple(one for one in needed if breaks or one.layout != Layout())


def shared_names(choice: ApproachChoice, scenario: Scenario) -> tuple[str, ...]:
    """The names of the systems that it can share with other trials."""
    own = own_systems(choice, scenario)
    return tuple(one.name for one in systems_of(choice, scenario) if one not in own)


def not_ours(choice: ApproachChoice, scenario: Scenario, found: Mapping[str, Found]) -> str | None:
    """Why it cannot have servers of its own; None where it can, or needs none."""
    for system in own_systems(choice, scenario):
        variable = VARIABLES[system.name]
        if found[system.name].source == variable:
            return f"needs a {system.name} that the harness starts and may break: unset {variable}"
    return None


class TrialServers:
    """Gives trials their coordinators. `starting` is told what is started for which trial.

    Only so many trials at once have servers of their own, and these start one trial at a time:
    that takes all of a small machine, and others are being measured meanwhile.
    """

    def __init__(
        self,
        launcher: Launcher,
        shared: Mapping[str, Server],
        found: Mapping[str, Found],
        starting: Callable[[str], None],
    ) -> None:
        self._launcher = launcher
        self._shared = shared
        self._found = found
        self._starting = starting
        self._places = asyncio.Semaphore(OWN_AT_ONCE)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def place(self, choice: ApproachChoice, scenario: Scenario) -> AsyncIterator[None]:
        """Wait until there may be one more trial like this."""
        if not own_systems(choice, scenario):
            yield
            return
        async with self._places:
            yield

    @asynccontextmanager
    async def of(
        self, choice: ApproachChoice, scenario: Scenario, trial: str, directory: str
    ) -> AsyncIterator[Mapping[System, Server]]:
        """The trial's servers, from when all answer until it is over. Raises ServerError.

        Those of its own live in a new directory of this name, below the launcher's.
        """
        own = own_systems(choice, scenario)
        shared = {
            one: self._shared[one.name] for one in systems_of(choice, scenario) if one not in own
        }
        async with AsyncExitStack() as stack:
            if not own:
                yield shared
                return
            async with self._turn:
                self._starting(f"starting {_listed(own)} for {trial}")
                opening = own_servers(self._launcher, self._found, own, directory)
                try:
                    owned = await stack.enter_async_context(opening)
                except (ServerError, OSError) as error:
                    raise ServerError(f"{_listed(own)} did not start: {error}") from error
            yield {**shared, **owned}


def described(servers: Mapping[System, Server]) -> str:
    """What a trial was made with, for its history; empty where it was made with nothing."""
    return "; ".join(
        f"{server.version} ({server.source}){_made_of(system.layout)}"
        for system, server in servers.items()
    )


def _listed(systems: Sequence[System]) -> str:
    return ", ".join(f"{one.name}{_made_of(one.layout)}" for one in systems)


def _made_of(layout: Layout) -> str:
    """How it differs from one server, in words."""
    if layout.replicas:
        return f" with {layout.replicas} replica{'' if layout.replicas == 1 else 's'}"
    return f" with {layout.nodes} nodes" if layout.nodes > 1 else ""
