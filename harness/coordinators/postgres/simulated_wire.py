"""A simulated client's connections to Postgres, and how long it waits for what it asks there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol, TypeVar

from harness.coordinators.calls import CallLog
from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.postgres.simulated_server import SimulatedPostgres, Tables
from harness.coordinators.timing import Legs
from harness.simulation.call import Expired
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection

T = TypeVar("T")


class Transact(Protocol):
    """Does work on the server's tables for an operation, at the server's time, in one step."""

    async def __call__(self, operation: str, work: Callable[[Tables, float], T]) -> T:
        """Do it; raises Unavailable or Indeterminate."""
        ...


class Ended(Unavailable):
    """The server ended the session before it did what was asked, and said so."""

    def __init__(self) -> None:
        super().__init__("AdminShutdown: terminating connection due to administrator command")


class Broken(Indeterminate):
    """The connection broke before an answer came; the session has ended, or will."""

    def __init__(self) -> None:
        super().__init__("OperationalError: server closed the connection unexpectedly")


class Operation:
    """One operation of the port: one guard for all that it waits for, and what is reported.

    A Call has a guard of its own for each answer; here what is left of the patience differs with
    each second wait, and a lane for each such delay would never be used again.
    """

    __slots__ = ("_calls", "_guard", "_name", "_over", "_waiting")

    def __init__(self, loop: SimulatedLoop, patience: float, name: str, calls: CallLog | None):
        self._name = name
        self._calls = calls
        self._over = False
        self._waiting: asyncio.Future[Any] | None = None
        self._guard = loop.guard(patience, self._expire)

    def __enter__(self) -> Operation:
        if self._calls is not None:
            self._calls.called(self._name)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._guard.cancel()
        if self._calls is not None and isinstance(error, CoordinatorError):
            self._calls.failed(self._name, str(error))

    async def wait(self, future: asyncio.Future[Any]) -> Any:
        """What the future gets; raises Expired, also where both come in the same round.

        So it is after a pause: a process that is stopped in epoll_wait sees its timers first, as
        that is interrupted, and Python's select does not ask again once the time is up.
        """
        if not self._over:
            self._waiting = future
            value = await future
            if not self._over:
                return value
        raise Expired

    def _expire(self) -> None:
        self._over = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Turn:
    """Whose turn it is, first come first served: asyncio's Lock, with an operation's patience."""

    __slots__ = ("_loop", "_taken", "_waiting")

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._taken = False
        self._waiting: deque[asyncio.Future[bool | None]] = deque()

    async def take(self, operation: Operation) -> None:
        """Wait for it; raises Expired."""
        if not self._taken:
            self._taken = True
            return
        future: asyncio.Future[bool | None] = self._loop.create_future()
        self._waiting.append(future)
        try:
            await operation.wait(future)
        except BaseException:
            if future.done() and not future.cancelled() and future.result():
                # It was handed over in the same round.
                self.pass_on()
            raise

    def pass_on(self) -> None:
        """Hand it to the next who waits."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(True)
                return
        self._taken = False


class Wire:
    """One connection as its client sees it, with one session at its other end."""

    __slots__ = ("_answer", "_connection", "_loop", "_server", "_told", "_way", "is_open", "pid")

    def __init__(
        self, server: SimulatedPostgres, connection: Connection, loop: SimulatedLoop
    ) -> None:
        self._server = server
        self._connection = connection
        self._loop = loop
        self._answer: asyncio.Future[Any] | None = None
        self._told = False
        self._way = 0.0
        self.is_open = True
        self.pid = 0
        connection.on_reset = self._lost

    async def begin(self, operation: Operation, legs: Legs) -> None:
        """Open the session; raises as `execute`."""
        self._send(legs, self._server.open_session, self._ended)
        self.pid = await self._wait(operation)

    async def execute(
        self, operation: Operation, legs: Legs, work: Callable[..., object], *args: object
    ) -> Any:
        """Have a statement done. Raises Ended, Broken, or Indeterminate when patience ends.

        The connection is closed then, and where it is cancelled.
        """
        if not self.is_open:
            raise self._why()
        self._send(legs, self._server.receive, work, *args)
        return await self._wait(operation)

    def close(self) -> None:
        """Close without waiting for anything; a statement in progress ends as Broken."""
        self.is_open = False
        self._connection.close(self._way)
        self._answered(Broken())

    def _send(self, legs: Legs, deliver: Callable[..., None], *args: object) -> None:
        self._answer = self._loop.create_future()
        self._way = legs.there
        over = self._connection
        over.request(legs.there, deliver, over, legs, self._answered, *args)

    async def _wait(self, operation: Operation) -> Any:
        assert self._answer is not None
        try:
            value = await operation.wait(self._answer)
        except Expired:
            self.close()
            raise Indeterminate("no answer in time") from None
        except BaseException:
            self.close()
            raise
        # A value, as an exception in a future that is cancelled meanwhile would be complained of.
        if isinstance(value, CoordinatorError):
            raise value
        return value

    def _why(self) -> CoordinatorError:
        return Ended() if self._told else Broken()

    def _answered(self, value: object) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(value)

    def _ended(self) -> None:
        self._told = True
        self._lost()

    def _lost(self) -> None:
        self.is_open = False
        self._answered(self._why())


class OpenTransactions:
    """The connections of which each has a transaction that stays open, and those that wait for one.

    A transaction is known by what it holds. `open_wire` makes another connection.
    """

    def __init__(self, open_wire: Callable[[Operation], Awaitable[Wire]]) -> None:
        self._open_wire = open_wire
        self._idle: list[Wire] = []
        self._held: dict[Hashable, Wire] = {}
        self._closed = False

    async def take(self, operation: Operation) -> Wire:
        """A connection to oneself, on which nothing is open."""
        while self._idle:
            wire = self._idle.pop()
            if wire.is_open:
                return wire
        return await self._open_wire(operation)

    def keep(self, held: Hashable, wire: Wire) -> None:
        """The transaction on this connection stays open: it holds this."""
        self._held[held] = wire

    def use(self, held: Hashable) -> Wire | None:
        """The connection whose transaction holds this, and will; None where it is gone."""
        return self._held.get(held)

    def last_use(self, held: Hashable) -> Wire | None:
        """The connection whose transaction holds this, to end it; None where it is gone."""
        wire = self._held.pop(held, None)
        return wire if wire is not None and wire.is_open else None

    def put_back(self, wire: Wire) -> None:
        """Nothing is open on it any more."""
        if wire.is_open and not self._closed:
            self._idle.append(wire)
        else:
            wire.close()

    def close(self) -> None:
        """Close all connections; what they held ends with them."""
        self._closed = True
        wires = [*self._idle, *self._held.values()]
        self._idle.clear()
        self._held.clear()
        for wire in wires:
            wire.close()
