"""What approaches may ask of ShedLock's table."""

from typing import Protocol

from harness.coordinators.giving_up import gives_up


def handle(name: str) -> str:
    """What the lock of this name is called from outside."""
    return f"row:shedlock:{name}"


class ShedLockTable(Protocol):
    """Locks by name. `now` is the asking instance's clock; None means the database's."""

    async def lock(self, name: str, owner: str, at_most_for: float, now: float | None) -> bool:
        """Lock it for `at_most_for` seconds, where it is new or its lock_until has passed."""
        ...

    @gives_up
    async def unlock(self, name: str, owner: str, at_least_for: float, now: float | None) -> bool:
        """Let it be free as of now, or `at_least_for` seconds after it was locked if that is later.

        False where it is not this owner's.
        """
        ...
