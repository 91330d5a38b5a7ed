"""One worker as a process of its own.

It reads lines of JSON on stdin: its settings, and, once all workers are ready, the moment of the
start on the host's monotonic clock. It writes its events as JSON lines on stdout. SIGTERM asks it
to stop. A worker in any other language does the same.

What faults need of it: after the start it is told, one a line,

    {"skew": {"fault": "clock-skew#1", "jump": 2.0, "drift": 0.0, "since": 5.0}}
    {"unskew": {"fault": "clock-skew#1"}}
    {"fail": {"fault": "failing-job#1", "share": 0.3, "job": null}}
    {"pass": {"fault": "failing-job#1"}}

its own clock goes 2 s forward, and gains 0 s a second from 5 s on; so many of its runs fail, of
that job or of any; and what that fault did is undone. It answers each with the event `worker.told`,
with the `fault`, and `what` being the first word. What is in effect when it starts is told with the
start, as a list: `{"start": 123.4, "orders": [{"skew": …}]}`. Events of the kinds in
its settings' `breakpoints` it writes with `"held": true`, and then stands still as a whole, but for
what it is told, until that is {"go": true}.
"""

from __future__ import annotations

import asyncio
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
from harness.runtimes.control import ControlPipe
from harness.runtimes.orders import TOLD, Order, obey
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
    After events of the kinds in `breakpoints` it calls `stand_still`, from the start on.
    """

    def __init__(
        self, descriptor: int, breakpoints: frozenset[str], stand_still: Callable[[], None]
    ) -> None:
        self._descriptor = descriptor
        self._breakpoints = breakpoints - {TOLD}
        self._stand_still = stand_still
        self.started = False

    def record(self, event: Event) -> None:
        """Write one event."""
        row = event.as_json()
        if not self.started:
            del row["at"]
        held = self.started and event.kind in self._breakpoints
        if held:
            row["held"] = True
        os.write(self._descriptor, encode(row).encode())
        if held:
            self._stand_still()


async def serve(control: ControlPipe, output: int) -> None:
    """Be the worker that the first line on `control` describes, until asked to stop."""
    settings = settings_from_json(await control.receive())
    loop = asyncio.get_running_loop()
    recorder = LineRecorder(output, settings.breakpoints, control.stand_still)
    clock = WorkerClock(loop.time, settings.offset)
    calls = CallCount(settings.name, clock, recorder)
    approach = APPROACHES[settings.approach](**settings.parameters)
    sink = SqliteSink(Path(settings.sink), settings.policy)
    port = await _port(approach, settings, calls)
    recorder.record(Event(at=0.0, kind="worker.ready", worker=settings.name))
    start = await control.receive()
    clock.now = since(start["start"], loop)
    recorder.started = True
    worker = Worker(_instance(settings), port, clock, sink, recorder, calls)
    for order in start["orders"]:
        _obey(worker, recorder, order)
    control.listen(partial(_obey, worker, recorder))
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    uncaught = _collect_uncaught(loop)
    await work(approach, worker)
    if uncaught:
        raise uncaught[0]
    if port is not None:
        await port.close()
    sink.close()


def _obey(worker: Worker[Any], recorder: LineRecorder, order: Order) -> None:
    """Do as told, and say so; what is not known is for another version."""
    if (told := obey(worker, order)) is not None:
        recorder.record(told)


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
        retry=settings.retry,
        circuit_breaker=settings.circuit_breaker,
    )


def main() -> None:
    """Be a worker on the standard streams."""
    # Before the start there is nothing to finish: the first SIGTERM simply ends the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        asyncio.run(serve(ControlPipe(0), output=1))
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
