"""Leader election in Redis: a key that its holder renews."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from harness.approaches.approach import Grant
from harness.approaches.leader import Leader
from harness.approaches.renewal import renew_until_lost
from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.redis.port import RedisPort
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker

_SEAT = "leader"


@dataclass(frozen=True, kw_only=True)
class RedisLeader(Leader[RedisPort]):
    """Whose token is in the leader key leads, and renews it every ttl/3; the others poll.

    Source: the single-instance lock of Redis' documentation, "Distributed Locks with Redis", held
    and renewed as a lease (Gray and Cheriton, 1989). When the leader dies, the next takes over once
    the key expired, `ttl` (default 2s) after its last renewal, and was looked for, every `poll`
    (default 100ms). A leader that Redis does not answer stops by its own clock before the key can
    expire; one that is paused for longer finishes what it was running beside its successor. Where
    Redis loses the key, two lead until the next renewal.
    """

    coordinator = "redis"

    ttl: PositiveSeconds = 2.0
    poll: PositiveSeconds = 0.1

    async def elect(self, worker: Worker[RedisPort]) -> Grant:
        """SET NX PX until it is set; to the end, as whoever runs us ends the campaign."""
        # It may be ours already: of a term whose last renewal or whose election got no answer.
        unsure = True
        while True:
            sent = worker.clock.now()
            try:
                if (unsure and await self._extend(worker)) or await worker.port.set_if_absent(
                    _SEAT, worker.identity, self.ttl
                ):
                    until = sent + self.ttl
                    # What was granted so long ago that it is over grants nothing.
                    if worker.clock.now() < until:
                        return Grant(handle=_SEAT, until=until)
                unsure = False
            except Indeterminate:
                unsure = True
            except Unavailable:
                pass
            await asyncio.sleep(self.poll)

    async def serve(self, worker: Worker[RedisPort], lease: Lease) -> None:
        """Lead while the key is renewed, and no longer than it lives by our own clock."""
        await renew_until_lost(worker, lease, self.ttl, lambda: self._extend(worker))

    async def resign(self, worker: Worker[RedisPort]) -> None:
        """Delete the key if it holds our token; else it expires."""
        with suppress(CoordinatorError):
            await worker.port.delete_if_equal(_SEAT, worker.identity)

    async def last_run(self, worker: Worker[RedisPort], job: str) -> float | None:
        """Read the job's mark."""
        mark = await worker.port.get(f"ran:{job}")
        return None if mark is None else float(mark)

    async def note_run(self, worker: Worker[RedisPort], due: Due) -> None:
        """Write the job's mark."""
        await worker.port.set(f"ran:{due.job}", repr(due.at))

    async def _extend(self, worker: Worker[RedisPort]) -> bool:
        return await worker.port.extend_if_equal(_SEAT, worker.identity, self.ttl)
