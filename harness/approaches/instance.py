"""The life of one instance between its start and its end, wherever it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from harness.approaches.approach import Approach
from harness.coordinators.errors import CoordinatorError
from harness.worker.worker import CallCount, Worker

_RECONNECT = 0.1


async def connected(connect: Callable[[], Awaitable[Any]], calls: CallCount) -> Any:
    """The client of the coordinator; tries for as long as that cannot be reached."""
    while True:
        try:
            return await connect()
        except CoordinatorError as error:
            calls.failed("connect", str(error))
            await asyncio.sleep(_RECONNECT)


async def work(approach: Approach[Any], worker: Worker[Any], report_every: float = 1.0) -> None:
    """Run what is due by this approach until the worker is asked to stop.

    Its calls are recorded every so many seconds: live, who is killed takes the last ones along.
    """
    reporting = asyncio.create_task(worker.report_calls(report_every))
    await approach.run(worker)
    reporting.cancel()
    worker.flush_calls()
