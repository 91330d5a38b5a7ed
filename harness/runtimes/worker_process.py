"""One worker as a process of its own.

It reads two lines of JSON on stdin: its settings, and, once all workers are ready, the moment of
the start on the host's monotonic clock. It writes its events as JSON lines on stdout. SIGTERM asks
it to stop. A worker in any other language does the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.approaches import APPROACHES
from harness.approaches.approach import Approach
from harness.approaches.instance import connected, work
from harness.coordinators.postgres import client as postgres
from harness.coordinators.redis import client as redis
from harness.coordinators.zookeeper import client as zookeeper
from harness.history.event import Event
from harness.history.journal import encode
from harness.worker.clock import WorkerClock, since
from harness.worker.settings import Settings, settings_from_json
from harness.worker.sink import SqliteSink
from harness.worker.worker import CallCount, Instance, Worker

_CLIENTS: dict[str, Callable[..., Awaitable[Any]]] = {
    "redis": redis.connect,
    "zookeeper": zookeeper.connect,
    "postgres": postgres.connect,
}


class LineRecorder:
    """Writes events as JSON lines to a file descriptor, each at once and whole.

    Before the start the trial's time is not known: whoever reads a line without `at` stamps it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.started = False

    def record(self, event: Event) -> None:
        """Write one event."""
        row = event.as_json()
        if not self.started:
            del row["at"]
        os.write(self._descriptor, encode(row).encode())


async def serve(control: asyncio.StreamReader, output: int) -> None:
    """Be the worker that the first line on `control` describes, until asked to stop."""
    settings = settings_from_json(json.loads(await control.readline()))
    loop = asyncio.get_running_loop()
    recorder = LineRecorder(output)
    clock = WorkerClock(loop.time, settings.offset)
    calls = CallCount(settings.name, clock, recorder)
    approach = APPROACHES[settings.approach](**settings.parameters)
    sink = SqliteSink(Path(settings.sink), settings.policy)
    port = await _port(approach, settings, calls)
    recorder.record(Event(at=0.0, kind="worker.ready", worker=settings.name))
    clock.now = since(json.loads(await control.readline())["start"], loop)
    recorder.started = True
    worker = Worker(_instance(settings), port, clock, sink, recorder, calls)
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    uncaught = _collect_uncaught(loop)
    await work(approach, worker)
    if uncaught:
        raise uncaught[0]
    if port is not None:
        await port.close()
    sink.close()


def _collect_uncaught(loop: asyncio.AbstractEventLoop) -> list[BaseException]:
    """Errors that nobody catches, of callbacks and of tasks that nobody waits for, as they come."""
    uncaught: list[BaseException] = []

    def take(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if isinstance(error := context.get("exception"), BaseException):
            uncaught.append(error)

    loop.set_exception_handler(take)
    return uncaught


async def _port(approach: Approach[Any], settings: Settings, calls: CallCount) -> Any:
    if approach.coordinator is None:
        return None
    connect = partial(
        _CLIENTS[approach.coordinator],
        settings.url,
        settings.namespace,
        settings.request_timeout,
        calls,
        **approach.connection(),
    )
    return await connected(connect, calls)


def _instance(settings: Settings) -> Instance:
    return Instance(
        name=settings.name,
        identity=settings.identity,
        seed=settings.seed,
        jobs=settings.jobs,
        misfire_grace=settings.misfire_grace,
        max_instances=settings.max_instances,
    )


async def _serve_on_standard_streams() -> None:
    control = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(control), os.fdopen(0, "rb", buffering=0)
    )
    await serve(control, output=1)


def main() -> None:
    """Be a worker on the standard streams."""
    # Before the start there is nothing to finish: the first SIGTERM simply ends the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        asyncio.run(_serve_on_standard_streams())
    except BaseExceptionGroup as group:
        # The last line of what a worker says is what the report gives as the reason of its end.
        traceback.print_exception(group)
        sys.exit(f"{type(first := _first(group)).__name__}: {first}")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    main()
