"""The stream of runs over redis-py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.expiry import milliseconds
from harness.coordinators.redis.streams.port import GROUP, NOBODY, STREAM, Message

if TYPE_CHECKING:
    from harness.coordinators.redis.client import RedisClient

# The group begins with the stream, be it after a loss of all data. Until then, and where Redis
# would say NOGROUP, there is nothing to read.
ADD = """
if not redis.call("SET", KEYS[2], "1", "NX", "PX", ARGV[4]) then
    return 0
end
redis.pcall("XGROUP", "CREATE", KEYS[1], ARGV[1], "0", "MKSTREAM")
redis.call("XADD", KEYS[1], "*", "job", ARGV[2], "due", ARGV[3])
return 1
"""

READ = """
if redis.call("EXISTS", KEYS[1]) == 0 then
    return false
end
local read = redis.call(
    "XREADGROUP", "GROUP", ARGV[1], ARGV[2], "COUNT", 1, "STREAMS", KEYS[1], ">")
return read and read[1][2][1]
"""

# One call looks at ten pending messages at most, and says where to go on.
CLAIM_IDLE = """
if redis.call("EXISTS", KEYS[1]) == 0 then
    return false
end
local start = "0-0"
repeat
    local found = redis.call(
        "XAUTOCLAIM", KEYS[1], ARGV[1], ARGV[2], ARGV[3], start, "COUNT", 1)
    if #found[2] > 0 then
        return found[2][1]
    end
    start = found[1]
until start == "0-0"
return false
"""

PENDING_FOR = """
local function pending_for(consumer)
    if redis.call("EXISTS", KEYS[1]) == 0 then
        return false
    end
    local found = redis.call("XPENDING", KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
    return #found == 1 and found[1][2] == consumer
end
"""

# Without the look, a worker that was paused would take back what another one has claimed since.
REFRESH = f"""
{PENDING_FOR}
if not pending_for(ARGV[2]) then
    return 0
end
redis.call("XCLAIM", KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], "JUSTID")
return 1
"""

ACKNOWLEDGE = f"""
{PENDING_FOR}
local ours = pending_for(ARGV[2])
redis.call("XACK", KEYS[1], ARGV[1], ARGV[3])
redis.call("XDEL", KEYS[1], ARGV[3])
return ours and 1 or 0
"""

# An hour is longer than anybody waits for an idle message.
TAKE_AWAY = f"""
{PENDING_FOR}
if redis.call("EXISTS", KEYS[1]) == 0 or pending_for(ARGV[2]) then
    return 0
end
return #redis.call(
    "XCLAIM", KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], "IDLE", 3600000, "JUSTID")
"""


class ClientStreams:
    """One worker's view of the stream."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._stream = client.key(STREAM)

    async def add(self, job: str, due: float, remember: float) -> bool:
        """SET NX PX of a key of (job, due), and XADD where it was set, in one step (Lua)."""
        once = self._client.key(f"added:{job}/{due!r}")
        command = ("EVAL", ADD, 2, self._stream, once, GROUP, job, repr(due))
        return bool(await self._client.ask("streams.add", *command, milliseconds(remember)))

    async def read(self, consumer: str) -> Message | None:
        """XREADGROUP COUNT 1."""
        command = ("EVAL", READ, 1, self._stream, GROUP, consumer)
        return _message(await self._client.ask("streams.read", *command))

    async def claim_idle(self, consumer: str, min_idle: float) -> Message | None:
        """XAUTOCLAIM: the oldest pending message that idled for `min_idle`, now pending for us."""
        command = ("EVAL", CLAIM_IDLE, 1, self._stream, GROUP, consumer, milliseconds(min_idle))
        return _message(await self._client.ask("streams.claim_idle", *command))

    async def refresh(self, consumer: str, message: Message) -> bool:
        """XCLAIM JUSTID of a message that is pending for us: its idle time begins again (Lua)."""
        command = ("EVAL", REFRESH, 1, self._stream, GROUP, consumer, message.id)
        return bool(await self._client.ask("streams.refresh", *command))

    @gives_up
    async def acknowledge(self, consumer: str, message: Message) -> bool:
        """XACK and XDEL, whoever it is pending for (Lua). True where that was us."""
        command = ("EVAL", ACKNOWLEDGE, 1, self._stream, GROUP, consumer, message.id)
        return bool(await self._client.ask("streams.acknowledge", *command))


def take_away(namespace: str, message: str) -> tuple[str | int, ...]:
    """The command that lets a message be nobody's, and claimable at once.

    Its answer is 1, and 0 where it is so already or the message is not pending.
    """
    return ("EVAL", TAKE_AWAY, 1, f"{namespace}:{STREAM}", GROUP, NOBODY, message)


def _message(answer: list[str | list[str]] | None) -> Message | None:
    if answer is None:
        return None
    name, pairs = answer
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Message(str(name), fields["job"], float(fields["due"]))
