"""An asyncio event loop in virtual time: one for each simulated worker, all on one kernel."""

from __future__ import annotations

import asyncio
import contextvars
import math
import warnings
import weakref
from asyncio import Future
from asyncio.events import _get_running_loop, _set_running_loop
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import copy_context
from heapq import heappush
from typing import Any, TypeVar

from harness.simulation.kernel import NORMAL, Handle, Kernel
from harness.simulation.refusal import RealWorld
from harness.simulation.task import SimulatedTask, end_coroutine

T = TypeVar("T")

# Without the call of `__init__`, which takes as long as all the rest of call_soon.
_new = object.__new__

# Below this, the finished tasks are not worth looking for.
FEW = 64


class SimulatedLoop(RealWorld):
    """Runs coroutines unmodified; time passes only where nothing is left to do.

    `drift` is by how much its clock is fast (0.01: a hundredth), also for its timers. `overshoot`
    says by how many seconds a timer fires late that is due at a moment; None for never. What a
    program cannot do in virtual time (sockets, threads, subprocesses, signals) raises
    SimulationError.

    It may be paused, as by SIGSTOP, and killed, as by SIGKILL: then nothing of it runs again, no
    `finally` either. What is left of it stays in the kernel's graveyard until `bury`.

    Deadlines are exact: asyncio's own loop takes what is due within a nanosecond together, and
    runs timers of one deadline in no order to rely on; here it is the order of their setting. A
    deadline that is past when it is set counts as now.
    """

    def __init__(
        self,
        kernel: Kernel,
        name: str = "loop",
        *,
        drift: float = 0.0,
        overshoot: Callable[[float], float] | None = None,
    ) -> None:
        self.kernel = kernel
        self.name = name
        self.dead = False
        # What a paused loop would have run; None while it is not paused.
        self.held: list[Handle] | None = None
        # When it last went on after a pause, in virtual time.
        self.resumed_at = -math.inf
        # What arrived while it was paused: at its sockets, and at those of its other threads.
        self._inbox: list[Handle] = []
        self._read: list[Handle] = []
        self._errors: list[BaseException] = []
        self._corpses: list[asyncio.Task[Any]] = []
        # The tasks in the order of their creation; asyncio's registry is one for all loops.
        self._born: list[weakref.ref[asyncio.Task[Any]]] = []
        self._enough = FEW
        # Whether its clock is the kernel's.
        self._plain = drift == 0.0
        # Whether its timers also fire on time.
        self._exact = self._plain and overshoot is None
        self._rate = 1.0 + drift
        self._origin = kernel.now
        self._own_origin = kernel.now
        self._overshoot = overshoot
        # The kernel's, at hand for what is done most often.
        self._add = kernel.ready.append
        self._queue: list[Any] = kernel._queue
        self._turn = kernel._eid.__next__
        self._running = False
        self._closed = False

    # What happens to it from outside.

    def pause(self) -> None:
        """Run nothing until `resume`; what would have been run is held back."""
        if self.held is None:
            self.held = []

    def resume(self) -> None:
        """Go on as a process does after SIGCONT, in the order of asyncio's own loop.

        First what was ready and what other threads have read; then the timers that ran out; a round
        later what arrived at its sockets. A wait for events that a stop interrupts ends without
        them where its time is up (signal(7) on epoll_wait, PEP 475); without a timer, it goes on.
        """
        if self.held is None or self.dead:
            return
        held, self.held = self.held, None
        now = self.resumed_at = self.kernel.now
        was_ready = [handle for handle in held if handle.at < 0]
        timers = [handle for handle in held if handle.at >= 0]
        # The clock went on meanwhile: nothing of it is due later than now.
        assert all(handle.at <= now for handle in timers)
        read, self._read = self._read, []
        arrived, self._inbox = self._inbox, []
        self.kernel.ready.extend([*was_ready, *read, *timers])
        if timers:
            self.call_soon(self.kernel.ready.extend, arrived)
        else:
            self.kernel.ready.extend(arrived)

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self.held is not None and not self.dead

    def kill(self) -> None:
        """End it at once. Its tasks are kept as they are, so that no `finally` of theirs runs."""
        if self.dead:
            return
        self._corpses.extend(self._pending())
        self._born.clear()
        self.dead = True
        self.held = []
        self._inbox.clear()
        self._read.clear()
        self.kernel.graveyard[self] = None

    def bury(self) -> None:
        """Let go of what a kill left behind, once its world has ended.

        Python runs the `finally` of a coroutine that it drops, up to where it would wait. So this
        is for when nothing that they do counts any more: their loop ignores it, but a record that
        is still open would not.
        """
        outer = _get_running_loop()
        _set_running_loop(self)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # What a `finally` starts joins them.
                for task in self._corpses:
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    end_coroutine(task)
                self._corpses.clear()
        finally:
            _set_running_loop(outer)
        self.kernel.graveyard.pop(self, None)

    def _pending(self) -> list[asyncio.Task[Any]]:
        tasks = [task for reference in self._born if (task := reference()) is not None]
        return [task for task in tasks if not task.done()]

    def skew(self, drift: float) -> None:
        """Let the clock go fast (or slow) from now on; what it shows does not jump.

        Timers that are already set are not moved.
        """
        self._own_origin = self.time()
        self._origin = self.kernel.now
        self._rate = 1.0 + drift
        self._plain = self._exact = False

    def deliver(self, callback: Callable[..., object], *args: Any) -> None:
        """Something arrives from outside: now, when the loop is resumed, or never if it is dead.

        An error of the callback is the loop's, not the sender's.
        """
        if self.dead:
            return
        if self.held is not None:
            self._inbox.append(Handle(self, callback, args, contextvars.Context(), -1.0))
        else:
            self._take(callback, args)

    def deliver_by_thread(self, callback: Callable[..., object], *args: Any) -> None:
        """As deliver, for what a thread of its own reads: after a pause it does not wait its turn.

        That is how kazoo reads; asyncio's own clients read in the loop.
        """
        if self.dead:
            return
        if self.held is not None:
            self._read.append(Handle(self, callback, args, contextvars.Context(), -1.0))
        else:
            self._take(callback, args)

    def _take(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        outer = _get_running_loop()
        _set_running_loop(self)
        try:
            callback(*args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.failed(error)
        finally:
            _set_running_loop(outer)

    def hold(self, handle: Handle) -> None:
        """Keep what a paused loop would have run. A dead one runs nothing."""
        if not self.dead and self.held is not None:
            self.held.append(handle)

    def guard(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        """As call_later, for a delay that many timers share and that hardly ever passes."""
        delay /= self._rate
        context = copy_context()
        handle = Handle(self, callback, args, context, self.kernel.now + delay)
        if not self.dead:
            self.kernel.lane(delay).add(handle)
        return handle

    def at_own(self, moment: float) -> float:
        """What the loop's clock shows at a moment of virtual time."""
        if self._plain:
            return moment
        return self._own_origin + (moment - self._origin) * self._rate

    def failed(self, error: BaseException) -> None:
        """A callback raised."""
        self.call_exception_handler(
            {"message": f"a callback of {self.name} failed", "exception": error}
        )

    @property
    def errors(self) -> list[BaseException]:
        """What nobody caught: errors of callbacks, and of tasks that nobody waited for."""
        return self._errors

    # What asyncio asks of a loop.

    def time(self) -> float:
        """Seconds on the loop's own clock."""
        if self._plain:
            return self.kernel._now
        return self.at_own(self.kernel._now)

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Run the callback in the next round."""
        handle = _new(Handle)
        handle.loop = self
        handle.callback = callback
        handle.args = args
        # Not `context or ...`: an empty context is false.
        handle.context = copy_context() if context is None else context
        handle.at = -1.0
        if not self.dead:
            self._add(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Run the callback after `delay` seconds of the loop's clock."""
        if self._exact:
            at = self.kernel._now
            if delay > 0:
                at += delay
        else:
            at = self._moment(self.time() + delay)
            if self._overshoot is not None:
                at += self._overshoot(at)
        handle = _new(Handle)
        handle.loop = self
        handle.callback = callback
        handle.args = args
        handle.context = copy_context() if context is None else context
        handle.at = at
        if not self.dead:
            # What Kernel.enqueue does, without the call: nothing is done more often.
            heappush(self._queue, (at, NORMAL, self._turn(), handle))
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Run the callback when the loop's clock shows `when`."""
        # Not by way of call_later: rounding would part a timeout from a sleep that ends with it.
        at = self._moment(when)
        if self._overshoot is not None:
            at += self._overshoot(at)
        handle = Handle(self, callback, args, copy_context() if context is None else context, at)
        if not self.dead:
            self.kernel.enqueue(at, handle)
        return handle

    def _moment(self, when: float) -> float:
        """When, in virtual time, the loop's clock shows `when`; now if that is past."""
        if not self._plain:
            when = self._origin + (when - self._own_origin) / self._rate
        now = self.kernel._now
        return when if when > now else now

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """A task of this loop, with a number that no other of its world has."""
        self.kernel.tasks += 1
        number = self.kernel.tasks
        task = SimulatedTask(coro, loop=self, number=number, name=name, context=context)
        if self.dead:
            self._corpses.append(task)
            return task
        if len(self._born) >= self._enough:
            self._born = [weakref.ref(pending) for pending in self._pending()]
            self._enough = max(FEW, 2 * len(self._born))
        self._born.append(weakref.ref(task))
        return task

    def run_until_complete(self, future: Any) -> Any:
        """Run the whole world until the future is done.

        Raises SimulationError where it never will be. What callbacks raise is in `errors`.
        """
        if self._closed:
            raise RuntimeError("the event loop is closed")
        if self._running or _get_running_loop() is not None:
            raise RuntimeError("an event loop is running already")
        task = asyncio.ensure_future(future, loop=self)
        # As asyncio's own loop: what is ready when the task ends still runs.
        ended: list[object] = []
        task.add_done_callback(ended.append)
        self._running = True
        try:
            self.kernel.run_until(ended.__len__)
        finally:
            self._running = False
            task.remove_done_callback(ended.append)
        return task.result()

    def is_running(self) -> bool:
        """Whether it is running its world, or is run by another loop of it."""
        return self._running or _get_running_loop() is self

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """End it, and let go of everything."""
        self.kill()
        self.bury()
        self._closed = True

    def get_debug(self) -> bool:
        """Always off."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Ignored: debugging looks at the wall clock."""

    def abandoned(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Nobody refers to an async generator of its any more: close it, as asyncio does."""
        if not self.dead:
            self.call_soon(self.create_task, generator.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close all async generators that are under way."""
        generators = self.kernel.generators.taken_from(self)
        closings = [generator.aclose() for generator in generators]
        for result in await asyncio.gather(*closings, return_exceptions=True):
            if isinstance(result, Exception):
                self.failed(result)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there is none."""

    def get_exception_handler(self) -> None:
        """None: see `errors`."""

    def get_task_factory(self) -> None:
        """None: its tasks are all of one kind."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught, see `errors`."""
        if self.dead:
            return
        self._errors.append(context.get("exception") or RuntimeError(context.get("message")))

    def call_soon_threadsafe(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """As call_soon: there are no threads."""
        return self.call_soon(callback, *args, context=context)
