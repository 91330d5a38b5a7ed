"""Row locks of a simulated client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.row_lock.port import RowLock
from harness.coordinators.postgres.simulated_wire import Broken, Ended
from harness.coordinators.timing import Legs

if TYPE_CHECKING:
    from harness.coordinators.postgres.simulated import SimulatedPostgresClient


class SimulatedRowLocks:
    """One worker's row locks, each on a connection of its own."""

    def __init__(self, client: SimulatedPostgresClient) -> None:
        self._client = client

    async def lock(self, name: str, patience: float | None = None) -> RowLock | None:
        """SELECT ... FOR UPDATE; None where another has the row, after `patience` if given.

        Where it is not to be had, the transaction is rolled back: one more round trip.
        """
        client, server = self._client, self._client.server
        with client.operation("row_locks.lock", patience or 0.0) as operation:
            wire = await client.transactions.take(operation)
            legs = client.draw("row_locks.lock")
            row = await wire.execute(operation, legs, server.lock_row, name, patience)
            if row is None:
                await wire.execute(operation, client.draw("give_back"), server.roll_back)
                client.transactions.put_back(wire)
                return None
            lock = RowLock(name, wire.pid, row[0])
            client.transactions.keep(lock, wire)
            return lock

    async def note(self, lock: RowLock, last_due: float) -> bool:
        """UPDATE the locked row. False where the session has ended before."""
        client = self._client
        with client.operation("row_locks.note") as operation:
            wire = client.transactions.use(lock)
            if wire is None:
                return False
            legs = self._half("row_locks.note")
            try:
                await wire.execute(operation, legs, client.server.note_row, last_due)
            except (Ended, Broken):
                return False
            except Indeterminate as error:
                # Nobody will ever commit it.
                raise Unavailable(f"not committed: {error}") from error
            return True

    @gives_up
    async def commit(self, lock: RowLock) -> bool:
        """COMMIT, and so let the row go. False where the session has ended before."""
        client = self._client
        with client.operation("row_locks.commit") as operation:
            wire = client.transactions.last_use(lock)
            if wire is None:
                return False
            legs = self._half("row_locks.commit")
            try:
                await wire.execute(operation, legs, client.server.commit)
            except Ended:
                return False
            client.transactions.put_back(wire)
            return True

    def _half(self, operation: str) -> Legs:
        """What they are like is measured as one: an UPDATE and a COMMIT."""
        return Legs(*(leg / 2 for leg in self._client.draw(operation)))
