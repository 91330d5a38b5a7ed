"""Under which lease a run ran."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from harness.verdict.model import Held, Run

# A worker holds few leases at a time; those of long ago are not a run's.
_LEASES_BACK = 50


def lease_of(run: Run, held: Sequence[Held]) -> Held | None:
    """The latest lease that the run's worker had when it started, and that covers it.

    `held` are those of its worker, by grant.
    """
    last = bisect_right(held, run.started, key=lambda hold: hold.granted)
    for hold in reversed(held[max(0, last - _LEASES_BACK) : last]):
        covers = hold.job in (None, run.job) and hold.due in (None, run.due)
        if covers and hold.ended >= run.started:
            return hold
    return None
