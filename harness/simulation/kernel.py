"""Virtual time: one SimPy environment that runs the event loops of a whole simulated world."""

from __future__ import annotations

import sys
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable
from contextvars import Context
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import simpy

from harness.simulation.generators import Generators

if TYPE_CHECKING:
    from harness.simulation.loop import SimulatedLoop

# A world in which so many rounds go by without anything to wait for will not go on any more.
MOST_ROUNDS = 100_000

# SimPy's own priority of what is neither urgent nor an interruption.
NORMAL = 1


class SimulationError(RuntimeError):
    """A simulated program did what no simulation can do, or a simulated world came to a halt."""


class Handle:
    """A callback that an event loop is to run: asyncio's Handle and TimerHandle in one.

    `callback` is None once it is cancelled. `at` is when it is due, in virtual time; negative where
    that is the next round.
    """

    __slots__ = ("args", "at", "callback", "context", "loop")

    def __init__(
        self,
        loop: SimulatedLoop,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
        at: float,
    ) -> None:
        self.loop = loop
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context
        self.at = at

    def cancel(self) -> None:
        """Never run it. It stays where it is until it would be due."""
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.callback is None

    def when(self) -> float:
        """When it is due, on its loop's clock."""
        return self.loop.at_own(self.at)


class Happening:
    """Something that happens to the world at a moment, whatever any loop does: a message arrives.

    `callback` is None once it is cancelled.
    """

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None
        self.args = ()


