"""One simulated worker from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from harness.approaches import APPROACHES
from harness.approaches.approach import Approach
from harness.approaches.instance import connected, work
from harness.history.event import Event
from harness.history.journal import Recorder
from harness.runtimes.orders import obey
from harness.runtimes.spec import ClusterSpec
from harness.runtimes.standing import StandingOrders
from harness.simulation.latency import Latency
from harness.simulation.loop import SimulatedLoop
from harness.simulation.randomness import stream
from harness.worker.clock import WorkerClock
from harness.worker.sink import Sink
from harness.worker.worker import CallCount, Instance, Worker

# Seldom, as nothing is lost by it: the calls of who is killed are counted all the same.
_REPORT_EVERY = 10.0


@dataclass(eq=False, slots=True)
class Life:
    """One start of a worker, up to its end.

    `identity` is its name and, from the second start on, the number of its start. `worker` is there
    once it is ready; `asked_to_stop` says that its end will be no surprise.
    """

    name: str
    identity: str
    loop: SimulatedLoop
    exited: asyncio.Future[int | None]
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Worker[Any] | None = None
    task: asyncio.Task[None] | None = None
    asked_to_stop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a worker finds where it lives. `now` is the trial's time.

    `standing` has what it is told when it starts.
    """

    spec: ClusterSpec
    start_up: Latency
    connect: Callable[..., Awaitable[Any]]
    sink: Sink
    recorder: Recorder
    now: Callable[[], float]
    standing: StandingOrders


async def live(life: Life, around: Surroundings) -> None:
    """Be this worker until asked to stop. `around.connect` is given what a port is for."""
    spec = around.spec
    assignment = spec.assignments[life.name]
    approach: Approach[Any] = APPROACHES[assignment.approach](**assignment.parameters)
    await asyncio.sleep(around.start_up.draw(stream(spec.seed, life.identity, "up")))
    recorder = _Voice(around.recorder, life.loop)
    clock = WorkerClock(around.now, spec.offsets[life.name])
    calls = CallCount(life.name, clock, recorder)
    port = None
    if assignment.system is not None:
        random = stream(spec.seed, life.identity, "network")
        port = await connected(
            lambda: around.connect(life.name, random, calls, **approach.connection()), calls
        )
    instance = Instance(
        name=life.name,
        identity=life.identity,
        seed=spec.seed,
        jobs=spec.jobs,
        misfire_grace=spec.misfire_grace,
        max_instances=spec.max_instances,
        retry=assignment.retry,
        circuit_breaker=assignment.circuit_breaker,
    )
    life.worker = Worker(instance, port, clock, around.sink, recorder, calls)
    recorder.record(Event(at=around.now(), kind="worker.ready", worker=life.name))
    for order in around.standing.of(life.name):
        if (told := obey(life.worker, order)) is not None:
            recorder.record(told)
    await life.begun.wait()
    await work(approach, life.worker, _REPORT_EVERY)
    if port is not None:
        await port.close()


class _Voice:
    """What a worker says, as long as it lives."""

    def __init__(self, recorder: Recorder, loop: SimulatedLoop) -> None:
        self._recorder = recorder
        self._loop = loop

    def record(self, event: Event) -> None:
        if not self._loop.dead:
            self._recorder.record(event)
