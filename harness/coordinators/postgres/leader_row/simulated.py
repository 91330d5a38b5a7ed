"""The leader's row of a simulated Postgres: each operation is one step there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypedDict

from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.leader_row.port import SEAT

if TYPE_CHECKING:
    from harness.coordinators.postgres.simulated_server import Tables
    from harness.coordinators.postgres.simulated_wire import Transact


class Seat(TypedDict):
    """The row; `expires_at` by the server's clock."""

    holder: str
    expires_at: float
    epoch: int


def free(tables: Tables, key: str, now: float) -> bool:
    """Take the seat from whoever has it. False where nobody has."""
    seat: Seat | None = tables.get("leader", {}).get(key)
    if seat is None or seat["expires_at"] <= now:
        return False
    _vacate(seat)
    return True


class SimulatedLeaderRow:
    """The leader's row and notes, on the worker's session."""

    def __init__(self, transact: Transact) -> None:
        self._transact = transact

    async def elect(self, holder: str, ttl: float) -> int | None:
        """Take the seat for `ttl` seconds where it is free or ours; the epoch, None where not."""

        def work(tables: Tables, now: float) -> int | None:
            seats = tables.setdefault("leader", {})
            seat: Seat | None = seats.get(SEAT)
            if seat is not None and seat["expires_at"] >= now and seat["holder"] != holder:
                return None
            epoch = 1 if seat is None else seat["epoch"] + (seat["holder"] != holder)
            seats[SEAT] = Seat(holder=holder, expires_at=now + ttl, epoch=epoch)
            return epoch

        return await self._transact("leader_row.elect", work)

    async def renew(self, holder: str, epoch: int, ttl: float) -> bool:
        """Keep the seat for `ttl` seconds from now. False where it is another's, or was."""

        def work(tables: Tables, now: float) -> bool:
            seat: Seat | None = tables.get("leader", {}).get(SEAT)
            if seat is None or (seat["holder"], seat["epoch"]) != (holder, epoch):
                return False
            seat["expires_at"] = now + ttl
            return True

        return await self._transact("leader_row.renew", work)

    @gives_up
    async def resign(self, holder: str) -> None:
        """Free the seat, if it is ours."""

        def work(tables: Tables, _now: float) -> None:
            seat: Seat | None = tables.get("leader", {}).get(SEAT)
            if seat is not None and seat["holder"] == holder:
                _vacate(seat)

        await self._transact("leader_row.resign", work)

    async def last_run(self, job: str) -> float | None:
        """The latest due time of the job that was noted."""

        def work(tables: Tables, _now: float) -> float | None:
            due: float | None = tables.get("leader_runs", {}).get(job)
            return due

        return await self._transact("leader_row.last_run", work)

    async def note_run(self, job: str, due: float) -> None:
        """Note a due time of the job; an earlier one than is noted changes nothing."""

        def work(tables: Tables, _now: float) -> None:
            noted = tables.setdefault("leader_runs", {})
            noted[job] = max(due, noted.get(job, due))

        await self._transact("leader_row.note_run", work)


def _vacate(seat: Seat) -> None:
    seat["holder"] = ""
    seat["expires_at"] = -math.inf
