"""Postgres in memory: advisory locks, and a queue with row locks."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from harness.coordinators.postgres.port import AdvisoryLock, Claim
from tests.approaches.link import Link


class Database:
    """The server: who holds which advisory lock, and the state of every queued run."""

    def __init__(self) -> None:
        self.locks: dict[str, int] = {}
        self.open: list[tuple[float, str]] = []
        self.claimed: dict[Claim, tuple[float, str]] = {}
        self.done: list[tuple[float, str]] = []
        self._sessions = count(1)

    def open_session(self) -> int:
        return next(self._sessions)

    def end_session(self, session: int) -> None:
        """What the session held is free again."""
        self.locks = {name: owner for name, owner in self.locks.items() if owner != session}
        for claim in [claim for claim in self.claimed if claim.session == session]:
            self.open.append(self.claimed.pop(claim))

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
