"""A simulated Postgres behind the same port: its client, and the server it talks to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from harness.coordinators.calls import CallLog
from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.postgres.port import AdvisoryLock, Claim
from harness.coordinators.postgres.simulated_server import Keepalive, SimulatedPostgres, Tables
from harness.coordinators.timing import Legs
from harness.simulation.call import Expired
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection, Link

T = TypeVar("T")

__all__ = ["Keepalive", "SimulatedPostgres", "SimulatedPostgresClient", "connect"]


async def connect(
    server: SimulatedPostgres, link: Link, random: Random, request_timeout: float, calls: CallLog
) -> SimulatedPostgresClient:
    """A client whose session is open within `request_timeout` seconds; raises Unavailable.

    It belongs to the running loop, which is a SimulatedLoop; `random` draws how long things take.
    """
    client = SimulatedPostgresClient(server, link, random, request_timeout, calls)
    await client.open()
    return client


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


class SimulatedPostgresClient:
    """One worker's connections to Postgres: its session, and one for each claim that it holds.

    Statements on the session wait for each other. A connection that broke or did not answer in
    time is closed, and the next operation opens another: locks and claims went with the first.
    """

    def __init__(
        self,
        server: SimulatedPostgres,
        link: Link,
        random: Random,
        request_timeout: float,
        calls: CallLog,
    ) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, SimulatedLoop):
            raise TypeError("a simulated client needs a simulated loop")
        self._loop = loop
        self._server = server
        self._link = link
        self._random = random
        self._request_timeout = request_timeout
        self._calls = calls
        self._session: Wire | None = None
        self._turn = Turn(loop)
        self._idle: list[Wire] = []
        self._claims: dict[Claim, Wire] = {}
        self._closed = False

    async def open(self) -> None:
        """Open the session; not counted, as it is no operation."""
        with Operation(self._loop, self._request_timeout, "connect", None) as operation:
            await self._take_turn(operation)
            try:
                await self._open_session(operation)
            finally:
                self._turn.pass_on()

    async def try_advisory_lock(self, name: str) -> AdvisoryLock | None:
        """pg_try_advisory_lock on the worker's session; None where another session holds it."""
        with self._operation("try_advisory_lock") as operation:
            await self._take_turn(operation)
            try:
                session = await self._open_session(operation)
                legs = self._draw("try_advisory_lock")
                locked = await session.execute(operation, legs, self._server.try_lock, name)
                return AdvisoryLock(name, session.pid) if locked else None
            finally:
                self._turn.pass_on()

    async def advisory_unlock(self, lock: AdvisoryLock) -> bool:
        """pg_advisory_unlock. False where that session has ended, and the lock with it."""
        with self._operation("advisory_unlock") as operation:
            await self._take_turn(operation)
            try:
                session = self._session
                if session is None or not session.is_open or session.pid != lock.session:
                    return False
                legs = self._draw("advisory_unlock")
                unlocked = await session.execute(operation, legs, self._server.unlock, lock.name)
                return bool(unlocked)
            except (Ended, Broken):
                return False
            finally:
                self._turn.pass_on()

    async def enqueue(self, job: str, due: float) -> bool:
        """Insert the run, unique by (job, due). False where it was there already."""
        with self._operation("enqueue") as operation:
            await self._take_turn(operation)
            try:
                session = await self._open_session(operation)
                legs = self._draw("enqueue")
                return bool(await session.execute(operation, legs, self._server.insert, job, due))
            finally:
                self._turn.pass_on()

    async def transact(self, operation: str, work: Callable[[Tables, float], T]) -> T:
        """Do `work` on the server's tables at its clock's time, in one step on our session."""
        with self._operation(operation) as running:
            await self._take_turn(running)
            try:
                session = await self._open_session(running)
                result: T = await session.execute(
                    running, self._draw(operation), self._server.transact, work
                )
                return result
            finally:
                self._turn.pass_on()

    async def claim(self) -> Claim | None:
        """Lock the oldest open run that nobody has locked (FOR UPDATE SKIP LOCKED).

        Where there is none, the transaction is rolled back: as `give_back`, one more round trip.
        """
        with self._operation("claim") as operation:
            wire = await self._take_idle(operation)
            server = self._server
            row = await wire.execute(operation, self._draw("claim"), server.begin_and_select)
            if row is None:
                await wire.execute(operation, self._draw("give_back"), server.roll_back)
                self._put_back(wire)
                return None
            due, job = row
            claim = Claim(job, due, wire.pid)
            self._claims[claim] = wire
            return claim

    async def complete(self, claim: Claim) -> bool:
        """Mark the claimed run as done and commit. False where its session has ended before."""
        with self._operation("complete") as operation:
            wire = self._claims.pop(claim, None)
            if wire is None:
                return False
            server = self._server
            # Two round trips, of which what was measured is the sum.
            half = Legs(*(leg / 2 for leg in self._draw("complete")))
            try:
                await wire.execute(operation, half, server.update, claim.job, claim.due)
            except (Ended, Broken):
                return False
            except Indeterminate as error:
                # Nobody will ever commit it.
                raise Unavailable(f"not committed: {error}") from error
            try:
                await wire.execute(operation, half, server.commit)
            except Ended:
                return False
            self._put_back(wire)
            return True

    async def give_back(self, claim: Claim) -> None:
        """Roll back: the run is open for others again."""
        with self._operation("give_back") as operation:
            wire = self._claims.pop(claim, None)
            if wire is None:
                return
            try:
                await wire.execute(operation, self._draw("give_back"), self._server.roll_back)
            except (Ended, Broken):
                return
            self._put_back(wire)

    async def close(self) -> None:
        """Close every connection at once; what they held ends with them."""
        self._closed = True
        wires = [*self._idle, *self._claims.values()]
        if self._session is not None:
            wires.append(self._session)
        self._idle.clear()
        self._claims.clear()
        for wire in wires:
            wire.close()

    def _operation(self, name: str) -> Operation:
        return Operation(self._loop, self._request_timeout, name, self._calls)

    def _draw(self, operation: str) -> Legs:
        return self._server.timing.draw(operation, self._random)

    async def _take_turn(self, operation: Operation) -> None:
        try:
            await self._turn.take(operation)
        except Expired:
            raise Unavailable("the session was busy all the time") from None

    async def _open_session(self, operation: Operation) -> Wire:
        """The worker's session, a new one where it has ended; for whoever has the turn."""
        session = self._session
        if session is None or not session.is_open:
            self._session = None
            session = self._session = await self._open_wire(operation)
        return session

    async def _open_wire(self, operation: Operation) -> Wire:
        if self._closed:
            raise Unavailable("the client is closed")
        legs = self._draw("connect")
        try:
            connection = self._link.connect(self._loop)
        except ConnectionRefusedError as error:
            await asyncio.sleep(legs.there + legs.back)
            raise Unavailable(f"OperationalError: {error}") from error
        wire = Wire(self._server, connection, self._loop)
        try:
            await wire.begin(operation, legs)
        except Broken as error:
            raise Unavailable(str(error)) from error
        except Indeterminate as error:
            raise Unavailable("no connection in time") from error
        return wire

    async def _take_idle(self, operation: Operation) -> Wire:
        while self._idle:
            wire = self._idle.pop()
            if wire.is_open:
                return wire
        return await self._open_wire(operation)

    def _put_back(self, wire: Wire) -> None:
        if wire.is_open and not self._closed:
            self._idle.append(wire)
        else:
            wire.close()
