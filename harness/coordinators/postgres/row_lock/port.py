"""What approaches may ask of rows that are locked for as long as a job runs."""

from dataclasses import dataclass, field
from typing import Protocol

from harness.coordinators.giving_up import gives_up


@dataclass(frozen=True, slots=True)
class RowLock:
    """A row that this worker locked: by an open transaction of `session`, a backend's pid.

    `last_due` is the due time that was committed last; None where there was none.
    """

    name: str
    session: int
    last_due: float | None = field(default=None, compare=False)


class RowLocks(Protocol):
    """Rows by name, which come into being when they are first asked for."""

    async def lock(self, name: str, patience: float | None = None) -> RowLock | None:
        """SELECT ... FOR UPDATE; the transaction stays open, on a connection of its own.

        None where another transaction has the row locked: at once (NOWAIT), or, behind those who
        asked before, after `patience` seconds (lock_timeout).
        """
        ...

    async def note(self, lock: RowLock, last_due: float) -> bool:
        """UPDATE the locked row, for all to read once it is committed.

        False where the session has ended before.
        """
        ...

    @gives_up
    async def commit(self, lock: RowLock) -> bool:
        """COMMIT, and so let the row go. False where the session has ended before."""
        ...
