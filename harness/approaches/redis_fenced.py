"""A lock in a single Redis that hands out fencing tokens."""

from __future__ import annotations

from dataclasses import dataclass

from harness.approaches.approach import Grant
from harness.approaches.redis_locks import RedisLock
from harness.coordinators.redis.port import RedisPort
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class RedisFenced(RedisLock):
    """A `redis-lock` that counts: with each lock comes the next number of its job, as its token.

    Source: Kleppmann, "How to do distributed locking"; Redisson's RFencedLock, which counts in the
    same script. The lock itself promises what `redis-lock` does. A sink with the policy `fencing`
    refuses an effect whose token is lower than one that it has seen: what a holder does after its
    successor did is refused, what it does late but before that is taken. The counter is only as
    durable as Redis: reset by a loss of data, it begins at 1 again, and the sink refuses every
    effect until it is past where it was.
    """

    fenced = True

    async def acquire(self, worker: Worker[RedisPort], lease: Lease) -> Grant | None:
        """SET NX PX, and INCR where it was set, in one step."""
        token = await worker.port.set_if_absent_fenced(
            lease.resource, lease.id, self.ttl, f"fence:{lease.job}"
        )
        return None if token is None else Grant(handle=lease.resource, fence=token)
