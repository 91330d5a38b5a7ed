"""What every approach is: parameters, the port that it speaks to, and one coroutine."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple

from harness.history.kinds import OF_LEASES
from harness.scenario.model import Layout
from harness.worker.worker import PortT, Worker


class Grant(NamedTuple):
    """What a coordinator gave: how to name it there, and its fencing token if it has one.

    `until` is how long its holder may believe in it without asking again, in the trial's time.
    """

    handle: str
    fence: int | None = None
    until: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Approach(ABC, Generic[PortT]):
    """An algorithm by which instances agree. Its fields are its parameters, times in seconds.

    `coordinator` names the system that it speaks to, through a port of the type `PortT`; None for
    none. `fenced` says whether its leases carry a fencing token.
    """

    coordinator: ClassVar[str | None] = None
    fenced: ClassVar[bool] = False

    @property
    def exclusive(self) -> bool:
        """Whether it promises that no two runs of a job meet, whatever their due times."""
        return True

    @property
    def lease_events(self) -> frozenset[str]:
        """The kinds of events that its leases can come with; all there are by default."""
        return OF_LEASES if self.coordinator else frozenset()

    @abstractmethod
    async def run(self, worker: Worker[PortT]) -> None:
        """Run what is due until the worker is asked to stop; then finish and give up leases."""

    def layout(self, given: Layout) -> Layout:
        """What its coordinator must be made of, where the scenario asks for `given`."""
        return given

    def connection(self) -> Mapping[str, Any]:
        """Parameters for the connection to the coordinator, beyond the ones that all share."""
        return {}
