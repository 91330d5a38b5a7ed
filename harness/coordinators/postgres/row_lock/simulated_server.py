"""The rows of a simulated Postgres that transactions lock, and who waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.simulation.kernel import Happening

if TYPE_CHECKING:
    from harness.coordinators.postgres.simulated_server import Session, SimulatedPostgres


@dataclass(slots=True, eq=False)
class Later:
    """The result of a statement that waits: whoever waits for it sets `then`, which gets it."""

    then: Callable[[Any], None] | None = None

    def give(self, result: object) -> None:
        """This is the result."""
        assert self.then is not None
        self.then(result)


@dataclass(slots=True, eq=False)
class _Waiter:
    session: Session
    name: str
    later: Later
    timeout: Happening | None = None


class LockedRows:
    """Which session's transaction has which row; a row's waiters, first come first served.

    A transaction locks one row. A backend that waits does not see its client's close: it leaves
    the queue when it gets the row, or when its patience ends.
    """

    def __init__(self, server: SimulatedPostgres) -> None:
        self._server = server
        self._owners: dict[str, Session] = {}
        self._owned: dict[Session, str] = {}
        self._noted: dict[Session, float] = {}
        self._queues: dict[str, deque[_Waiter]] = {}
        self._waiting: dict[Session, _Waiter] = {}

    def lock(
        self, session: Session, name: str, patience: float | None
    ) -> tuple[float | None] | Later | None:
        """BEGIN; SELECT ... FOR UPDATE: the row; None where another has it and will keep it."""
        if name not in self._owners:
            return self._own(session, name)
        if patience is None:
            return None
        waiter = _Waiter(session, name, Later())
        self._queues.setdefault(name, deque()).append(waiter)
        self._waiting[session] = waiter
        # Behind what else the server has to do, and not while it stands still.
        server = self._server
        waiter.timeout = server.kernel.plan(patience, server.submit, 0.0, self._refuse, waiter)
        return waiter.later

    def note(self, session: Session, last_due: float) -> None:
        """UPDATE of the row that this transaction has."""
        self._noted[session] = last_due

    def commit(self, session: Session) -> None:
        """What was noted is for all to read."""
        noted = self._noted.pop(session, None)
        if noted is not None and session in self._owned:
            self._rows()[self._owned[session]] = noted

    def end(self, session: Session) -> None:
        """Its transaction is over: it waits no more, and its row is the next one's."""
        self._noted.pop(session, None)
        waiter = self._waiting.get(session)
        if waiter is not None:
            self._leave(waiter)
        name = self._owned.pop(session, None)
        if name is None:
            return
        del self._owners[name]
        queue = self._queues.get(name)
        if queue:
            following = queue[0]
            self._leave(following)
            following.later.give(self._own(following.session, name))

    def _own(self, session: Session, name: str) -> tuple[float | None]:
        self._owners[name] = session
        self._owned[session] = name
        return (self._rows().get(name),)

    def _rows(self) -> dict[str, Any]:
        return self._server.tables.setdefault("row_locks", {})

    def _refuse(self, waiter: _Waiter) -> None:
        """Its lock_timeout has passed."""
        if self._waiting.get(waiter.session) is waiter:
            self._leave(waiter)
            waiter.later.give(None)

    def _leave(self, waiter: _Waiter) -> None:
        del self._waiting[waiter.session]
        self._queues[waiter.name].remove(waiter)
        if waiter.timeout is not None:
            waiter.timeout.cancel()
