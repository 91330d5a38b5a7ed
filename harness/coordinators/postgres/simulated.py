"""A simulated Postgres behind the same port: its client, and the server it talks to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from harness.coordinators.calls import CallLog
from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.leader_row.simulated import SimulatedLeaderRow
from harness.coordinators.postgres.port import AdvisoryLock, Claim
from harness.coordinators.postgres.quartz.simulated import SimulatedQuartz
from harness.coordinators.postgres.row_lock.simulated import SimulatedRowLocks
from harness.coordinators.postgres.shedlock.simulated import SimulatedShedLock
from harness.coordinators.postgres.simulated_server import Keepalive, SimulatedPostgres, Tables
from harness.coordinators.postgres.simulated_wire import (
    Broken,
    Ended,
    OpenTransactions,
    Operation,
    Turn,
    Wire,
)
from harness.coordinators.timing import Legs
from harness.simulation.call import Expired
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link

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


class SimulatedPostgresClient:
    """One worker's connections to Postgres: its session, one for each transaction that it holds.

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
        self.server = server
        self._loop = loop
        self._link = link
        self._random = random
        self._request_timeout = request_timeout
        self._calls = calls
        self._session: Wire | None = None
        self._turn = Turn(loop)
        self._closed = False
        self.transactions = OpenTransactions(self._open_wire)
        self.row_locks = SimulatedRowLocks(self)
        self.leader_row = SimulatedLeaderRow(self.transact)
        self.shedlock = SimulatedShedLock(self.transact)
        self.quartz = SimulatedQuartz(self.begin_and_transact)

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
        with self.operation("try_advisory_lock") as operation:
            await self._take_turn(operation)
            try:
                session = await self._open_session(operation)
                legs = self.draw("try_advisory_lock")
                locked = await session.execute(operation, legs, self.server.try_lock, name)
                return AdvisoryLock(name, session.pid) if locked else None
            finally:
                self._turn.pass_on()

    @gives_up
    async def advisory_unlock(self, lock: AdvisoryLock) -> bool:
        """pg_advisory_unlock. False where that session has ended, and the lock with it."""
        with self.operation("advisory_unlock") as operation:
            await self._take_turn(operation)
            try:
                session = self._session
                if session is None or not session.is_open or session.pid != lock.session:
                    return False
                legs = self.draw("advisory_unlock")
                unlocked = await session.execute(operation, legs, self.server.unlock, lock.name)
                return bool(unlocked)
            except (Ended, Broken):
                return False
            finally:
                self._turn.pass_on()

    async def enqueue(self, job: str, due: float) -> bool:
        """Insert the run, unique by (job, due). False where it was there already."""
        with self.operation("enqueue") as operation:
            await self._take_turn(operation)
            try:
                session = await self._open_session(operation)
                legs = self.draw("enqueue")
                return bool(await session.execute(operation, legs, self.server.insert, job, due))
            finally:
                self._turn.pass_on()

    async def transact(self, operation: str, work: Callable[[Tables, float], T]) -> T:
        """Do `work` on the server's tables at its clock's time, in one step on our session."""
        with self.operation(operation) as running:
            await self._take_turn(running)
            try:
                session = await self._open_session(running)
                result: T = await session.execute(
                    running, self.draw(operation), self.server.transact, work
                )
                return result
            finally:
                self._turn.pass_on()

    async def begin_and_transact(self, operation: str, work: Callable[[Tables, float], T]) -> T:
        """As `transact`, after a round trip for BEGIN: where that gets no answer, nothing is done.

        What a transaction of several statements is. In between, it holds no lock here.
        """
        with self.operation(operation) as running:
            await self._take_turn(running)
            try:
                session = await self._open_session(running)
                half = Legs(*(leg / 2 for leg in self.draw(operation)))
                try:
                    await session.execute(running, half, self.server.transact, _nothing)
                except Indeterminate as error:
                    raise Unavailable(f"not committed: {error}") from error
                result: T = await session.execute(running, half, self.server.transact, work)
                return result
            finally:
                self._turn.pass_on()

    async def claim(self) -> Claim | None:
        """Lock the oldest open run that nobody has locked (FOR UPDATE SKIP LOCKED).

        Where there is none, the transaction is rolled back: as `give_back`, one more round trip.
        """
        with self.operation("claim") as operation:
            wire = await self.transactions.take(operation)
            server = self.server
            row = await wire.execute(operation, self.draw("claim"), server.begin_and_select)
            if row is None:
                await wire.execute(operation, self.draw("give_back"), server.roll_back)
                self.transactions.put_back(wire)
                return None
            due, job = row
            claim = Claim(job, due, wire.pid)
            self.transactions.keep(claim, wire)
            return claim

    @gives_up
    async def complete(self, claim: Claim) -> bool:
        """Mark the claimed run as done and commit. False where its session has ended before."""
        with self.operation("complete") as operation:
            wire = self.transactions.last_use(claim)
            if wire is None:
                return False
            server = self.server
            # Two round trips, of which what was measured is the sum.
            half = Legs(*(leg / 2 for leg in self.draw("complete")))
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
            self.transactions.put_back(wire)
            return True

    @gives_up
    async def give_back(self, claim: Claim) -> None:
        """Roll back: the run is open for others again."""
        with self.operation("give_back") as operation:
            wire = self.transactions.last_use(claim)
            if wire is None:
                return
            try:
                await wire.execute(operation, self.draw("give_back"), self.server.roll_back)
            except (Ended, Broken):
                return
            self.transactions.put_back(wire)

    async def close(self) -> None:
        """Close every connection at once; what they held ends with them."""
        self._closed = True
        self.transactions.close()
        if self._session is not None:
            self._session.close()

    def operation(self, name: str, more: float = 0.0) -> Operation:
        """One operation, with so many seconds more than a request may take."""
        return Operation(self._loop, self._request_timeout + more, name, self._calls)

    def draw(self, operation: str) -> Legs:
        """How long it takes this time."""
        return self.server.timing.draw(operation, self._random)

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
        legs = self.draw("connect")
        try:
            connection = self._link.connect(self._loop)
        except ConnectionRefusedError as error:
            await asyncio.sleep(legs.there + legs.back)
            raise Unavailable(f"OperationalError: {error}") from error
        wire = Wire(self.server, connection, self._loop)
        try:
            await wire.begin(operation, legs)
        except Broken as error:
            raise Unavailable(str(error)) from error
        except Indeterminate as error:
            raise Unavailable("no connection in time") from error
        return wire


def _nothing(_tables: Tables, _now: float) -> None:
    """BEGIN."""
