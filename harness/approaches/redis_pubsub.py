"""A lock in a single Redis whose losers wait to be told of its release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.approaches.approach import Grant
from harness.approaches.redis_locks import RedisLock
from harness.coordinators.errors import Unavailable
from harness.coordinators.redis.channels.port import Subscription
from harness.coordinators.redis.port import RedisPort
from harness.scenario.duration import PositiveSeconds, format_duration
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class RedisPubSub(RedisLock):
    """A `redis-lock` whose release is published; losers wait for it, for up to `wait`.

    Source: Redisson's RLock, whose unlock script publishes to those that subscribed, with a mark of
    each due time that was run, so that who waited does not run it again. The mark is set in the
    script that releases, and looked for in the one that locks; it is kept for `remember` (default
    60s), which must exceed `wait` (default 5s) and what instances differ in noticing a due time. A
    run that failed is marked too.

    Pub/Sub is at most once, and a holder that crashed publishes nothing: so losers also try every
    `poll` (default 100ms), unless `fallback` is false, to show what happens then. With it, a run
    cut short by a crash is run again by another once the lock expired, `ttl` (default 2s) after it
    was taken. At each release all that wait wake up, and all but one in vain. Exclusion is promised
    as by `redis-lock`.
    """

    key: Literal["job"] = "job"
    wait: PositiveSeconds = 5.0
    poll: PositiveSeconds = 0.1
    fallback: bool = True
    remember: PositiveSeconds = 60.0

    def __post_init__(self) -> None:
        if self.remember <= self.wait:
            remember, wait = map(format_duration, (self.remember, self.wait))
            raise ValueError(f"remember must be more than wait, {wait}, not {remember}")

    async def acquire(self, worker: Worker[RedisPort], lease: Lease) -> Grant | None:
        """Try; while another holds it, wait for its release and try again."""
        deadline = worker.clock.now() + self.wait
        releases: Subscription | None = None
        try:
            while worker.clock.now() < deadline and not worker.stopping.is_set():
                obstacle = await self._try(worker, lease)
                if obstacle is None:
                    return Grant(handle=lease.resource)
                if obstacle == _mark(lease):
                    break
                remaining = max(0.0, deadline - worker.clock.now())
                patience = min(remaining, self.poll) if self.fallback else remaining
                releases = await self._await_release(worker, lease, releases, patience)
            return None
        finally:
            if releases is not None:
                await releases.close()

    async def _try(self, worker: Worker[RedisPort], lease: Lease) -> str | None:
        """Take the lock; or what is in the way, which an own run of the job is, too."""
        if lease.job is not None and worker.is_busy_with(lease.job):
            return lease.resource
        return await worker.port.set_unless(lease.resource, lease.id, self.ttl, _mark(lease))

    async def _await_release(
        self,
        worker: Worker[RedisPort],
        lease: Lease,
        releases: Subscription | None,
        patience: float,
    ) -> Subscription | None:
        """Wait for a message; where to wait for the next one, None where there is no connection."""
        try:
            if releases is None:
                # Not waited for now: it may have been released before anybody listened.
                return await worker.port.channels.subscribe(_channel(lease))
            await releases.receive(patience)
        except Unavailable:
            if releases is not None:
                await releases.close()
            await worker.sleep(self.poll)
            return None
        return releases

    async def release(self, worker: Worker[RedisPort], lease: Lease) -> bool:
        """Mark the due time, and if the key still holds our token, delete it and publish."""
        return await worker.port.channels.release(
            lease.resource, lease.id, _mark(lease), self.remember, _channel(lease)
        )


def _channel(lease: Lease) -> str:
    return f"released:{lease.resource}"


def _mark(lease: Lease) -> str:
    return f"done:{lease.job}/{lease.due!r}"
