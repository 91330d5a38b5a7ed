"""Waiting for the event of a fault that has a `when`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.faults.observation import Observation, Sighting
from harness.faults.plan import PlannedFault
from harness.faults.when import When


@dataclass(frozen=True, slots=True)
class Occasion:
    """A planned fault at its moment: when that is, and whom the event that it follows is about."""

    planned: PlannedFault
    at: float
    subjects: tuple[str, ...] = ()
    trigger: Trigger | None = None

    def release(self) -> None:
        """Let whoever stands still for this fault go on."""
        if self.trigger is not None:
            self.trigger.release()


class Trigger:
    """Fires once, at the event that a fault waits for. To be made in the loop that waits.

    From then until `release`, the observation is not settled, where the fault follows at once.
    """

    def __init__(self, planned: PlannedFault, when: When, observation: Observation) -> None:
        self.seen = 0
        self._planned = planned
        self._when = when
        self._observation = observation
        loop = asyncio.get_running_loop()
        self._fired: asyncio.Future[Sighting] = loop.create_future()
        self._landed: asyncio.Future[None] = loop.create_future()
        observation.watch(when.kind, self._see)

    async def occasion(self) -> Occasion:
        """The fault at its moment, once that has come."""
        sighting = await self._fired
        at = sighting.event.at + self._when.after
        return Occasion(self._planned, at, sighting.subjects, self)

    @property
    def missing(self) -> str | None:
        """What it still waits for; None once that has come."""
        if self._fired.done() and not self._fired.cancelled():
            return None
        return f"{self._when}, {self.seen} of {self._when.nth} seen"

    def release(self) -> None:
        """The fault has landed, or failed, or cannot land yet."""
        if not self._landed.done():
            self._landed.set_result(None)

    def close(self) -> None:
        """Watch no more."""
        self._observation.unwatch(self._when.kind, self._see)
        self.release()

    def _see(self, sighting: Sighting) -> None:
        if self._fired.done() or not self._when.matches(sighting):
            return
        self.seen += 1
        if self.seen < self._when.nth:
            return
        self._fired.set_result(sighting)
        self._observation.unwatch(self._when.kind, self._see)
        if self._when.after == 0 and self._planned.fault.lands_on_the_still:
            self._observation.await_landing(self._landed)
