"""A Redis of our own: one server, or several, or a primary with followers and Sentinels."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from harness.coordinators.members import Member, OwnNodes, together
from harness.coordinators.redis.clock_jump import CLOCK_JUMP
from harness.coordinators.redis.sentinel import Sentinels
from harness.coordinators.redis.server import AnyRedis
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import HOST, ask
from harness.scenario.model import Layout

_POLL = 0.01
_PATIENCE = 30.0
_PROBE = 1.0
_HOUR = 3_600_000  # ms


class RedisServer(OwnNodes, AnyRedis):
    """Servers of our own; they keep nothing on disk unless the layout is `persistent`.

    Started again after they ended, they come back at the same ports.
    """

    def __init__(self, program: Path, source: str, layout: Layout = Layout()) -> None:  # noqa: B008
        OwnNodes.__init__(self)
        AnyRedis.__init__(self, source)
        self._program = program
        self._layout = layout
        self._sentinels: Sentinels | None = None

    async def start(self, launcher: Launcher) -> None:
        """Start all and wait until they answer, know each other, and are watched."""
        if self._layout.nodes > 1 and self._layout.replicas:
            raise ServerError("redis: either independent nodes or replicas, not both")
        await self.stop()
        members = self._make_members(launcher, self._layout.nodes + self._layout.replicas)
        try:
            if self._layout.replicas:
                await self._start_replicated(launcher, members)
            else:
                await together(*(self._launch(member) for member in members))
        except BaseException:
            await self.stop()
            raise
        await self._learn_version()

    async def stop(self) -> None:
        """Stop all; what is not on disk is gone."""
        if self._sentinels is not None:
            await self._sentinels.stop()
        await super().stop()

    async def leader(self) -> str:
        """The primary; of independent nodes the first one that runs."""
        running = self._running()
        if self._sentinels is None:
            if running:
                return running[0].name
            raise ServerError("no Redis server is running")
        primaries = await self._primaries(running)
        if len(primaries) > 1:
            # One that was cut off or stood still does not know yet that there is another.
            named = await self._sentinels.primary()
            primaries = [one for one in primaries if one.port == named]
        if not primaries:
            raise ServerError("no Redis server says that it is the primary")
        return primaries[0].name

    async def restart(self, node: str, keep_data: bool) -> None:
        """Start it again; where Sentinel has another primary by now, as a follower of that."""
        member = self._down(node)
        primary = await self._sentinels.primary() if self._sentinels else member.port
        follows = None if primary == member.port else primary
        if not keep_data:
            shutil.rmtree(member.directory / "appendonlydir", ignore_errors=True)
        await self._launch(member, follows)
        leads = [one for one in self._running() if one.port == follows]
        if leads and await self.answers(HOST, leads[0].node.port, _PROBE):
            await _until(
                partial(self._link_is, member, "up"), f"{node} does not follow {leads[0].name}"
            )

    async def fail_over(self, lag: float, crashed: Callable[[], None]) -> str:
        """Kill the primary after `lag` s in which its followers took no writes; who leads then.

        Where lag is 0 they may still miss the last ones: replication is asynchronous.
        """
        leader = self._member(await self.leader())
        others = [one for one in self._running() if one is not leader]
        if self._sentinels is None or not others:
            raise ServerError(f"{leader.name} has no follower that could take over")
        await self._until_watched(leader, len(others))
        async with self._standing_still(leader, others if lag else []):
            await asyncio.sleep(lag)
            crashed()
            await leader.kill()
            for one in others:
                # Not before: with the link went what it had received and not carried out.
                await _until(partial(self._link_is, one, "down"), f"{one.name} still follows")
        return await self._promoted(leader, others)

    async def shift_clock(self, node: str, seconds: float) -> None:
        """Move the expiry of all keys, and how long entries of streams have been claimed."""
        member = self._member(node)
        if self._sentinels is not None and member not in await self._primaries([member]):
            raise ServerError(f"{node} follows another: what is to expire is up to that one")
        probe = "harness-clock"
        async with self._admin(member.node) as redis:
            await redis.set(probe, "", px=_HOUR)
            await redis.eval(CLOCK_JUMP, 0, round(seconds * 1000))
            moved = (_HOUR - await redis.pttl(probe)) / 1000
            await redis.delete(probe)
        if abs(moved - seconds) > _PROBE:
            raise ServerError(f"{node}: times to live moved by {moved:g} s, not {seconds:g} s")

    async def _writable(self) -> Sequence[Node]:
        if self._sentinels is None:
            return [one.node for one in self._running()]
        return [self._member(await self.leader()).node]

    async def _start_replicated(self, launcher: Launcher, members: Sequence[Member]) -> None:
        primary, *followers = members
        await self._launch(primary)
        await together(*(self._launch(one, primary.port) for one in followers))
        for one in followers:
            await _until(partial(self._link_is, one, "up"), f"{one.name} does not follow")
        if self._sentinels is None:
            home = (launcher.directory / self.name).resolve()
            self._sentinels = Sentinels(self._program, launcher, home)
        await self._sentinels.start(primary.node)
        await self._until_watched(primary, len(followers))

    async def _launch(self, member: Member, follows: int | None = None) -> None:
        directory = member.directory
        # A follower leaves one behind from its first copy, which it would load.
        (directory / "dump.rdb").unlink(missing_ok=True)

        def command(port: int) -> Sequence[str]:
            words = [str(self._program), "--port", str(port), "--bind", HOST]
            words += ["--dir", str(directory), "--save", ""]
            # What is written is safe from SIGKILL once the kernel has it; the disk may take longer.
            words += ["--appendonly", "yes" if self._layout.persistent else "no"]
            words += ["--appendfsync", "no", "--repl-diskless-sync-delay", "0"]
            return words + (["--replicaof", HOST, str(follows)] if follows else [])

        async def is_up(port: int) -> bool:
            reply = await ask(HOST, port, b"CONFIG GET dir\r\n", 0.5)
            return str(directory).encode() in reply

        await member.start(command, is_up)

    async def _primaries(self, members: Sequence[Member]) -> list[Member]:
        """Those that say that they are one; who does not answer says nothing."""

        async def says(member: Member) -> bool:
            with suppress(ServerError):
                async with self._admin(member.node, _PROBE) as redis:
                    role: Any = await redis.role()
                    return bool(role[0] == b"master")
            return False

        said = await asyncio.gather(*(says(member) for member in members))
        return [member for member, is_one in zip(members, said, strict=True) if is_one]

    async def _until_watched(self, primary: Member, followers: int) -> None:
        """Wait until the Sentinels know all that there is: before, they could promote nobody."""
        sentinels, port = self._sentinels, primary.node.port
        assert sentinels is not None
        await _until(
            partial(sentinels.know, port, followers),
            f"the Sentinels do not know {primary.name} and {followers} followers",
        )

    @asynccontextmanager
    async def _standing_still(
        self, leader: Member, followers: Sequence[Member]
    ) -> AsyncIterator[None]:
        """Followers that have all that was written so far, and carry out no write after it.

        They answer all the same. What arrives in the meantime is gone when the link is.
        """
        for one in followers:
            await self._catch_up(leader, one)
            async with self._admin(one.node) as redis:
                await redis.client_pause(_HOUR, all=False)
        try:
            yield
        finally:
            for one in followers:
                async with self._admin(one.node) as redis:
                    await redis.client_unpause()

    async def _catch_up(self, leader: Member, follower: Member) -> None:
        async with self._admin(leader.node) as redis, self._admin(follower.node) as copy:
            written = (await redis.info("replication"))["master_repl_offset"]
            caught_up = partial(_has_received, copy, written)
            await _until(caught_up, f"{follower.name} lags behind {leader.name}")

    async def _link_is(self, member: Member, status: str) -> bool:
        async with self._admin(member.node) as redis:
            replication = await redis.info("replication")
        # One that was promoted already has no link any more.
        return bool(replication.get("master_link_status", "down") == status)

    async def _promoted(self, old: Member, others: Sequence[Member]) -> str:
        async def is_over() -> bool:
            assert self._sentinels is not None
            return await self._sentinels.primary() in [one.port for one in others] and bool(
                await self._primaries(others)
            )

        await _until(is_over, f"nobody took over from {old.name}")
        return await self.leader()


async def _has_received(copy: Redis, written: int) -> bool:
    return bool((await copy.info("replication"))["slave_repl_offset"] >= written)


async def _until(condition: Callable[[], Awaitable[bool]], trouble: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not await condition():
        if time.monotonic() > deadline:
            raise ServerError(f"redis: {trouble} after {_PATIENCE:g} s")
        await asyncio.sleep(_POLL)
