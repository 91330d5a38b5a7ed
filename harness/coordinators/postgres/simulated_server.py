"""A simulated Postgres: sessions, advisory locks, and a queue of runs with row locks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any

from harness.coordinators.postgres.leader_row.simulated import free as free_seat
from harness.coordinators.postgres.quartz.simulated import free as free_fired_trigger
from harness.coordinators.postgres.row_lock.simulated_server import Later, LockedRows
from harness.coordinators.postgres.shedlock.simulated import free as free_shedlock
from harness.coordinators.timing import Legs, Timing
from harness.simulation.kernel import Happening, Kernel
from harness.simulation.network import Connection
from harness.simulation.server import SimulatedServer

Row = tuple[float, str]
"""A run in the queue as (due, job): the order in which runs are claimed."""


Tables = dict[str, dict[str, Any]]
"""Tables by name; each has its rows by key, which are plain data."""


Data = tuple[set[Row], list[Row], Tables]
"""All that outlives the sessions: the runs, those of them that are open, the tables."""

FREE: Mapping[str, Callable[[Tables, str, float], bool]] = {
    "leader": free_seat,
    "shedlock": free_shedlock,
    "quartz_fired_triggers": free_fired_trigger,
}
"""How to take the lease of a row away, for each table that has such: see `forget`."""


@dataclass(frozen=True, slots=True)
class Keepalive:
    """When a server's kernel gives up a connection on which nothing arrives any more.

    After `idle` seconds without anything it sends a probe, and then one every `interval` seconds;
    `count` of them without an answer end it. The defaults are Linux's, see tcp(7).
    """

    idle: float = 7200.0
    interval: float = 75.0
    count: int = 9


@dataclass(slots=True, eq=False)
class Session:
    """One backend: what it holds ends with it. `locks` counts how often each name was locked.

    `row` is what its open transaction has locked, `updated` whether a commit marks it as done.
    """

    pid: int
    connection: Connection
    farewell: Callable[[], None]
    heard: float
    way_back: float = 0.0
    locks: dict[str, int] = field(default_factory=dict)
    row: Row | None = None
    updated: bool = False
    busy: int = 0
    closing: bool = False
    ended: bool = False
    unanswered: int = 0
    check: Happening | None = None


class SimulatedPostgres(SimulatedServer):
    """One Postgres with one namespace.

    Each statement is done in one step, at the end of its service time. A client's close is noticed
    behind the statements that it sent before, as a backend reads them first. A crash ends all
    sessions and keeps what was committed.
    """

    def __init__(
        self,
        kernel: Kernel,
        timing: Timing,
        keepalive: Keepalive = Keepalive(),
    ) -> None:
        super().__init__(kernel, timing.executors)
        self.timing = timing
        self.keepalive = keepalive
        self._pids = itertools.count(1)
        self._sessions: dict[int, Session] = {}
        self._locks: dict[str, Session] = {}
        self._runs: set[Row] = set()
        # The runs that are neither done nor locked, and no others: a claim takes the first.
        self._open: list[Row] = []
        self.tables: Tables = {}
        self._rows = LockedRows(self)

    def forget(self, handle: str) -> bool:
        """pg_terminate_backend of that process id, in decimal; False where there is none.

        Of "row:<table>:<key>", the lease that the row stands for is taken away.
        """
        if handle.startswith("row:"):
            _, table, key = handle.split(":", 2)
            reachable = self.up and not self.paused
            return reachable and FREE[table](self.tables, key, self.clock())
        session = self._sessions.get(int(handle))
        if session is None:
            return False
        self._end_session(session)
        session.connection.reply(session.way_back, session.farewell)
        self.disconnect(session.connection)
        return True

    # What a client's messages do when they arrive.

    def open_session(
        self,
        connection: Connection,
        legs: Legs,
        answer: Callable[[int], None],
        farewell: Callable[[], None],
    ) -> None:
        """A connection's first message; its answer is the backend's process id."""
        if not self.accept(connection):
            return
        session = Session(next(self._pids), connection, farewell, self.kernel.now)
        connection.peer = self._sessions[session.pid] = session
        session.check = self.kernel.plan(self.keepalive.idle, self._check, session)
        self.receive(connection, legs, answer, lambda session: session.pid)

    def receive(
        self,
        connection: Connection,
        legs: Legs,
        answer: Callable[[Any], None],
        work: Callable[..., object],
        *args: object,
    ) -> None:
        """A statement: `work` is one of those below, `answer` gets its result at the client."""
        session: Session = connection.peer
        session.heard = self.kernel.now
        session.way_back = legs.back
        session.busy += 1
        self.submit(legs.service, self._execute, session, legs.back, answer, work, args)

    # Statements.

    def try_lock(self, session: Session, name: str) -> bool:
        """pg_try_advisory_lock: a session may lock a name again, and must unlock it as often."""
        if self._locks.setdefault(name, session) is not session:
            return False
        session.locks[name] = session.locks.get(name, 0) + 1
        return True

    def unlock(self, session: Session, name: str) -> bool:
        """pg_advisory_unlock; False where this session does not hold it."""
        held = session.locks.get(name, 0)
        if held > 1:
            session.locks[name] = held - 1
        elif held:
            del session.locks[name], self._locks[name]
        return held > 0

    def insert(self, _session: Session, job: str, due: float) -> bool:
        """INSERT ... ON CONFLICT DO NOTHING; whether it is new."""
        row = (due, job)
        if row in self._runs:
            return False
        self._runs.add(row)
        heappush(self._open, row)
        return True

    def transact(self, _session: Session, work: Callable[[Tables, float], Any]) -> Any:
        """A transaction that is over in one step."""
        return work(self.tables, self.clock())

    def lock_row(
        self, session: Session, name: str, patience: float | None
    ) -> tuple[float | None] | Later | None:
        """BEGIN; SELECT ... FOR UPDATE, where there is no patience NOWAIT; None for no."""
        return self._rows.lock(session, name, patience)

    def note_row(self, session: Session, last_due: float) -> None:
        """UPDATE of the row that the transaction has locked."""
        self._rows.note(session, last_due)

    def begin_and_select(self, session: Session) -> Row | None:
        """BEGIN; SELECT ... ORDER BY due, job FOR UPDATE SKIP LOCKED LIMIT 1."""
        session.row = heappop(self._open) if self._open else None
        return session.row

    def update(self, session: Session, job: str, due: float) -> None:
        """UPDATE ... SET done = true; nothing where the transaction has another row."""
        session.updated = session.row == (due, job)

    def commit(self, session: Session) -> None:
        """COMMIT: what was updated is done for good."""
        if session.updated:
            session.row = None
        self._rows.commit(session)
        self.roll_back(session)

    def roll_back(self, session: Session) -> None:
        """ROLLBACK: the row is open again."""
        self._rows.end(session)
        session.updated = False
        if session.row is not None:
            heappush(self._open, session.row)
            session.row = None

    # What SimulatedServer asks for.

    def closed(self, connection: Connection) -> None:
        """The session ends, behind what it is doing."""
        session: Session = connection.peer
        if session.busy:
            session.closing = True
        else:
            self._end_session(session)

    def crashed(self) -> None:
        """No session outlives it."""
        for session in list(self._sessions.values()):
            self._end_session(session)

    def wipe(self) -> None:
        """Forget the queue and all rows; locks and claims went with the sessions."""
        self._runs.clear()
        self._open.clear()
        for rows in self.tables.values():
            rows.clear()

    def snapshot(self) -> Data:
        """What was committed: a run that is claimed is open to whoever has the copy."""
        claimed = [session.row for session in self._sessions.values() if session.row is not None]
        return set(self._runs), [*self._open, *claimed], deepcopy(self.tables)

    def restore(self, data: Data) -> None:
        """Have this queue and these rows."""
        self._runs, self._open, self.tables = deepcopy(data)
        heapify(self._open)

    def _execute(
        self,
        session: Session,
        way_back: float,
        answer: Callable[[Any], None],
        work: Callable[..., object],
        args: tuple[object, ...],
    ) -> None:
        if session.ended:
            return
        result = work(session, *args)
        if isinstance(result, Later):
            result.then = partial(self._reply, session, way_back, answer)
        else:
            self._reply(session, way_back, answer, result)

    def _reply(
        self, session: Session, way_back: float, answer: Callable[[Any], None], result: object
    ) -> None:
        session.busy -= 1
        session.connection.reply(way_back, answer, result)
        if session.closing and not session.busy:
            self._end_session(session)

    def _end_session(self, session: Session) -> None:
        session.ended = True
        if session.check is not None:
            session.check.cancel()
        del self._sessions[session.pid]
        for name in session.locks:
            del self._locks[name]
        session.locks.clear()
        self.roll_back(session)

    def _check(self, session: Session) -> None:
        """What Linux does in tcp_keepalive_timer. Whoever's kernel can be reached answers."""
        keepalive, now = self.keepalive, self.kernel.now
        again = session.heard + keepalive.idle
        if again > now:
            session.unanswered = 0
        elif session.unanswered >= keepalive.count:
            self._end_session(session)
            self.disconnect(session.connection)
            return
        elif session.connection.link.open:
            session.heard, session.unanswered = now, 0
            again = now + keepalive.idle
        else:
            session.unanswered += 1
            again = now + keepalive.interval
        session.check = self.kernel.plan(again - now, self._check, session)
