"""ShedLock's table in a simulated Postgres: each operation is one step there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypedDict

from harness.coordinators.giving_up import gives_up

if TYPE_CHECKING:
    from harness.coordinators.postgres.simulated_server import Tables
    from harness.coordinators.postgres.simulated_wire import Transact


class Held(TypedDict):
    """A row."""

    lock_until: float
    locked_at: float
    locked_by: str


def free(tables: Tables, key: str, _now: float) -> bool:
    """Take the lock from whoever has it. False where nobody has."""
    held: Held | None = tables.get("shedlock", {}).get(key)
    if held is None or not held["locked_by"]:
        return False
    held["lock_until"] = -math.inf
    held["locked_by"] = ""
    return True


class SimulatedShedLock:
    """ShedLock's table, on the worker's session."""

    def __init__(self, transact: Transact) -> None:
        self._transact = transact

    async def lock(self, name: str, owner: str, at_most_for: float, now: float | None) -> bool:
        """Lock it for `at_most_for` seconds, where it is new or its lock_until has passed."""

        def work(tables: Tables, clock: float) -> bool:
            at = clock if now is None else now
            rows = tables.setdefault("shedlock", {})
            held: Held | None = rows.get(name)
            if held is not None and held["lock_until"] > at:
                return False
            rows[name] = Held(lock_until=at + at_most_for, locked_at=at, locked_by=owner)
            return True

        return await self._transact("shedlock.lock", work)

    @gives_up
    async def unlock(self, name: str, owner: str, at_least_for: float, now: float | None) -> bool:
        """Let it be free as of now, or `at_least_for` seconds after it was locked if later."""

        def work(tables: Tables, clock: float) -> bool:
            held: Held | None = tables.get("shedlock", {}).get(name)
            if held is None or held["locked_by"] != owner:
                return False
            at = clock if now is None else now
            held["lock_until"] = max(at, held["locked_at"] + at_least_for)
            held["locked_by"] = ""
            return True

        return await self._transact("shedlock.unlock", work)
