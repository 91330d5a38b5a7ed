"""An asyncio event loop in virtual time: one for each simulated worker, all on one kernel."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from heapq import heappush
from typing import Any, NoReturn, TypeVar

from harness.simulation.kernel import NORMAL, Handle, Kernel, SimulationError
from harness.simulation.task import SimulatedTask

T = TypeVar("T")


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs coroutines unmodified; time passes only where nothing is left to do.

    `drift` is by how much its clock is fast (0.01: a hundredth), also for its timers. `overshoot`
    draws by how many seconds a timer fires late; None for never. What a program cannot do in
    virtual time (sockets, threads, subprocesses, signals) raises SimulationError.

    It may be paused, as by SIGSTOP, and killed, as by SIGKILL: then nothing of it ever runs again,
    no `finally` either.
    """

    def __init__(
        self,
        kernel: Kernel,
        name: str = "loop",
        *,
        drift: float = 0.0,
        overshoot: Callable[[], float] | None = None,
    ) -> None:
        self.kernel = kernel
        self.name = name
        self.dead = False
        # What a paused loop would have run; None while it is not paused.
        self.held: list[Handle] | None = None
        self._inbox: list[Handle] = []
        self._errors: list[BaseException] = []
        self._corpses: list[asyncio.Task[Any]] = []
        self._rate = 1.0 + drift
        self._origin = kernel.now
        self._own_origin = kernel.now
        self._overshoot = overshoot
        self._tasks = 0
        self._running = False
        self._closed = False

    # What happens to it from outside.

    def pause(self) -> None:
        """Run nothing until `resume`; what would have been run is held back."""
        if self.held is None:
            self.held = []

    def resume(self) -> None:
        """Go on: with what was ready, with what arrived, then with the timers that ran out."""
        if self.held is None or self.dead:
            return
        held, self.held = self.held, None
        arrived, self._inbox = self._inbox, []
        now = self.kernel.now
        was_ready = [handle for handle in held if handle.at < 0]
        timers = [handle for handle in held if handle.at >= 0]
        self.kernel.ready.extend([*was_ready, *arrived, *timers])
        # The clock went on meanwhile: nothing of it is due later than now.
        assert all(handle.at <= now for handle in timers)

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self.held is not None and not self.dead

    def kill(self) -> None:
        """End it at once. Its tasks are kept as they are, so that no `finally` of theirs runs."""
        self._corpses.extend(asyncio.all_tasks(self))
        self.dead = True
        self.held = []
        self._inbox.clear()

    def bury(self) -> None:
        """Let go of what a kill left behind; nothing that it does on its way counts any more."""
        for task in self._corpses:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            try:
                if coroutine is not None:
                    coroutine.close()
            except BaseException:  # noqa: S110 - its world is gone
                pass
        self._corpses.clear()

    def skew(self, drift: float) -> None:
        """Let the clock go fast (or slow) from now on; what it shows does not jump."""
        self._own_origin = self.time()
        self._origin = self.kernel.now
        self._rate = 1.0 + drift

    def deliver(self, callback: Callable[..., object], *args: Any) -> None:
        """Something arrives from outside: now, when the loop is resumed, or never if it is dead."""
        if self.dead:
            return
        if self.held is None:
            callback(*args)
        else:
            self._inbox.append(Handle(self, callback, args, contextvars.Context(), -1.0))

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
        return self._own_origin + (self.kernel.now - self._origin) * self._rate

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Run the callback in the next round."""
        handle = Handle(self, callback, args, context or copy_context(), -1.0)
        if not self.dead:
            self.kernel.ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Run the callback after `delay` seconds of the loop's clock."""
        delay = delay / self._rate if delay > 0 else 0.0
        if self._overshoot is not None:
            delay += self._overshoot()
        kernel = self.kernel
        at = kernel._now + delay
        handle = Handle(self, callback, args, context or copy_context(), at)
        if not self.dead:
            # What Kernel.enqueue does, without the call: nothing is done more often.
            heappush(kernel._queue, (at, NORMAL, next(kernel._eid), handle))  # type: ignore[misc]
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """Run the callback when the loop's clock shows `when`."""
        return self.call_later(when - self.time(), callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """A task of this loop, with a number of its own."""
        self._tasks += 1
        return SimulatedTask(coro, loop=self, number=self._tasks, name=name, context=context)

    def run_until_complete(self, future: Any) -> Any:
        """Run the whole world until the future is done.

        Raises SimulationError where it never will be, and whatever nobody else caught.
        """
        if self._running or events._get_running_loop() is not None:
            raise RuntimeError("an event loop is running already")
        events._set_running_loop(self)
        try:
            task = asyncio.ensure_future(future, loop=self)
        finally:
            events._set_running_loop(None)
        self._running = True
        try:
            self.kernel.run_until(task.done)
        finally:
            self._running = False
        return task.result()

    def is_running(self) -> bool:
        """Whether it is running its world, or is run by another loop of it."""
        return self._running or events._get_running_loop() is self

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """End it, and let go of everything."""
        self.kill()
        self.bury()
        self._closed = True

    def stop(self) -> None:
        """Not for a single loop of a world to say."""
        self._refuse("stop")

    def get_debug(self) -> bool:
        """Always off."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Ignored: debugging looks at the wall clock."""

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: its generators are closed with it."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there is none."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught, see `errors`."""
        if self.dead:
            return
        error = context.get("exception")
        self._errors.append(
            error if isinstance(error, BaseException) else RuntimeError(context.get("message"))
        )

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """As call_exception_handler."""
        self.call_exception_handler(context)

    def call_soon_threadsafe(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        """As call_soon: there are no threads."""
        return self.call_soon(callback, *args, context=context)

    def _refuse(self, what: str) -> NoReturn:
        raise SimulationError(f"{self.name}: {what} is not to be had in virtual time")


def _refusal(method: str, what: str) -> Callable[..., NoReturn]:
    def refuse(self: SimulatedLoop, *_args: object, **_options: object) -> NoReturn:
        self._refuse(f"{what} ({method})")

    refuse.__name__ = method
    refuse.__doc__ = f"Refused: {what} belongs to the real world."
    return refuse


_REFUSED = {
    "a thread": "run_in_executor set_default_executor",
    "a socket": "create_connection create_server create_datagram_endpoint create_unix_connection"
    " create_unix_server connect_accepted_socket start_tls sendfile sock_accept sock_connect"
    " sock_recv sock_recv_into sock_recvfrom sock_sendall sock_sendfile sock_sendto getaddrinfo"
    " getnameinfo",
    "a file descriptor": "add_reader remove_reader add_writer remove_writer",
    "a process": "subprocess_exec subprocess_shell connect_read_pipe connect_write_pipe",
    "a signal": "add_signal_handler remove_signal_handler",
}

for _what, _methods in _REFUSED.items():
    for _method in _methods.split():
        setattr(SimulatedLoop, _method, _refusal(_method, _what))
