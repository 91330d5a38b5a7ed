"""Locks in a single Redis: from the snippet that everyone copies to one that renews itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from harness.approaches.approach import Grant
from harness.approaches.lock_per_run import KeptLock, LockPerRun
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.redis.port import RedisPort
from harness.scenario.duration import PositiveSeconds
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class RedisSetnx(LockPerRun[RedisPort]):
    """SET NX PX before each run, DEL after it, whoever holds the key by then.

    The snippet that everyone copies. A run longer than `ttl` (default 2s) loses the lock without
    noticing, and its DEL then frees the lock of whoever took it over.
    """

    coordinator = "redis"

    ttl: PositiveSeconds = 2.0

    @property
    def lease_events(self) -> frozenset[str]:
        """It never learns of a loss."""
        return super().lease_events - {"lease.lost"}

    async def acquire(self, worker: Worker[RedisPort], lease: Lease) -> Grant | None:
        """SET NX PX."""
        taken = await worker.port.set_if_absent(lease.resource, lease.id, self.ttl)
        return Grant(handle=lease.resource) if taken else None

    async def release(self, worker: Worker[RedisPort], lease: Lease) -> bool:
        """DEL. What it says of the lock that it deleted is not looked at."""
        await worker.port.delete(lease.resource)
        return True


@dataclass(frozen=True, kw_only=True)
class RedisLock(RedisSetnx):
    """SET NX PX before each run; released only by its owner (compare-and-delete).

    Source: the single-instance lock of Redis' documentation, "Distributed Locks with Redis".
    Promises exclusion for `ttl` (default 2s) by the server's clock, as long as Redis keeps its
    data: a run longer than that, or a pause, and two run at once.
    """

    @property
    def lease_events(self) -> frozenset[str]:
        """It learns of a loss when it releases."""
        return super(RedisSetnx, self).lease_events

    async def release(self, worker: Worker[RedisPort], lease: Lease) -> bool:
        """Delete the key if it still holds our token."""
        return await worker.port.delete_if_equal(lease.resource, lease.id)

    async def undo(self, worker: Worker[RedisPort], lease: Lease) -> None:
        """Delete the key in case that we did set it; else it expires."""
        with suppress(CoordinatorError):
            await worker.port.delete_if_equal(lease.resource, lease.id)


@dataclass(frozen=True, kw_only=True)
class RedisWatchdog(RedisLock, KeptLock[RedisPort]):
    """A `redis-lock` renewed every ttl/3 for as long as the job runs.

    Source: the watchdog of Redisson's RLock. Long jobs keep their lock; a pause longer than `ttl`
    (default 2s), or losing Redis for that long, still lets two run at once. Unlike Redisson's, it
    tells its run: by an answered renewal, or once `ttl` passed since the last one was sent.
    """

    async def keep(self, worker: Worker[RedisPort], lease: Lease) -> None:
        """Renew; count the lease from when a request was sent (Gray and Cheriton, 1989)."""
        loop = asyncio.get_running_loop()
        remaining = lease.asked + self.ttl - worker.clock.now()
        expiry = loop.call_later(remaining, worker.lost, lease)
        try:
            while not lease.lost.is_set():
                await asyncio.sleep(self.ttl / 3)
                sent = loop.time()
                with suppress(CoordinatorError):
                    if not await worker.port.extend_if_equal(lease.resource, lease.id, self.ttl):
                        worker.lost(lease)
                        return
                    expiry.cancel()
                    expiry = loop.call_at(sent + self.ttl, worker.lost, lease)
        finally:
            expiry.cancel()