class Kernel(simpy.Environment):
    """SimPy's environment, which also runs the callbacks of event loops.

    At each moment, first everything happens that is due, in the order in which it was planned;
    then the loops run what is ready, in rounds as asyncio's own loop does: what a round makes
    ready waits for the next. SimPy's processes and events may be used beside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ready: deque[Handle] = deque()
        # How much has happened: timers, callbacks of loops, what happens to the world.
        self.processed = 0
        self.lanes: dict[float, Lane] = {}
        # What loops were asked for and refused, for the case that a program swallows the error.
        self.breaches: list[str] = []
        # How many tasks its loops have made: asyncio keeps those of all loops in one set.
        self.tasks = 0
        self.generators = Generators()
        # Killed and not buried: while the world lasts, garbage collection must not find them,
        # for it would run their `finally`.
        self.graveyard: dict[SimulatedLoop, None] = {}

    def plan(self, delay: float, callback: Callable[..., object], *args: Any) -> Happening:
        """Let something happen after `delay` seconds; raises ValueError if that is negative."""
        if delay < 0:
            raise ValueError(f"nothing happens {-delay} s ago")
        happening = Happening(callback, args)
        self.enqueue(self._now + delay, happening)
        return happening

    def plan_at(self, at: float, callback: Callable[..., object], *args: Any) -> Happening:
        """Let something happen at that very moment, or now if it is past."""
        # Not `plan(at - now)`: rounding would part what is planned for one moment.
        happening = Happening(callback, args)
        now = self._now
        heappush(self._queue, (at if at > now else now, NORMAL, next(self._eid), happening))  # type: ignore[misc]
        return happening

    def bury(self) -> None:
        """Let go of every loop that was killed, once the world has ended; see the loop's `bury`."""
        for loop in list(self.graveyard):
            loop.bury()

    def enqueue(self, at: float, what: Handle | Happening) -> None:
        """Let it happen, or make it ready, at that moment."""
        heappush(self._queue, (at, NORMAL, next(self._eid), what))  # type: ignore[misc]

    def lane(self, delay: float) -> Lane:
        """Where timers of this one delay queue up; for guards, of which hardly any ever fires."""
        lane = self.lanes.get(delay)
        if lane is None:
            lane = self.lanes[delay] = Lane(self, delay)
        return lane

    def step(self) -> None:
        """Move on to the next moment, let happen what is due then, and run one round of it.

        Raises simpy.core.EmptySchedule where nothing is planned.
        """
        turns = iter((False, True))
        self._run(lambda: next(turns))

    def run_until(self, done: Callable[[], object]) -> None:
        """Go on until `done` is true; raises SimulationError where nothing is left to happen."""
        try:
            self._run(done)
        except simpy.core.EmptySchedule:
            raise SimulationError(
                "deadlock: everybody waits, and nothing is left to happen"
            ) from None

    def _run(self, done: Callable[[], object]) -> None:  # noqa: C901
        # One long function, as each call in it would be made for every single event.
        queue, ready = self._queue, self.ready
        popleft, add = ready.popleft, ready.append
        rounds = 0
        current: object = None
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self.generators.started, self.generators.abandoned)
        try:
            while not done():
                if ready:
                    rounds += 1
                    if rounds > MOST_ROUNDS:
                        raise SimulationError(self._stuck())
                else:
                    rounds = 0
                    try:
                        self._now = queue[0][0]
                    except IndexError:
                        raise simpy.core.EmptySchedule from None
                now = self._now
                while queue and queue[0][0] <= now:
                    event: Any = heappop(queue)[3]
                    if event.__class__ is Handle:
                        if event.callback is not None:
                            add(event)
                        continue
                    if current is not None:
                        # What happens to the world is no loop's doing.
                        _set_running_loop(None)
                        current = None
                    self.processed += 1
                    if event.__class__ is Happening:
                        if event.callback is not None:
                            event.callback(*event.args)
                    else:
                        _process(event)
                count = len(ready)
                self.processed += count
                for _ in range(count):
                    handle = popleft()
                    callback = handle.callback
                    if callback is None:
                        continue
                    loop = handle.loop
                    if loop.held is not None:
                        loop.hold(handle)
                        continue
                    if loop is not current:
                        _set_running_loop(loop)
                        current = loop
                    try:
                        args = handle.args
                        # Unpacking costs more than asking.
                        if len(args) == 1:
                            handle.context.run(callback, args[0])
                        else:
                            handle.context.run(callback, *args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        loop.failed(error)
        finally:
            sys.set_asyncgen_hooks(*hooks)
            _set_running_loop(None)

    def _stuck(self) -> str:
        """What keeps the loops busy."""
        names = sorted({handle.loop.name for handle in self.ready})
        return (
            f"time stands still at {self._now:g} s: {', '.join(names)} always had something to run"
            f" in {MOST_ROUNDS} rounds, and waited for nothing"
        )


def _process(event: Any) -> None:
    """An event of SimPy's own, as its Environment.step does it."""
    callbacks, event.callbacks = event.callbacks, None
    for callback in callbacks:
        callback(event)
    if not event._ok and not hasattr(event, "_defused"):
        raise event._value


class Lane:
    """Timers of one delay: first in, first out, with a single place in the schedule.

    Guards against answers that fail to come are set at every request and nearly all cancelled;
    each would otherwise stay in the schedule until long after.
    """

    __slots__ = ("_armed", "_delay", "_kernel", "_queue")

    def __init__(self, kernel: Kernel, delay: float) -> None:
        self._kernel = kernel
        self._delay = delay
        self._queue: deque[Handle] = deque()
        self._armed = False

    def add(self, handle: Handle) -> None:
        """Add a timer; its `at` is `delay` from now."""
        self._queue.append(handle)
        if not self._armed:
            self._armed = True
            self._kernel.plan_at(handle.at, self._fire)

    def _fire(self) -> None:
        queue, now = self._queue, self._kernel.now
        while queue and (queue[0].callback is None or queue[0].at <= now):
            handle = queue.popleft()
            if handle.callback is not None:
                self._kernel.ready.append(handle)
        self._armed = bool(queue)
        if queue:
            self._kernel.plan_at(queue[0].at, self._fire)
        else:
            # Else a world in which every delay is another one would grow for ever.
            del self._kernel.lanes[self._delay]
