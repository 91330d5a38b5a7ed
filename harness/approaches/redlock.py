"""Redlock: a lock in most of several independent Redis servers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.approaches.approach import Grant
from harness.approaches.lock_per_run import LockPerRun
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.redis.nodes import RedisNodes
from harness.coordinators.redis.port import RedisPort
from harness.scenario.duration import PositiveSeconds, Seconds, format_duration
from harness.scenario.model import MOST_NODES, Layout
from harness.worker.worker import Lease, Worker

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Redlock(LockPerRun[RedisNodes]):
    """SET NX PX on `nodes` independent servers at once; held where most of them set it in time.

    Source: Sanfilippo, "Distributed Locks with Redis", the Redlock algorithm. Held while a majority
    of the servers (default 5) has the key, if less than `ttl` (default 2s), less a drift of 1 % and
    2 ms, passed since the first request; else it is given up on all of them. Where several asked at
    once and nobody got a majority, each tries again after up to `retry_delay` (default 50ms) at
    random, `retries` times (default 5). A server has `node_timeout` (default 100ms) to answer.

    Survives the loss of a minority of the servers. Clocks of a majority must run alike, and servers
    that lost their keys must stay away for `ttl`, or a second worker gets a majority. It has no
    fencing token, and a pause or a delay after the lock was obtained breaks exclusion as in any
    lock that expires (Kleppmann, "How to do distributed locking"). Who tries again finds the lock
    of a run free that was shorter than `retry_delay`, and runs its due time again.
    """

    coordinator = "redis"

    nodes: int = 5
    ttl: PositiveSeconds = 2.0
    node_timeout: PositiveSeconds = 0.1
    retries: int = 5
    retry_delay: Seconds = 0.05

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= MOST_NODES:
            raise ValueError(f"nodes must be 1 to {MOST_NODES}, not {self.nodes}")
        if self.nodes % 2 == 0:
            fewer = self.nodes - 1
            raise ValueError(
                f"nodes must be odd: of {self.nodes}, no more may fail than of {fewer}"
            )
        if self.retries < 0:
            raise ValueError(f"retries must be 0 or more, not {self.retries}")
        if self._validity <= self.node_timeout:
            ttl, timeout = map(format_duration, (self.ttl, self.node_timeout))
            raise ValueError(
                f"ttl, less 1 % and 2ms, must be more than node_timeout, {timeout}, not {ttl}:"
                " else nothing is locked while a server is down"
            )

    async def acquire(self, worker: Worker[RedisNodes], lease: Lease) -> Grant | None:
        """Ask all servers for the lock; where nobody gets it, give it up and ask again."""
        delays = worker.random(f"redlock/{lease.id}")
        for remaining in range(self.retries, -1, -1):
            asked = worker.clock.now()
            answers = await self._ask(
                worker, lambda node: node.set_if_absent(lease.resource, lease.id, self.ttl)
            )
            elapsed = worker.clock.now() - asked
            if answers.count(True) >= self._quorum and elapsed < self._validity:
                return Grant(handle=lease.resource)
            holders = await self._ask(worker, lambda node: node.get(lease.resource))
            await self._unlock(worker, lease)
            if self._is_taken(holders, lease) or not remaining or worker.stopping.is_set():
                break
            await worker.sleep(delays.uniform(0.0, self.retry_delay))
        return None

    async def release(self, worker: Worker[RedisNodes], lease: Lease) -> bool:
        """Give it up on all servers. False where so many had lost it that it was not held."""
        answers = await self._unlock(worker, lease)
        return self.nodes - answers.count(False) >= self._quorum

    def layout(self, given: Layout) -> Layout:
        """Servers that know nothing of each other; nobody follows them."""
        return Layout(nodes=self.nodes, persistent=given.persistent)

    def connection(self) -> dict[str, Any]:
        """One client a server, none of which may keep us waiting for long."""
        return {"independent": True, "node_timeout": self.node_timeout}

    @property
    def _quorum(self) -> int:
        return self.nodes // 2 + 1

    @property
    def _validity(self) -> float:
        """Seconds for which the lock is good, for clocks that drift by 1 % and tick in 2 ms."""
        return self.ttl - (0.01 * self.ttl + 0.002)

    def _is_taken(self, holders: list[str | None], lease: Lease) -> bool:
        """Whether another has a majority: who waited for its release would run it once more."""
        others = Counter(holder for holder in holders if holder not in (None, lease.id))
        return max(others.values(), default=0) >= self._quorum

    async def _unlock(self, worker: Worker[RedisNodes], lease: Lease) -> list[bool | None]:
        """Also where it was not granted: the answer may have been lost."""
        return await self._ask(worker, lambda node: node.delete_if_equal(lease.resource, lease.id))

    async def _ask(
        self, worker: Worker[RedisNodes], ask: Callable[[RedisPort], Awaitable[T]]
    ) -> list[T | None]:
        """What each server said; None where it did not."""

        async def answer(node: RedisPort) -> T | None:
            try:
                return await ask(node)
            except CoordinatorError:
                return None

        return await asyncio.gather(*(answer(node) for node in worker.port.nodes))
