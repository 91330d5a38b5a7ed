"""How long something takes: drawn from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of durations in seconds, as quantiles at equal steps from minimum to maximum.

    Between two of them it is linear; nothing is fitted. A single quantile is a constant.
    """

    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.quantiles or list(self.quantiles) != sorted(self.quantiles):
            raise ValueError("a latency needs quantiles in ascending order")
        if self.quantiles[0] < 0:
            raise ValueError("a latency is not negative")

    def draw(self, random: Random) -> float:
        """One duration (inverse transform sampling)."""
        return self.quantile(random.random())

    def quantile(self, share: float) -> float:
        """The duration that this share of them does not exceed; `share` from 0 to below 1."""
        quantiles = self.quantiles
        place = share * (len(quantiles) - 1)
        index = int(place)
        low = quantiles[index]
        if place == index:
            return low
        high = quantiles[index + 1]
        # Rounding may take it past the upper one.
        return min(high, low + (place - index) * (high - low))


class Overshoot:
    """By how many seconds a process is late for its timers: drawn for each few milliseconds.

    A process that wakes up runs all timers that are due by then, in order. So those that are due
    together are late alike, and none is run before one that was due earlier. Drawn one by one, they
    would overtake each other.
    """

    __slots__ = ("_latency", "_seed", "_together")

    def __init__(self, latency: Latency, random: Random) -> None:
        self._latency = latency
        self._seed = random.getrandbits(60)
        # No shorter than the longest overshoot, so that only the stretch before matters.
        self._together = max(0.005, latency.quantiles[-1])

    def __call__(self, due: float) -> float:
        """How late a timer is that is due at this moment."""
        stretch = int(due / self._together)
        since = due - stretch * self._together
        return max(self._drawn(stretch), self._drawn(stretch - 1) - since)

    def _drawn(self, stretch: int) -> float:
        # The hash of numbers is no secret: it is the same in every process.
        mixed = hash((self._seed, stretch)) & 0xFFFF_FFFF_FFFF
        return self._latency.quantile(mixed / 0x1_0000_0000_0000)


def constant(seconds: float) -> Latency:
    """Always the same duration."""
    return Latency((seconds,))


def of_samples(samples: Sequence[float], steps: int = 100) -> Latency:
    """The distribution of measured durations, with `steps` + 1 quantiles.

    Raises ValueError where nothing was measured.
    """
    if not samples:
        raise ValueError("nothing was measured")
    ordered = sorted(samples)
    last = len(ordered) - 1
    return Latency(tuple(ordered[round(last * step / steps)] for step in range(steps + 1)))
