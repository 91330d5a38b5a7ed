"""How long something takes: drawn from what was measured."""

from __future__ import annotations

from bisect import bisect_left
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
        quantiles = self.quantiles
        place = random.random() * (len(quantiles) - 1)
        index = int(place)
        low = quantiles[index]
        if place == index:
            return low
        high = quantiles[index + 1]
        # Rounding may take it past the upper one.
        return min(high, low + (place - index) * (high - low))

    def share_below(self, seconds: float) -> float:
        """The share of durations that are shorter, as far as the table tells."""
        return bisect_left(self.quantiles, seconds) / len(self.quantiles)


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
