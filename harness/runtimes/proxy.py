"""A TCP proxy between one worker and one coordinator node, which can disturb what passes.

It lives in the runner's event loop. What each disturbance looks like from both sides:

- `stall`: silence. No byte, no FIN and no RST crosses in a cut direction. The kernel at our end
  keeps ACKing, so TCP keepalive never fires. What was sent is kept, and delivered at `heal`, in
  order and at once; that a side closed or was reset is seen only then. What we had read before the
  stall is in flight, like a packet that has left: it still arrives.
- `slow`: bytes, FIN and RST arrive later, in order; a connection itself is made as fast as ever.
  What is on its way in a direction that is then cut stays there until `heal`.
- `reset`: a RST to both sides of every open connection, idle ones included.
- `refuse`: whoever connects gets a RST at once; open connections live on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any

from harness.runtimes.delay_line import DelayLine

_BACKLOG = 128
# Bytes that may be on their way in a direction, as in the window of a TCP connection.
_WINDOW = 1 << 20
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class Direction(StrEnum):
    """Which way traffic flows; `requests` is from the worker to the coordinator."""

    REQUESTS = "requests"
    REPLIES = "replies"
    BOTH = "both"


def _ways(direction: Direction) -> frozenset[Direction]:
    both = {Direction.REQUESTS, Direction.REPLIES}
    return frozenset(both if direction is Direction.BOTH else {direction})


@dataclass(frozen=True, slots=True)
class _Slowness:
    """Everything takes `delay` seconds longer, each by up to `jitter` more or less."""

    delay: float
    jitter: float
    random: Random

    def draw(self) -> float:
        if self.jitter == 0:
            return self.delay
        return max(0.0, self.delay + self.random.uniform(-self.jitter, self.jitter))


@dataclass(frozen=True, slots=True)
class Counters:
    """What went through a link: connections accepted and still open, bytes each way."""

    accepted: int
    open: int
    request_bytes: int
    reply_bytes: int


class Link:
    """One listener on loopback, in front of one address; every connection is disturbed alike.

    `upstream` is (host, port) of the coordinator node. It may be changed, for connections to come.
    """

    def __init__(self, name: str, upstream: tuple[str, int]) -> None:
        self.name = name
        self.upstream = upstream
        self.stalled: frozenset[Direction] = frozenset()
        self.refusing = False
        self._slowness: dict[Direction, _Slowness] = {}
        self._moved = {Direction.REQUESTS: 0, Direction.REPLIES: 0}
        self._relays: set[_Relay] = set()
        self._accepted = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._listener: socket.socket | None = None
        self._address: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the worker connects to; known once open."""
        if self._address is None:
            raise RuntimeError(f"link {self.name!r} is not open")
        return self._address

    @property
    def counters(self) -> Counters:
        """The counts up to now."""
        return Counters(
            accepted=self._accepted,
            open=len(self._relays),
            request_bytes=self._moved[Direction.REQUESTS],
            reply_bytes=self._moved[Direction.REPLIES],
        )

    async def open(self) -> None:
        """Listen on 127.0.0.1, on a port that is free."""
        self._loop = asyncio.get_running_loop()
        self._bind(("127.0.0.1", 0))
        self._listen()

    async def close(self) -> None:
        """Stop listening and reset what is open; harmless where it was not opened."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the sockets are closed in the loop's next turn

    def stall(self, direction: Direction = Direction.BOTH) -> int:
        """Cut a direction, in all connections and every new one; stalls add up until `heal`.

        With requests cut, a new connection is accepted and its upstream dialled only at heal; with
        only replies cut, requests are still carried out. Returns how many open connections it hit.
        """
        self.stalled |= _ways(direction)
        self._settle()
        return len(self._relays)

    def slow(self, delay: float, jitter: float, direction: Direction, random: Random) -> None:
        """Let what comes from now on take `delay` seconds longer, by up to `jitter` more or less.

        Nothing is faster for it, and nothing overtakes. `random` is where the jitter is drawn from.
        """
        slowness = _Slowness(delay, jitter, random)
        self._slowness |= dict.fromkeys(_ways(direction), slowness)

    @property
    def slowed(self) -> frozenset[Direction]:
        """The directions in which it is slow."""
        return frozenset(self._slowness)

    def heal(self) -> None:
        """Undo every stall, slowness and `refuse`; what was held back flows at once."""
        self.stalled = frozenset()
        self._slowness.clear()
        if self.refusing:
            self.refusing = False
            self._listen()
        self._settle()

    def reset(self) -> int:
        """Reset every open connection on both sides, stalled or not; returns how many."""
        relays = list(self._relays)
        for relay in relays:
            relay.reset()
        return len(relays)

    def has_open(self, client: tuple[str, int]) -> bool:
        """Whether the connection from this host and port is open."""
        return any(relay.address == client for relay in self._relays)

    def refuse(self) -> None:
        """Refuse new connections until `heal`, which listens on the same port again."""
        if self._listener is None or self.refusing:
            return
        self.refusing = True
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._bind(self.address)  # bound and deaf: a RST to whoever knocks, and the port stays ours

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine that ends with the link."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _bind(self, address: tuple[str, int]) -> None:
        # asyncio sets TCP_NODELAY only where the protocol is named; accepted sockets inherit it.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setblocking(False)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._address = self._listener.getsockname()

    def _listen(self) -> None:
        if self._listener is not None:
            self._listener.listen(_BACKLOG)
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            accepted, address = self._listener.accept()
        except OSError:  # gone again, or no descriptor left: the loop asks again
            return
        accepted.setblocking(False)
        self._accepted += 1
        relay = _Relay(self, address)
        self._relays.add(relay)
        self._run(relay.take(accepted))

    def _delay(self, direction: Direction) -> float:
        """The seconds that something read now takes longer."""
        slowness = self._slowness.get(direction)
        return 0.0 if slowness is None else slowness.draw()

    def _settle(self) -> None:
        for relay in list(self._relays):
            relay.settle()


class _Relay:
    """One connection: the worker's end, the coordinator's end, and what may pass between them."""

    def __init__(self, link: Link, address: tuple[str, int]) -> None:
        self.link = link
        self.address = address
        self.client = _End(self, Direction.REQUESTS)
        self.upstream = _End(self, Direction.REPLIES)
        self.client.peer, self.upstream.peer = self.upstream, self.client
        self.over = False
        self._dialling: asyncio.Task[None] | None = None

    async def take(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self.client, accepted)

    def settle(self) -> None:
        """Do all that is allowed now, and hold back the rest."""
        if self.over:
            return
        stalled = self.link.stalled
        if self._dialling is None and Direction.REQUESTS not in stalled:
            self._dialling = self.link._run(self._dial())
        ends = (self.client, self.upstream)
        for end in ends:
            end.line.hold(end.direction in stalled)
        if any(end.broken for end in ends):
            self.reset()
        if self.over:
            return
        for end in ends:
            end.regulate()
        if all(end.finished for end in ends):
            for end in ends:
                end.close()
        if all(end.gone for end in ends):
            self._end()

    def reset(self) -> None:
        """End the connection with a RST to both sides."""
        self._end()
        if self._dialling is not None:
            self._dialling.cancel()
        self.client.reset()
        self.upstream.reset()

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.upstream, *self.link.upstream)
        except OSError:
            self.upstream.fail()

    def _end(self) -> None:
        self.over = True
        self.link._relays.discard(self)


class _End(asyncio.Protocol):
    """One socket of a connection. What it reads, in its direction, goes out at its peer."""

    peer: _End

    def __init__(self, relay: _Relay, direction: Direction) -> None:
        self.relay = relay
        self.direction = direction
        self.transport: asyncio.Transport | None = None
        self.line = DelayLine()
        self.on_its_way = 0  # bytes in the line
        self.full = False  # too much waits to be written to it
        self.ended = False  # it sent a FIN
        self.finished = False  # we passed its FIN on
        self.broken = False  # it was reset, or never reached, and the peer is to know
        self.gone = False  # its socket is closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Right after this call asyncio begins to read; in Python 3.11.2 also where it was told
        # here to pause. So we begin right after that, before anything can have been read.
        assert isinstance(transport, asyncio.Transport)
        asyncio.get_running_loop().call_soon(self._begin, transport)

    def _begin(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        if self.relay.over:
            self.reset()
        else:
            self.relay.settle()

    def data_received(self, data: bytes) -> None:
        self.relay.link._moved[self.direction] += len(data)
        self.on_its_way += len(data)
        self._send(partial(self._pass_on, data))
        if self.on_its_way >= _WINDOW:
            self.regulate()

    def eof_received(self) -> bool:
        self.ended = True
        self._send(self._pass_on_end)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if exc is None:
            self.relay.settle()
        else:
            self.fail()

    def fail(self) -> None:
        """Let the peer know, once all before it has arrived, that the connection is broken."""
        self._send(self._break)

    def _send(self, arrive: Callable[[], None]) -> None:
        self.line.put(arrive, self.relay.link._delay(self.direction))

    def _pass_on(self, data: bytes) -> None:
        was_full = self.on_its_way >= _WINDOW
        self.on_its_way -= len(data)
        peer = self.peer.transport
        if peer is not None and not peer.is_closing():
            peer.write(data)
        if was_full:
            self.regulate()

    def _pass_on_end(self) -> None:
        self.finished = True
        if self.peer.transport is not None:
            with contextlib.suppress(OSError):  # reset already, which its own read will tell
                self.peer.transport.write_eof()
        self.relay.settle()

    def _break(self) -> None:
        self.broken = True
        self.relay.settle()

    def pause_writing(self) -> None:
        self.full = True
        self.peer.regulate()

    def resume_writing(self) -> None:
        self.full = False
        self.peer.regulate()

    def regulate(self) -> None:
        """Read if what is read may go on, else leave it in the kernel.

        After a FIN there is nothing to read: resuming would only report the FIN again.
        """
        if self.transport is None or self.ended or self.transport.is_closing():
            return
        peer = self.peer.transport
        if (
            peer is not None
            and not peer.is_closing()
            and not self.peer.full
            and self.on_its_way < _WINDOW
            and self.direction not in self.relay.link.stalled
        ):
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def close(self) -> None:
        """Close it once all is written."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close it with a RST, dropping what is not written yet."""
        self.line.clear()
        if self.transport is None or self.gone:
            return
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()
