"""Postgres in memory: advisory locks, and a queue with row locks."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from harness.coordinators.postgres.leader_row.simulated import SimulatedLeaderRow
from harness.coordinators.postgres.port import AdvisoryLock, Claim
from harness.coordinators.postgres.quartz.simulated import SimulatedQuartz
from harness.coordinators.postgres.row_lock.port import RowLock
from harness.coordinators.postgres.shedlock.simulated import SimulatedShedLock
from harness.coordinators.postgres.simulated_server import Tables
from tests.approaches.link import Link

T = TypeVar("T")


class Database:
    """The server: who holds which advisory lock, and the state of every queued run."""

    def __init__(self) -> None:
        self.locks: dict[str, int] = {}
        self.open: list[tuple[float, str]] = []
        self.claimed: dict[Claim, tuple[float, str]] = {}
        self.done: list[tuple[float, str]] = []
        self.tables: Tables = {}
        self.rows: dict[str, RowLock] = {}
        self.row_waiters: defaultdict[str, deque[asyncio.Future[RowLock]]] = defaultdict(deque)
        self.last_dues: dict[str, float] = {}
        self._sessions = count(1)

    def open_session(self) -> int:
        return next(self._sessions)

    def end_session(self, session: int) -> None:
        """What the session held is free again."""
        self.locks = {name: owner for name, owner in self.locks.items() if owner != session}
        for claim in [claim for claim in self.claimed if claim.session == session]:
            self.open.append(self.claimed.pop(claim))
        for lock in [lock for lock in self.rows.values() if lock.session == session]:
            self.free_row(lock)

    def lock_row(self, name: str) -> RowLock | None:
        if name in self.rows:
            return None
        self.rows[name] = RowLock(name, self.open_session(), self.last_dues.get(name))
        return self.rows[name]

    def free_row(self, lock: RowLock) -> bool:
        """The row is the next one's who waits."""
        if self.rows.get(lock.name) != lock:
            return False
        del self.rows[lock.name]
        waiters = self.row_waiters[lock.name]
        while waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                given = self.lock_row(lock.name)
                assert given is not None
                waiter.set_result(given)
                break
        return True

    def enqueue(self, job: str, due: float) -> bool:
        row = (due, job)
        if row in self.open or row in self.done or row in self.claimed.values():
            return False
        self.open.append(row)
        return True

    def claim(self) -> Claim | None:
        if not self.open:
            return None
        row = min(self.open)
        self.open.remove(row)
        claim = Claim(row[1], row[0], self.open_session())
        self.claimed[claim] = row
        return claim

    def complete(self, claim: Claim) -> bool:
        row = self.claimed.pop(claim, None)
        if row is not None:
            self.done.append(row)
        return row is not None

    def lock(self, name: str, session: int) -> AdvisoryLock | None:
        if self.locks.setdefault(name, session) != session:
            return None
        return AdvisoryLock(name, session)

    def unlock(self, lock: AdvisoryLock) -> bool:
        if self.locks.get(lock.name) != lock.session:
            return False
        del self.locks[lock.name]
        return True


@dataclass
class FakePostgres:
    """One worker's client of it; `session` is that of its advisory locks."""

    database: Database
    link: Link = field(default_factory=Link)

    def __post_init__(self) -> None:
        self.session = self.database.open_session()
        self.quartz = SimulatedQuartz(self.transact)
        self.row_locks = FakeRowLocks(self.database, self.link)
        self.leader_row = SimulatedLeaderRow(self.transact)
        self.shedlock = SimulatedShedLock(self.transact)

    async def transact(self, operation: str, work: Callable[[Tables, float], T]) -> T:
        now = asyncio.get_running_loop().time
        return await self.link.ask(operation, lambda: work(self.database.tables, now()))

    async def try_advisory_lock(self, name: str) -> AdvisoryLock | None:
        return await self.link.ask(
            "try_advisory_lock", lambda: self.database.lock(name, self.session)
        )

    async def advisory_unlock(self, lock: AdvisoryLock) -> bool:
        return await self.link.ask("advisory_unlock", lambda: self.database.unlock(lock))

    async def enqueue(self, job: str, due: float) -> bool:
        return await self.link.ask("enqueue", lambda: self.database.enqueue(job, due))

    async def claim(self) -> Claim | None:
        return await self.link.ask("claim", self.database.claim)

    async def complete(self, claim: Claim) -> bool:
        return await self.link.ask("complete", lambda: self.database.complete(claim))

    async def give_back(self, claim: Claim) -> None:
        await self.link.ask("give_back", lambda: self.database.end_session(claim.session))


class FakeRowLocks:
    """One worker's row locks, each in a session of its own."""

    def __init__(self, database: Database, link: Link) -> None:
        self._database = database
        self._link = link
        self._noted: dict[RowLock, float] = {}

    async def lock(self, name: str, patience: float | None = None) -> RowLock | None:
        lock = await self._link.ask("row_locks.lock", lambda: self._database.lock_row(name))
        if lock is not None or patience is None:
            return lock
        waiting = asyncio.get_running_loop().create_future()
        self._database.row_waiters[name].append(waiting)
        try:
            async with asyncio.timeout(patience):
                return await waiting
        except TimeoutError:
            return None

    async def note(self, lock: RowLock, last_due: float) -> bool:
        def do() -> bool:
            self._noted[lock] = last_due
            return lock in self._database.rows.values()

        return await self._link.ask("row_locks.note", do)

    async def commit(self, lock: RowLock) -> bool:
        def do() -> bool:
            if lock in self._database.rows.values() and lock in self._noted:
                self._database.last_dues[lock.name] = self._noted.pop(lock)
            return self._database.free_row(lock)

        return await self._link.ask("row_locks.commit", do)
