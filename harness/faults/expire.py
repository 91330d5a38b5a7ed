"""Expire: the coordinator forgets a lease that its holder believes in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed, TargetGone
from harness.faults.fault import STRICT, Fault


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Expire(Fault):
    """Make the coordinator forget what its targets hold, behind their back.

    Redis: the key is deleted, or the message is nobody's. ZooKeeper: the session is ended.
    Postgres: the backend is terminated, or the row is freed. What a time to live that ran out, an
    eviction or an operator does.
    """

    needs_coordinator: ClassVar[bool] = True
    needs_lease: ClassVar[bool] = True
    momentary: ClassVar[bool] = True

    @property
    def lasts(self) -> float | None:
        """No time at all: what is forgotten is not remembered."""
        return 0.0

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Forget every lease that they hold, each system once."""
        leases = {
            lease.handle: lease
            for target in targets
            for lease in cluster.observation.leases(target)
            if lease.handle is not None
        }
        if not leases:
            raise TargetGone(f"{', '.join(targets)} held no lease any more")
        done = await asyncio.gather(
            *(cluster.forget(lease) for lease in leases.values()), return_exceptions=True
        )
        landed = [one for one in done if isinstance(one, Landed)]
        # What was given up in the meantime need not be forgotten, as long as something was.
        for error in done:
            if isinstance(error, BaseException) and not (landed and isinstance(error, TargetGone)):
                raise error
        return min(landed, key=lambda one: one.at)
