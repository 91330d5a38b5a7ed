"""Keeping a lease that has a time to live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from harness.coordinators.errors import CoordinatorError
from harness.worker.worker import Lease, Worker


async def renew_until_lost(
    worker: Worker[Any],
    lease: Lease,
    ttl: float,
    extend: Callable[[], Awaitable[bool]],
    margin: float | None = 0.0,
) -> None:
    """Renew a lease every ttl/3; return once it is lost, or can no longer be known to be held.

    It is lost when `extend` says so, and at `lease.until`. Each renewal moves that to `ttl` less
    `margin` seconds after its request was sent, as the coordinator's count begins later (Gray and
    Cheriton, "Leases", 1989); with a margin of None, only `extend` has a say. A renewal without an
    answer is simply tried again.
    """
    left = None if margin is None else lease.until - worker.clock.now()
    with suppress(TimeoutError):
        async with asyncio.timeout(left) as held:
            while True:
                await asyncio.sleep(ttl / 3)
                sent = worker.clock.now()
                with suppress(CoordinatorError):
                    if not await extend():
                        return
                    if margin is not None:
                        lease.until = sent + ttl - margin
                        remaining = lease.until - worker.clock.now()
                        held.reschedule(asyncio.get_running_loop().time() + remaining)
