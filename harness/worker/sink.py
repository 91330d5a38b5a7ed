"""Where effects land: a store outside the coordinator, untouched by faults.

It is the truth about what was done: whatever a worker believes, an effect counts when it is here.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Policy(StrEnum):
    """How the sink tells an effect that should not be applied.

    none: it applies everything. dedup: one effect per execution id (job, due time). version: an
    effect is refused where the job's version moved on since the run read it. fencing: an effect
    is refused where a higher token has been seen (Kleppmann, "How to do distributed locking").
    """

    NONE = "none"
    DEDUP = "dedup"
    VERSION = "version"
    FENCING = "fencing"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a run does to the outside world. `fence` is its lease's token, where there is one."""

    worker: str
    run: str
    job: str
    due: float
    fence: int | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """An effect in the sink, `moment` on the host's monotonic clock."""

    effect: Effect
    moment: float


class Sink(Protocol):
    """Takes effects, each in one transaction."""

    def version(self, job: str) -> int:
        """The job's version: how many of its effects were applied."""
        ...

    def apply(self, effect: Effect, read_version: int) -> str | None:
        """Apply the effect; None, or the reason for its rejection: `duplicate` or `stale`."""
        ...


_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE effect (
    job TEXT NOT NULL, due REAL NOT NULL, worker TEXT NOT NULL, run TEXT NOT NULL,
    fence INTEGER, moment REAL NOT NULL
);
CREATE INDEX effect_execution ON effect (job, due);
CREATE TABLE job (name TEXT PRIMARY KEY, version INTEGER NOT NULL, fence INTEGER NOT NULL);
"""


class SqliteSink:
    """The sink as an SQLite database in WAL mode, shared by the worker processes of a trial."""

    def __init__(self, path: Path, policy: Policy, now: Callable[[], float] = time.monotonic):
        self._policy = policy
        self._now = now
        # Effects are counted after our own crashes, not after the machine's: no fsync needed.
        self._database = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty sink."""
        database = sqlite3.connect(path)
        database.executescript(_TABLES)
        database.close()

    def version(self, job: str) -> int:
        """The job's version: how many of its effects were applied."""
        return self._state(job)[0]

    def apply(self, effect: Effect, read_version: int) -> str | None:
        """Apply the effect; None, or the reason for its rejection: `duplicate` or `stale`."""
        with self._transaction():
            reason = self._refusal(effect, read_version)
            if reason is None:
                self._database.execute(
                    "INSERT INTO effect VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        effect.job,
                        effect.due,
                        effect.worker,
                        effect.run,
                        effect.fence,
                        self._now(),
                    ),
                )
                self._database.execute(
                    "INSERT INTO job VALUES (?1, 1, ?2) ON CONFLICT (name) DO UPDATE"
                    " SET version = version + 1, fence = max(fence, ?2)",
                    (effect.job, -1 if effect.fence is None else effect.fence),
                )
            return reason

    def applied(self) -> list[Applied]:
        """All effects, in the order in which they were applied."""
        rows = self._database.execute(
            "SELECT worker, run, job, due, fence, moment FROM effect ORDER BY rowid"
        )
        return [Applied(Effect(*row[:5]), row[5]) for row in rows]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other writer out: who is stopped meanwhile is not stopped inside a write."""
        with self._transaction():
            yield

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _state(self, job: str) -> tuple[int, int]:
        row = self._database.execute(
            "SELECT version, fence FROM job WHERE name = ?", (job,)
        ).fetchone()
        return row or (0, -1)

    def _refusal(self, effect: Effect, read_version: int) -> str | None:
        match self._policy:
            case Policy.DEDUP:
                found = self._database.execute(
                    "SELECT 1 FROM effect WHERE job = ? AND due = ?", (effect.job, effect.due)
                ).fetchone()
                return "duplicate" if found else None
            case Policy.VERSION:
                return None if self._state(effect.job)[0] == read_version else "stale"
            case Policy.FENCING:
                if effect.fence is None:
                    raise ValueError("the fencing policy needs a lease with a fence")
                return "stale" if effect.fence < self._state(effect.job)[1] else None
        return None
