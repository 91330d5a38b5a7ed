"""A process that asks coordinators as a worker would, and measures how long the answers take.

Told what to do over a unix socket, one JSON object a line each way: first it says `{}` once it has
loaded all that a worker has; then each line to it is a `Task`, and each line from it what came of
that one, see `Rounds` and `Throughput`. Among them are lines that are events, as of a worker: they
are there to be read and dropped, because the harness is as busy with them in a trial. It ends when
the socket is closed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeVar

from harness.coordinators.postgres import client as postgres
from harness.coordinators.postgres.client import PostgresClient
from harness.coordinators.redis import client as redis
from harness.coordinators.redis.client import RedisClient
from harness.coordinators.zookeeper import client as zookeeper
from harness.coordinators.zookeeper.client import ZooKeeperClient
from harness.coordinators.zookeeper.port import NodeExists
from harness.history.event import Event
from harness.history.journal import encode

MOST_IN_A_LINE = 2**24
"""Bytes of the longest line."""

_PATIENCE = 10.0
_TTL = 10.0
_SESSION = 10.0

T = TypeVar("T")

Write = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure at one coordinator; times in seconds.

    With `rounds`: each group's round that often, one operation after another, each asked when the
    host's clock shows a multiple of `tick`: by all processes in the same moment, as workers ask
    when a job is due. With `seconds`: the rounds of `group` for so long, without a pause, by
    `clients` clients at once.
    """

    coordinator: str
    url: str
    namespace: str
    name: str
    rounds: int = 0
    tick: float = 0.0
    group: str = ""
    seconds: float = 0.0
    clients: int = 1


