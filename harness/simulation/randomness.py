"""Random streams by name: what one of them draws does not move any other."""

from __future__ import annotations

from random import Random


def stream(seed: int, *names: object) -> Random:
    """The stream of that name: the same for the same seed, in every process."""
    return Random("/".join(map(str, (seed, *names))))
