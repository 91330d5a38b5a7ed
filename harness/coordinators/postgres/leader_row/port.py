"""What approaches may ask of the leader's row."""

from typing import Protocol

from harness.coordinators.giving_up import gives_up

SEAT = "leader"
"""The name of the one row that there is."""

HANDLE = f"row:leader:{SEAT}"
"""What the seat is called from outside."""


class LeaderRow(Protocol):
    """One seat for all, and the runs that its holders note. Its times are the database's.

    The epoch grows with each new holder, and never shrinks.
    """

    async def elect(self, holder: str, ttl: float) -> int | None:
        """Take the seat for `ttl` seconds where it is free or ours; the epoch, None where not.

        INSERT ... ON CONFLICT DO UPDATE ... WHERE expires_at < now() OR holder = ours. What is
        ours already keeps its epoch.
        """
        ...

    async def renew(self, holder: str, epoch: int, ttl: float) -> bool:
        """Keep the seat for `ttl` seconds from now. False where it is another's, or was."""
        ...

    @gives_up
    async def resign(self, holder: str) -> None:
        """Free the seat, if it is ours."""
        ...

    async def last_run(self, job: str) -> float | None:
        """The latest due time of the job that was noted."""
        ...

    async def note_run(self, job: str, due: float) -> None:
        """Note a due time of the job; an earlier one than is noted changes nothing."""
        ...
