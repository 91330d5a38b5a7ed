"""What is seen of links when their coordinator is in trouble itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from harness.coordinators.server import Node, Server
from harness.coordinators.starting import ask
from harness.faults.cluster import NotLanded, TargetGone
from harness.runtimes import links
from harness.runtimes.links import LiveLinks
from harness.runtimes.proxy import Link

WORKER = "worker-1"


class Office:
    """A coordinator that answers whatever it is asked, as long as it is there."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self.node = Node("office-1", "127.0.0.1", 0)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.node.port)
        port = self._server.sockets[0].getsockname()[1]
        self.node = Node("office-1", "127.0.0.1", port)

    def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            writer.write(b"+")
        writer.close()

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.node,)

    def url(self, addresses: list[tuple[str, int]]) -> str:
        return ",".join(f"{host}:{port}" for host, port in addresses)

    async def answers(self, host: str, port: int, timeout: float) -> bool:
        return bool(await ask(host, port, b"?", timeout))


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    await office.open()
    yield office
    office.close()


@pytest.fixture
async def live(office: Office) -> AsyncIterator[LiveLinks]:
    live = LiveLinks({WORKER: cast(Server, office)}, 1, lambda: 0.0)
    await live.open()
    yield live
    await live.close()


def address(live: LiveLinks) -> tuple[str, int]:
    """Where the worker connects to."""
    host, _, port = (live.url(WORKER) or "").partition(":")
    return host, int(port)


async def test_a_heal_is_one_also_where_the_coordinator_is_down(
    office: Office, live: LiveLinks
) -> None:
    await live.cut(WORKER, "both")
    office.close()
    landed = await live.heal(WORKER)
    assert landed.mechanism == "proxy-stall"
    await office.open()
    assert await office.answers(*address(live), timeout=5)


async def test_a_heal_that_heals_nothing_is_seen(
    live: LiveLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_PATIENCE", 0.2)
    await live.cut(WORKER, "both")
    monkeypatch.setattr(Link, "heal", lambda link: None)
    with pytest.raises(NotLanded, match="not answered through its link to office-1"):
        await live.heal(WORKER)


async def test_a_delay_lands_also_where_the_coordinator_is_down(
    office: Office, live: LiveLinks
) -> None:
    office.close()
    landed = await live.slow(WORKER, 0.1, 0.0, "both")
    assert landed.mechanism == "proxy-delay"


async def test_the_last_thing_done_is_what_a_heal_says_it_undid(live: LiveLinks) -> None:
    await live.slow(WORKER, 0.01, 0.0, "both")
    await live.refuse(WORKER)
    assert (await live.heal(WORKER)).mechanism == "proxy-refuse"


async def test_who_has_no_connection_cannot_be_reset(live: LiveLinks) -> None:
    with pytest.raises(TargetGone, match="no open connection"):
        await live.reset(WORKER)
    await live.refuse(WORKER)
    with pytest.raises(TargetGone, match="no open connection"):
        await live.reset(WORKER)


async def test_a_reset_hits_also_what_is_cut(live: LiveLinks) -> None:
    reader, writer = await asyncio.open_connection(*address(live))
    writer.write(b"?")
    assert await reader.read(1) == b"+"
    await live.cut(WORKER, "both")
    await live.reset(WORKER)
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    writer.close()


async def test_the_same_seed_draws_the_same_jitter(office: Office) -> None:
    several = [LiveLinks({WORKER: cast(Server, office)}, seed, lambda: 0.0) for seed in (1, 1, 2)]
    first, again, other = ([one._jitter[WORKER].random() for _ in range(5)] for one in several)
    assert first == again != other
