"""Servers of a test's own, which it may break."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest

from harness.coordinators.machine import Machine
from harness.coordinators.server import Node, Server
from harness.coordinators.sources import find, server_for
from harness.runtimes.launcher import Launcher
from harness.scenario.model import Layout
from tests.live.processes import is_alive


@asynccontextmanager
async def running(name: str, layout: Layout) -> AsyncIterator[Server]:
    """A coordinator of this layout, which leaves no process behind when it is stopped."""
    found = find(Machine({"PATH": os.environ["PATH"]}), name)
    if found.make is None:
        pytest.skip(f"no {name} on this machine; to get it: {found.remedy}")
    with Launcher() as launcher:
        before = children()
        server = server_for(found, layout)
        try:
            await server.start(launcher)
            yield server
        finally:
            await server.stop()
        assert children() <= before


def children() -> set[int]:
    """The processes that we started and that live; not theirs, of servers that others share."""
    return {one.pid for one in psutil.Process().children() if is_alive(one.pid)}


def node(server: Server, name: str) -> Node:
    """The node of that name."""
    return next(one for one in server.nodes if one.name == name)


async def leading(server: Server) -> Node:
    """The node that takes writes."""
    return node(server, await server.leader())


async def answering(server: Server, name: str, timeout: float = 5.0) -> bool:
    """Whether the node answers."""
    one = node(server, name)
    return await server.answers(one.host, one.port, timeout)


class Moments:
    """Notes whether the crash was told, and what was true in that moment."""

    def __init__(self, look: Callable[[], object] = lambda: None) -> None:
        self.seen: list[object] = []
        self._look = look

    def __call__(self) -> None:
        self.seen.append(self._look())


class Silent:
    """A call log that nobody reads."""

    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...
