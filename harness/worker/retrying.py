"""How long a worker waits before it tries again."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from harness.scenario.model import Retry


def waits(policy: Retry, random: Random) -> Iterator[float]:
    """The seconds before the second attempt and each that follows: exponential, with jitter.

    Source of the jitter: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015;
    1 is its full jitter, 0.5 its equal one.
    """
    wait = min(policy.backoff, policy.longest)
    for _ in range(policy.attempts - 1):
        yield wait * (1.0 - policy.jitter * random.random())
        wait = min(wait * policy.factor, policy.longest)
