"""Enqueue and claim in a Redis stream."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from harness.approaches.enqueue_and_claim import EnqueueAndClaim
from harness.approaches.renewal import renew_until_lost
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.redis.streams.port import Message, handle_of
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import Lease, OnLost, Worker


@dataclass(frozen=True, kw_only=True)
class RedisStreams(EnqueueAndClaim[RedisPort, Message]):
    """Every instance adds what is due to a stream, once; its consumer group shares it out.

    Source: Redis documentation, "Redis Streams", consumer groups. A run is added once by (job, due
    time), which is remembered for `remember` (default 60s): longer than instances differ in
    noticing it. Each instance reads one message at a time and acknowledges it after the run. What
    was not acknowledged for `min_idle` (default 2s), as its reader died, is claimed by another,
    which looks for it every `poll` (default 100ms). With `refresh` (the default) a reader tells the
    stream every min_idle/3 that it is still at it; without, a run longer than `min_idle` is run
    twice. `on_lost` is what a run does whose message another one may have claimed.

    At least once: after a pause or a cut of more than `min_idle`, both run. What Redis loses of the
    stream is missed; an acknowledgement lost is a run again. A run that failed, after the worker's
    own retries, is acknowledged all the same, as a dead letter; not so where its message may be
    another's, or its worker is asked to stop. Two due times of a job may run at once.
    """

    coordinator = "redis"

    min_idle: PositiveSeconds = 2.0
    refresh: bool = True
    remember: PositiveSeconds = 60.0
    on_lost: OnLost = "finish"

    async def add(self, worker: Worker[RedisPort], due: Due) -> None:
        """XADD, in one step with the key that keeps it from being added again."""
        await worker.port.streams.add(due.job, due.at, self.remember)

    async def claim(self, worker: Worker[RedisPort]) -> Message | None:
        """A new message, or one that somebody left lying."""
        streams = worker.port.streams
        return await streams.read(worker.identity) or await streams.claim_idle(
            worker.identity, self.min_idle
        )

    async def run_claimed(self, worker: Worker[RedisPort], message: Message, asked: float) -> None:
        """Run it, and keep it from being claimed meanwhile."""
        due = Due(message.job, message.due)
        lease = worker.lease(str(due), due=due)
        lease.until = asked + self.min_idle
        worker.granted(lease, handle_of(message))
        refreshing = asyncio.create_task(self._keep(worker, lease, message))
        try:
            completed = await worker.execute(due, lease, self.on_lost)
        finally:
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing
        worker.released(lease)
        if not completed and (lease.lost.is_set() or worker.stopping.is_set()):
            # It was cut short, or there may have been attempts left.
            return
        with suppress(CoordinatorError):
            if not await worker.port.streams.acknowledge(worker.identity, message):
                worker.lost(lease)

    async def _keep(self, worker: Worker[RedisPort], lease: Lease, message: Message) -> None:
        if self.refresh:
            streams = worker.port.streams
            await renew_until_lost(
                worker, lease, self.min_idle, lambda: streams.refresh(worker.identity, message)
            )
            worker.lost(lease)
