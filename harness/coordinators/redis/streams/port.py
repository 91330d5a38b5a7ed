"""What approaches may ask of a Redis stream with a consumer group."""

from dataclasses import dataclass
from typing import Protocol

from harness.coordinators.giving_up import gives_up


@dataclass(frozen=True, slots=True)
class Message:
    """A queued run that was delivered to this worker. `id` is the stream's."""

    id: str
    job: str
    due: float


class RedisStreams(Protocol):
    """One worker's view of the trial's stream of runs and its one consumer group.

    A message that was delivered is pending for its consumer until it is acknowledged; its idle time
    counts from its last delivery, by the server's clock. Raises as RedisPort does; times in
    seconds, kept to the millisecond.
    """

    async def add(self, job: str, due: float, remember: float) -> bool:
        """SET NX PX remember of a key of (job, due), and XADD where it was set, in one step (Lua).

        False where it was not: the run was added before, and not yet forgotten.
        """
        ...

    async def read(self, consumer: str) -> Message | None:
        """XREADGROUP COUNT 1: the oldest message that was never delivered, now pending for us."""
        ...

    async def claim_idle(self, consumer: str, min_idle: float) -> Message | None:
        """XAUTOCLAIM: the oldest pending message that idled for `min_idle`, now pending for us."""
        ...

    async def refresh(self, consumer: str, message: Message) -> bool:
        """XCLAIM JUSTID of a message that is pending for us: its idle time begins again (Lua).

        False where it is not, and nothing was done.
        """
        ...

    @gives_up
    async def acknowledge(self, consumer: str, message: Message) -> bool:
        """XACK and XDEL, whoever it is pending for (Lua). True where that was us."""
        ...


def handle_of(message: Message) -> str:
    """How a lease on this message is named to whoever is to take it away."""
    return f"{_HANDLE}{message.id}"


def id_in(handle: str) -> str | None:
    """The message's id, where the handle names one and no key."""
    return handle.removeprefix(_HANDLE) if handle.startswith(_HANDLE) else None


_HANDLE = "message:"

STREAM = "stream:runs"
"""The stream's key."""

GROUP = "workers"
"""Its consumer group."""

NOBODY = "nobody"
"""The consumer that messages are pending for after they were taken away from theirs."""
