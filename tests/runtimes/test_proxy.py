"""The proxy between worker and coordinator: transparent when healed, silent when stalled."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TypeVar

import pytest

from harness.runtimes.proxy import Counters, Direction, Link

T = TypeVar("T")
SILENCE = 0.15  # s; long enough for loopback to deliver what is not held back
PATIENCE = 10.0  # s


class Wire:
    """A link with raw sockets at both ends, so that FIN, RST and silence can be told apart."""

    def __init__(self, link: Link, listener: socket.socket) -> None:
        self.link = link
        self.listener = listener
        self.sockets: list[socket.socket] = []

    async def connect(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        self.sockets.append(client)
        await asyncio.get_running_loop().sock_connect(client, self.link.address)
        return client

    async def accept(self) -> socket.socket:
        server, _ = await soon(asyncio.get_running_loop().sock_accept(self.listener))
        self.sockets.append(server)
        return server

    async def pair(self) -> tuple[socket.socket, socket.socket]:
        client = await self.connect()
        return client, await self.accept()


def listen() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=300)
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def opened() -> AsyncIterator[Wire]:
    with listen() as listener:
        link = Link("worker-1 redis-1", listener.getsockname())
        await link.open()
        wire = Wire(link, listener)
        try:
            yield wire
        finally:
            await link.close()
            for each in wire.sockets:
                each.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with opened() as wire:
        yield wire


async def soon(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, PATIENCE)


async def send(sender: socket.socket, data: bytes) -> None:
    await soon(asyncio.get_running_loop().sock_sendall(sender, data))


async def receive(receiver: socket.socket, size: int) -> bytes:
    """`size` bytes, or fewer where a FIN comes first."""
    data = bytearray()
    while len(data) < size:
        chunk = await soon(
            asyncio.get_running_loop().sock_recv(receiver, min(size - len(data), 1 << 18))
        )
        if not chunk:
            break
        data += chunk
    return bytes(data)


async def until(condition: Callable[[], bool]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    await soon(poll())


async def is_silent(receiver: socket.socket) -> bool:
    """Whether nothing at all can be read: no byte, no FIN, no RST."""
    await asyncio.sleep(SILENCE)
    try:
        receiver.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


async def is_reset(receiver: socket.socket) -> bool:
    try:
        await receive(receiver, 1)
    except ConnectionResetError:
        return True
    return False


def close_with_reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


async def test_bytes_pass_both_ways(wire: Wire) -> None:
    client, server = await wire.pair()
    await send(client, b"ping")
    assert await receive(server, 4) == b"ping"
    await send(server, b"pong!")
    assert await receive(client, 5) == b"pong!"


async def test_counters_tell_connections_and_bytes(wire: Wire) -> None:
    client, server = await wire.pair()
    await wire.pair()
    await send(client, b"ping")
    await receive(server, 4)
    await send(server, b"pong!")
    await receive(client, 5)
    assert wire.link.counters == Counters(accepted=2, open=2, request_bytes=4, reply_bytes=5)
    client.close()
    server.close()
    await until(lambda: wire.link.counters.open == 1)
    assert wire.link.counters.accepted == 2


async def test_small_packets_are_not_delayed(wire: Wire) -> None:
    await wire.pair()
    await until(lambda: all(r.upstream.transport for r in wire.link._relays))
    for relay in wire.link._relays:
        for end in (relay.client, relay.upstream):
            assert end.transport is not None
            inner = end.transport.get_extra_info("socket")
            assert inner.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_big_transfers_both_ways_at_once_arrive_intact(wire: Wire) -> None:
    client, server = await wire.pair()
    there = bytes(range(256)) * 65_536  # 16 MiB
    back = there[::-1]
    _, _, at_server, at_client = await asyncio.gather(
        send(client, there),
        send(server, back),
        receive(server, len(there)),
        receive(client, len(back)),
    )
    assert at_server == there
    assert at_client == back


@pytest.mark.parametrize("towards", ["server", "client"])
async def test_a_reader_that_does_not_read_stops_the_sender(wire: Wire, towards: str) -> None:
    client, server = await wire.pair()
    sender, reader = (client, server) if towards == "server" else (server, client)
    payload = b"x" * (64 << 20)
    sending = asyncio.create_task(send(sender, payload))

    def moved() -> int:
        counters = wire.link.counters
        return counters.request_bytes + counters.reply_bytes

    seen = -1
    while seen != moved():
        seen = moved()
        await asyncio.sleep(SILENCE)
    assert 0 < seen < len(payload) // 2
    for relay in wire.link._relays:
        for end in (relay.client, relay.upstream):
            assert end.transport is not None
            assert end.transport.get_write_buffer_size() < 1 << 20
    assert await receive(reader, len(payload)) == payload
    await sending


async def test_stalled_requests_are_kept_and_arrive_in_order_at_heal(wire: Wire) -> None:
    client, server = await wire.pair()
    assert wire.link.stall(Direction.REQUESTS) == 1
    for word in (b"one ", b"two ", b"three"):
        await send(client, word)
    assert await is_silent(server)
    await send(server, b"reply")
    assert await receive(client, 5) == b"reply"
    wire.link.heal()
    assert await receive(server, 13) == b"one two three"


async def test_stalled_replies_are_kept_while_requests_are_carried_out(wire: Wire) -> None:
    client, server = await wire.pair()
    assert wire.link.stall(Direction.REPLIES) == 1
    await send(client, b"SET")
    assert await receive(server, 3) == b"SET"
    await send(server, b"+OK ")
    await send(server, b"more")
    assert await is_silent(client)
    wire.link.heal()
    assert await receive(client, 8) == b"+OK more"


async def test_a_stall_of_both_silences_both(wire: Wire) -> None:
    client, server = await wire.pair()
    assert wire.link.stall(Direction.BOTH) == 1
    await send(client, b"there")
    await send(server, b"back")
    assert await is_silent(server)
    assert await is_silent(client)
    wire.link.heal()
    assert await receive(server, 5) == b"there"
    assert await receive(client, 4) == b"back"


async def test_stalls_add_up_and_one_heal_ends_them_all(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.stall(Direction.REQUESTS)
    wire.link.stall(Direction.REPLIES)
    assert wire.link.stalled == {Direction.REQUESTS, Direction.REPLIES}
    await send(server, b"back")
    assert await is_silent(client)
    wire.link.heal()
    assert wire.link.stalled == frozenset()
    assert await receive(client, 4) == b"back"


async def test_a_stall_hits_a_transfer_under_way_and_loses_nothing(wire: Wire) -> None:
    client, server = await wire.pair()
    payload = bytes(range(256)) * 131_072  # 32 MiB
    sending = asyncio.create_task(send(client, payload))
    start = await receive(server, 1 << 20)
    wire.link.stall(Direction.REQUESTS)
    before = wire.link.counters.request_bytes
    await asyncio.sleep(SILENCE)
    assert wire.link.counters.request_bytes == before
    receiving = asyncio.create_task(receive(server, len(payload) - len(start)))
    await asyncio.sleep(SILENCE)
    assert not receiving.done()
    wire.link.heal()
    assert start + await receiving == payload
    await sending


async def test_a_close_in_a_stall_is_seen_only_at_heal(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.stall(Direction.REQUESTS)
    await send(client, b"last words")
    client.close()
    assert await is_silent(server)
    wire.link.heal()
    assert await receive(server, 100) == b"last words"


async def test_a_server_that_closes_in_a_stall_of_replies_is_seen_only_at_heal(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.stall(Direction.REPLIES)
    await send(server, b"bye")
    server.close()
    assert await is_silent(client)
    wire.link.heal()
    assert await receive(client, 100) == b"bye"


async def test_a_reset_in_a_stall_is_seen_only_at_heal(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.stall(Direction.BOTH)
    close_with_reset(client)
    assert await is_silent(server)
    wire.link.heal()
    assert await is_reset(server)


async def test_replies_to_a_dead_client_do_not_betray_it_while_requests_are_cut(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.stall(Direction.REQUESTS)
    close_with_reset(client)
    for _ in range(10):
        await send(server, b"are you there?")
        await asyncio.sleep(0.005)
    assert await is_silent(server)
    wire.link.heal()
    assert await is_reset(server)


async def test_a_new_connection_reaches_nobody_while_requests_are_cut(wire: Wire) -> None:
    wire.link.stall(Direction.BOTH)
    client = await wire.connect()
    await send(client, b"hello")
    accepting = asyncio.create_task(wire.accept())
    assert await is_silent(client)
    assert not accepting.done()
    assert wire.link.counters.open == 1
    wire.link.heal()
    assert await receive(await accepting, 5) == b"hello"


async def test_a_new_connection_is_served_but_not_answered_while_replies_are_cut(
    wire: Wire,
) -> None:
    wire.link.stall(Direction.REPLIES)
    client, server = await wire.pair()
    await send(client, b"SET")
    assert await receive(server, 3) == b"SET"
    await send(server, b"+OK")
    assert await is_silent(client)
    wire.link.heal()
    assert await receive(client, 3) == b"+OK"


async def test_a_client_that_resets_is_reset_at_the_server(wire: Wire) -> None:
    client, server = await wire.pair()
    await send(client, b"x")
    await receive(server, 1)
    close_with_reset(client)
    assert await is_reset(server)
    await until(lambda: wire.link.counters.open == 0)


async def test_a_server_that_resets_is_reset_at_the_client(wire: Wire) -> None:
    client, server = await wire.pair()
    await send(client, b"x")
    await receive(server, 1)
    close_with_reset(server)
    assert await is_reset(client)
    await until(lambda: wire.link.counters.open == 0)


async def test_a_server_that_closes_is_an_end_of_file_at_the_client(wire: Wire) -> None:
    client, server = await wire.pair()
    await send(server, b"bye")
    server.close()
    assert await receive(client, 100) == b"bye"


async def test_a_late_reply_arrives_after_the_client_closed_its_half(wire: Wire) -> None:
    client, server = await wire.pair()
    await send(client, b"question")
    client.shutdown(socket.SHUT_WR)
    assert await receive(server, 100) == b"question"
    await asyncio.sleep(0.05)
    await send(server, b"late reply")
    server.close()
    assert await receive(client, 100) == b"late reply"
    await until(lambda: wire.link.counters.open == 0)


async def test_a_half_closed_connection_survives_a_stall(wire: Wire) -> None:
    client, server = await wire.pair()
    client.shutdown(socket.SHUT_WR)
    assert await receive(server, 1) == b""
    wire.link.stall(Direction.BOTH)
    await send(server, b"late")
    assert await is_silent(client)
    wire.link.heal()
    assert await receive(client, 4) == b"late"
    server.close()
    assert await receive(client, 1) == b""


async def test_a_dead_upstream_is_a_reset_at_the_client(wire: Wire) -> None:
    wire.listener.close()
    client = await wire.connect()
    assert await is_reset(client)
    await until(lambda: wire.link.counters.open == 0)


async def test_a_dead_upstream_is_not_told_while_replies_are_cut(wire: Wire) -> None:
    wire.listener.close()
    wire.link.stall(Direction.REPLIES)
    client = await wire.connect()
    assert await is_silent(client)
    wire.link.heal()
    assert await is_reset(client)


async def test_an_upstream_that_hangs_does_not_hold_up_other_connections(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        good = wire.link.upstream
        wire.link.upstream = deaf.getsockname()
        await wire.connect()
        await until(lambda: wire.link.counters.accepted == 1)
        wire.link.upstream = good
        client, server = await wire.pair()
        await send(client, b"ping")
        assert await receive(server, 4) == b"ping"
        for filler in fillers:
            filler.close()


async def test_reset_hits_idle_connections_on_both_sides(wire: Wire) -> None:
    pairs = [await wire.pair() for _ in range(3)]
    assert wire.link.reset() == 3
    for client, server in pairs:
        assert await is_reset(client)
        assert await is_reset(server)
    assert wire.link.counters.open == 0
    assert wire.link.reset() == 0
    client, server = await wire.pair()
    await send(client, b"again")
    assert await receive(server, 5) == b"again"


async def test_reset_hits_connections_in_a_stall(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.stall(Direction.BOTH)
    undialled = await wire.connect()
    await until(lambda: wire.link.counters.accepted == 2)
    assert wire.link.reset() == 2
    for end in (client, server, undialled):
        assert await is_reset(end)


async def test_refuse_turns_new_connections_away_and_leaves_the_open_ones(wire: Wire) -> None:
    client, server = await wire.pair()
    address = wire.link.address
    wire.link.refuse()
    wire.link.refuse()
    with pytest.raises(ConnectionRefusedError):
        await wire.connect()
    await send(client, b"still here")
    assert await receive(server, 10) == b"still here"
    wire.link.heal()
    assert wire.link.address == address
    client, server = await wire.pair()
    await send(client, b"back")
    assert await receive(server, 4) == b"back"


async def test_a_slow_direction_holds_up_what_comes_from_now_on(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(2 * SILENCE, 0.0, Direction.REQUESTS, Random(1))
    assert wire.link.slowed == {Direction.REQUESTS}
    start = time.monotonic()
    await send(server, b"news")
    assert await receive(client, 4) == b"news"
    await send(client, b"ping")
    assert await is_silent(server)
    assert await receive(server, 4) == b"ping"
    assert time.monotonic() - start >= 2 * SILENCE
    wire.link.heal()
    assert wire.link.slowed == frozenset()


async def test_jitter_lets_nothing_overtake(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(0.02, 0.02, Direction.BOTH, Random(1))
    for number in range(100):
        await send(client, bytes([number]))
        await asyncio.sleep(0.0005)
    assert await receive(server, 100) == bytes(range(100))


async def test_what_is_on_its_way_when_it_heals_arrives_first(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(SILENCE, 0.0, Direction.REQUESTS, Random(1))
    await send(client, b"late")
    await until(lambda: wire.link.counters.request_bytes == 4)
    wire.link.heal()
    await send(client, b" soon")
    assert await receive(server, 9) == b"late soon"


async def test_what_is_on_its_way_when_it_is_cut_stays_there_until_it_heals(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(SILENCE / 3, 0.0, Direction.REQUESTS, Random(1))
    await send(client, b"late")
    await until(lambda: wire.link.counters.request_bytes == 4)
    wire.link.stall(Direction.REQUESTS)
    assert await is_silent(server)
    wire.link.heal()
    assert await receive(server, 4) == b"late"


async def test_an_end_of_file_arrives_late_and_after_the_bytes(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(2 * SILENCE, 0.0, Direction.REQUESTS, Random(1))
    await send(client, b"bye")
    client.close()
    assert await is_silent(server)
    assert await receive(server, 100) == b"bye"
    server.close()
    await until(lambda: wire.link.counters.open == 0)


async def test_a_reset_arrives_late_and_after_the_bytes(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(2 * SILENCE, 0.0, Direction.REPLIES, Random(1))
    await send(server, b"+OK")
    await until(lambda: wire.link.counters.reply_bytes == 3)
    close_with_reset(server)
    assert await is_silent(client)
    assert await receive(client, 3) == b"+OK"
    assert await is_reset(client)


async def test_a_slow_link_takes_no_more_than_its_window(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(2 * SILENCE, 0.0, Direction.REQUESTS, Random(1))
    data = bytes(range(256)) * (1 << 15)  # 8 MiB
    sending = asyncio.ensure_future(send(client, data))
    assert await is_silent(server)
    assert 1 << 20 <= wire.link.counters.request_bytes < 2 << 20
    wire.link.heal()
    assert await receive(server, len(data)) == data
    await sending


async def test_reset_loses_what_is_on_its_way(wire: Wire) -> None:
    client, server = await wire.pair()
    wire.link.slow(SILENCE, 0.0, Direction.REQUESTS, Random(1))
    await send(client, b"lost")
    await until(lambda: wire.link.counters.request_bytes == 4)
    assert wire.link.reset() == 1
    assert await is_reset(server)
    assert await is_reset(client)


async def test_a_link_knows_whose_connections_are_open(wire: Wire) -> None:
    client, _ = await wire.pair()
    address = client.getsockname()
    assert wire.link.has_open(address)
    assert not wire.link.has_open(wire.link.address)
    wire.link.reset()
    assert not wire.link.has_open(address)


async def test_a_stall_of_no_connection_says_so(wire: Wire) -> None:
    assert wire.link.stall() == 0


async def test_closing_resets_the_connections_and_frees_the_port(wire: Wire) -> None:
    client, server = await wire.pair()
    await wire.link.close()
    await wire.link.close()
    assert await is_reset(client)
    assert await is_reset(server)
    with pytest.raises(ConnectionRefusedError):
        await wire.connect()


async def test_a_link_that_was_never_opened_has_no_address_and_closes() -> None:
    link = Link("worker-1 redis-1", ("127.0.0.1", 1))
    with pytest.raises(RuntimeError, match="not open"):
        _ = link.address
    await link.close()


async def test_100_links_in_one_loop_stall_apart() -> None:
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(opened()) for _ in range(100)]
        pairs = [await wire.pair() for wire in wires]
        for wire in wires[::2]:
            assert wire.link.stall(Direction.REQUESTS) == 1
        await asyncio.gather(*(send(client, b"ping") for client, _ in pairs))
        for _, server in pairs[1::2]:
            assert await receive(server, 4) == b"ping"
        assert await is_silent(pairs[0][1])
        for (_, server), wire in list(zip(pairs, wires, strict=True))[::2]:
            with pytest.raises(BlockingIOError):
                server.recv(1)
            wire.link.heal()
            assert await receive(server, 4) == b"ping"
