"""How long a coordinator takes, for its simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from harness.simulation.latency import Latency, constant


class Legs(NamedTuple):
    """One round trip in parts, in seconds: there, in the server's hands, and back."""

    there: float
    service: float
    back: float


@dataclass(frozen=True, slots=True)
class Timing:
    """What was measured of a coordinator that has nothing else to do, times in seconds.

    `round_trips`: for each operation of its port, and for `connect` (until a session or connection
    can be used), the time from the call to the answer. `service`: for each of them, how much of
    that keeps one of the server's `executors` busy. `alike`: operations that were not measured, and
    of each the one that it takes as long as.
    """

    round_trips: Mapping[str, Latency]
    service: Mapping[str, float]
    executors: int = 1
    alike: Mapping[str, str] = field(default_factory=dict)

    def draw(self, operation: str, random: Random) -> Legs:
        """One round trip of this operation."""
        operation = self.alike.get(operation, operation)
        whole = self.round_trips[operation].draw(random)
        service = min(self.service[operation], whole)
        way = (whole - service) / 2
        return Legs(way, service, way)


def uniform_timing(
    operations: tuple[str, ...],
    round_trip: float,
    service: float,
    executors: int = 1,
    alike: Mapping[str, str] | None = None,
) -> Timing:
    """The same constant times for each of these operations, and for `connect`."""
    names = (*operations, "connect")
    return Timing(
        dict.fromkeys(names, constant(round_trip)),
        dict.fromkeys(names, service),
        executors,
        alike or {},
    )
