"""Real servers for live tests: each is started once, when the first test asks for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from harness.coordinators.machine import Machine
from harness.coordinators.server import Server
from harness.coordinators.sources import find, server_for
from harness.runtimes.launcher import Launcher
from harness.scenario.model import Layout

ONE = Layout()


@pytest.fixture(scope="session")
def session_launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


@pytest.fixture(scope="session")
def redis_server(session_launcher: Launcher) -> Iterator[Server]:
    yield from _running("redis", session_launcher)


@pytest.fixture(scope="session")
def redis_nodes_server() -> Iterator[Server]:
    with Launcher() as launcher:
        yield from _running("redis", launcher, Layout(nodes=3))


@pytest.fixture(scope="session")
def zookeeper_server(session_launcher: Launcher) -> Iterator[Server]:
    yield from _running("zookeeper", session_launcher)


@pytest.fixture(scope="session")
def postgres_server(session_launcher: Launcher) -> Iterator[Server]:
    yield from _running("postgres", session_launcher)


def _running(name: str, launcher: Launcher, layout: Layout = ONE) -> Iterator[Server]:
    found = find(Machine(os.environ), name)
    if found.make is None:
        pytest.skip(f"no {name} on this machine; to get it: {found.remedy}")
    server = server_for(found, layout)
    asyncio.run(server.start(launcher))
    yield server
    asyncio.run(server.stop())