@dataclass(frozen=True, slots=True)
class Rounds:
    """Measured one by one: seconds of each operation, and by how much each tick was missed."""

    took: Mapping[str, list[float]]
    overshoot: list[float]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Measured all at once: operations done, and in how many seconds."""

    done: int
    seconds: float


class Ask(Protocol):
    """Carries one operation out, and takes note of it."""

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """Await the call."""
        ...


@dataclass(slots=True)
class Paced:
    """Waits for a tick before each operation; writes an event between them, as workers do."""

    tick: float
    write: Write
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    overshoot: list[float] = field(default_factory=list)

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """Carry it out at the next tick."""
        now = time.monotonic()
        due = (now // self.tick + 1) * self.tick
        await asyncio.sleep(due - now)
        self.overshoot.append(max(0.0, time.monotonic() - due))
        asked = Event(at=due, kind="lease.requested", worker="measuring", resource=operation)
        self.write(encode(asked.as_json()).encode())
        start = time.monotonic()
        try:
            return await call()
        finally:
            self.took[operation].append(time.monotonic() - start)


@dataclass(slots=True)
class Counted:
    """Counts operations."""

    done: int = 0

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """Carry it out at once."""
        try:
            return await call()
        finally:
            self.done += 1


class Silent:
    """A log of calls that keeps nothing."""

    def called(self, operation: str) -> None:
        """Drop it."""

    def failed(self, operation: str, error: str) -> None:
        """Drop it."""


Round = Callable[[Any, Ask, str, int], Awaitable[None]]
"""Asks a client for each operation of a group, `name` and `number` being of this round alone."""


async def redis_round(client: RedisClient, ask: Ask, name: str, number: int) -> None:
    """A lock: taken, refused, read, extended, and deleted."""
    key = f"{name}/{number}"
    await ask("set_if_absent", lambda: client.set_if_absent(key, name, _TTL))
    await ask("set_if_absent", lambda: client.set_if_absent(key, name, _TTL))
    await ask("get", lambda: client.get(key))
    await ask("extend_if_equal", lambda: client.extend_if_equal(key, name, _TTL))
    await ask("delete_if_equal", lambda: client.delete_if_equal(key, name))
    await ask("delete", lambda: client.delete(key))


async def zookeeper_writes(client: ZooKeeperClient, ask: Ask, name: str, number: int) -> None:
    """A node: created, refused, written, and deleted; every other time one of a queue too."""
    path = f"/{name}-{number}"
    await ask("create", lambda: client.create(path, name, ephemeral=True))
    with suppress(NodeExists):
        await ask("create", lambda: client.create(path, name, ephemeral=True))
    await ask("set", lambda: client.set(path, str(number)))
    await ask("delete", lambda: client.delete(path))
    if number % 2:
        node = await ask(
            "create", lambda: client.create(f"{path}-", name, ephemeral=True, sequential=True)
        )
        await ask("delete", lambda: client.delete(node.path))


async def zookeeper_reads(client: ZooKeeperClient, ask: Ask, name: str, number: int) -> None:
    """A node that stays: read and watched, and those beside it."""
    if not number:
        with suppress(NodeExists):
            await client.create("/read/it", name)
    await ask("get", lambda: client.get("/read/it"))
    await ask("children", lambda: client.children("/read"))
    await ask("watch", lambda: client.watch("/read/it"))


async def postgres_locks(client: PostgresClient, ask: Ask, name: str, _number: int) -> None:
    """A lock: taken, and released; before that, one that another session holds."""
    await ask("try_advisory_lock", lambda: client.try_advisory_lock("held"))
    lock = await ask("try_advisory_lock", lambda: client.try_advisory_lock(name))
    if lock is not None:
        await ask("advisory_unlock", lambda: client.advisory_unlock(lock))


async def postgres_queue(client: PostgresClient, ask: Ask, name: str, number: int) -> None:
    """A run: queued twice, claimed, given back, claimed, and completed; then none is there."""
    await ask("enqueue", lambda: client.enqueue(name, number))
    await ask("enqueue", lambda: client.enqueue(name, number))
    if claim := await ask("claim", client.claim):
        await ask("give_back", lambda: client.give_back(claim))
    if again := await ask("claim", client.claim):
        await ask("complete", lambda: client.complete(again))
    if number % 2 and (more := await ask("claim", client.claim)):
        await client.give_back(more)


CONNECT: Mapping[str, Callable[[Task], Awaitable[Any]]] = {
    "redis": lambda task: redis.connect(task.url, task.namespace, _PATIENCE, Silent()),
    "zookeeper": lambda task: zookeeper.connect(
        task.url, task.namespace, _PATIENCE, Silent(), session_timeout=_SESSION
    ),
    "postgres": lambda task: postgres.connect(task.url, task.namespace, _PATIENCE, Silent()),
}

GROUPS: Mapping[str, Mapping[str, tuple[Round, tuple[str, ...]]]] = {
    "redis": {
        "all": (
            redis_round,
            ("set_if_absent", "get", "extend_if_equal", "delete_if_equal", "delete"),
        )
    },
    "zookeeper": {
        "writes": (zookeeper_writes, ("create", "set", "delete")),
        "reads": (zookeeper_reads, ("get", "children", "watch")),
    },
    "postgres": {
        "locks": (postgres_locks, ("try_advisory_lock", "advisory_unlock")),
        "queue": (postgres_queue, ("enqueue", "claim", "give_back", "complete")),
    },
}
"""For each coordinator its groups of operations that are alike, each with a round of it."""


async def measure_rounds(task: Task, write: Write) -> Rounds:
    """One client, and one operation after another; then as many clients that only connect.

    Not among each other: to connect costs both sides so much that it would slow down the rest.
    """
    paced, connecting = Paced(task.tick, write), Paced(task.tick, write)
    client = await CONNECT[task.coordinator](task)
    holder = await _hold(task)
    await _warm_up(task, client)
    for number in range(task.rounds):
        for round_of, _ in GROUPS[task.coordinator].values():
            await round_of(client, paced, task.name, number)
    for _ in range(task.rounds):
        other = await connecting("connect", lambda: CONNECT[task.coordinator](task))
        await other.close()
    await client.close()
    await holder.close()
    return Rounds({**paced.took, **connecting.took}, paced.overshoot)


async def _warm_up(task: Task, client: Any) -> None:
    """What is asked first takes longer, on both sides, and once only."""
    for round_of, _ in GROUPS[task.coordinator].values():
        for number in range(3):
            await round_of(client, Counted(), f"{task.name}-warm", number)


async def _hold(task: Task) -> Any:
    """Another client, which holds the lock that is refused to the first."""
    client = await CONNECT[task.coordinator](task)
    if isinstance(client, PostgresClient):
        await client.try_advisory_lock("held")
    return client


async def measure_throughput(task: Task) -> Throughput:
    """Many clients at once, for a time."""
    holder = await _hold(task)
    counted = Counted()
    work = _connect_for_long if task.group == "connect" else _ask_for_long
    done = await asyncio.gather(
        *(work(task, f"{task.name}-{number}", counted) for number in range(task.clients))
    )
    await holder.close()
    begun, ended = min(begin for begin, _ in done), max(end for _, end in done)
    return Throughput(counted.done, ended - begun)


async def _ask_for_long(task: Task, name: str, counted: Counted) -> tuple[float, float]:
    client = await CONNECT[task.coordinator](task)
    round_of, _ = GROUPS[task.coordinator][task.group]
    begin = end = time.monotonic()
    number = 0
    while end < begin + task.seconds:
        await round_of(client, counted, name, number)
        number += 1
        end = time.monotonic()
    await client.close()
    return begin, end


async def _connect_for_long(task: Task, _name: str, counted: Counted) -> tuple[float, float]:
    begin = end = time.monotonic()
    while end < begin + task.seconds:
        client = await counted("connect", lambda: CONNECT[task.coordinator](task))
        await client.close()
        end = time.monotonic()
    return begin, end


async def serve(path: str) -> None:
    """Do what the other side of the socket asks for."""
    reader, writer = await asyncio.open_unix_connection(path, limit=MOST_IN_A_LINE)
    writer.write(b"{}\n")
    while line := await reader.readline():
        task = Task(**json.loads(line))
        result = await (
            measure_rounds(task, writer.write) if task.rounds else measure_throughput(task)
        )
        writer.write(json.dumps(asdict(result)).encode() + b"\n")
        await writer.drain()
    writer.close()


if __name__ == "__main__":
    # As in the parent of the workers: what is loaded is never looked at again.
    gc.collect()
    gc.freeze()
    asyncio.run(serve(sys.argv[1]))
