"""A worker's way to a server: connections over a link that can be cut, slowed and made lossy.

As TCP: what is sent over a connection arrives whole and in order, sooner or later. What a cut or a
loss keeps from arriving is sent again, and arrives when nothing is in its way any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Any

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop

RETRANSMISSION = 0.2
"""Seconds until a lost segment is sent again, the first time; doubled each time (RFC 6298)."""


class Way(StrEnum):
    """A direction on a link: towards the server, or back."""

    REQUESTS = "requests"
    REPLIES = "replies"


class Connection:
    """A client's connection: two streams of messages, each first in, first out.

    `loop` is the client's: what arrives there waits while it is paused, and is lost when it is
    dead. `peer` is for the server to keep what it knows of the connection. `on_reset` is called
    in the client's world when the server has closed the connection, `on_close` in the server's
    when the client has.
    """

    def __init__(self, link: Link, loop: SimulatedLoop, by_thread: bool = False) -> None:
        self.link = link
        self.loop = loop
        self._deliver = loop.deliver_by_thread if by_thread else loop.deliver
        self.peer: Any = None
        self.on_reset: Callable[[], None] | None = None
        self.on_close: Callable[[], None] | None = None
        # Whether each side has closed it, or knows that the other has.
        self.client_closed = False
        self.server_closed = False
        self._arrives = {Way.REQUESTS: 0.0, Way.REPLIES: 0.0}

    def request(self, delay: float, deliver: Callable[..., object], *args: Any) -> None:
        """Send to the server: `deliver` is called there after `delay`, unless that is closed."""
        if not self.client_closed and not self.loop.dead:
            self._send(Way.REQUESTS, delay, self._at_server, deliver, args)

    def reply(self, delay: float, deliver: Callable[..., object], *args: Any) -> None:
        """Send to the client: `deliver` is called there after `delay`, unless that is closed."""
        if not self.server_closed:
            self._send(Way.REPLIES, delay, self._at_client, deliver, args)

    def close(self, delay: float = 0.0) -> None:
        """The client closes it, or its kernel does when it dies; the server learns in order."""
        if not self.client_closed:
            self.client_closed = True
            self._send(Way.REQUESTS, delay, self._closed_at_server, None, ())

    def reset(self, delay: float = 0.0) -> None:
        """The server closes it; the client learns in order, behind the last answers."""
        if not self.server_closed:
            self.server_closed = True
            self._send(Way.REPLIES, delay, self._at_client, self._closed_at_client, ())

    def broken(self) -> None:
        """It is reset on the way: what is under way is lost, both sides learn it at once."""
        if not self.server_closed:
            self.server_closed = True
            if self.on_close is not None:
                self.on_close()
        self.link.connections.pop(self, None)
        if not self.client_closed:
            self._deliver(self._closed_at_client)

    @property
    def clear(self) -> bool:
        """Whether a request would arrive as fast as ever, and nothing is under way before it."""
        return (
            self.link.clear
            and not self.server_closed
            and self._arrives[Way.REQUESTS] <= self.link.kernel.now
        )

    def _send(
        self,
        way: Way,
        delay: float,
        arrive: Callable[..., None],
        deliver: Callable[..., object] | None,
        args: tuple[Any, ...],
    ) -> None:
        link = self.link
        at = link.kernel.now + delay
        if link.disturbed:
            at += link.additional(way)
        # Nothing overtakes on a connection.
        before = self._arrives[way]
        if at < before:
            at = before
        self._arrives[way] = at
        link.kernel.plan_at(at, link.arrived, way, arrive, deliver, args)

    def _at_server(self, deliver: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self.server_closed:
            deliver(*args)

    def _at_client(self, deliver: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self.client_closed:
            self._deliver(self._read, deliver, args)

    def _read(self, deliver: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self.client_closed:
            deliver(*args)

    def _closed_at_server(self, _deliver: None, _args: tuple[Any, ...]) -> None:
        self.link.connections.pop(self, None)
        if not self.server_closed:
            self.server_closed = True
            if self.on_close is not None:
                self.on_close()

    def _closed_at_client(self) -> None:
        if not self.client_closed:
            self.client_closed = True
            self.link.connections.pop(self, None)
            if self.on_reset is not None:
                self.on_reset()


class Link:
    """One worker's way to one server."""

    def __init__(self, kernel: Kernel, random: Random) -> None:
        self.kernel = kernel
        # Those of which one side at least does not know that they are closed, in order of opening.
        self.connections: dict[Connection, None] = {}
        self.refusing = False
        # Whether anything may take longer than it says.
        self.disturbed = False
        self._random = random
        self._cut = {Way.REQUESTS: False, Way.REPLIES: False}
        # The additional delay, and by how much it differs from time to time, up or down.
        self._delay = {Way.REQUESTS: 0.0, Way.REPLIES: 0.0}
        self._jitter = {Way.REQUESTS: 0.0, Way.REPLIES: 0.0}
        self._loss = {Way.REQUESTS: 0.0, Way.REPLIES: 0.0}
        self._waiting: dict[Way, deque[tuple[Any, ...]]] = {way: deque() for way in Way}

    def connect(self, loop: SimulatedLoop, *, by_thread: bool = False) -> Connection:
        """A new connection; raises ConnectionRefusedError while it refuses them.

        `by_thread` says that a thread of its own reads it, see `SimulatedLoop.deliver_by_thread`.
        That the server knows of it is for whoever speaks over it to see to.
        """
        if self.refusing:
            raise ConnectionRefusedError("connection refused")
        connection = Connection(self, loop, by_thread)
        self.connections[connection] = None
        return connection

    @property
    def open(self) -> bool:
        """Whether everything passes, both ways."""
        return not any(self._cut.values())

    @property
    def clear(self) -> bool:
        """Whether everything passes, as fast as ever."""
        return self.open and not self.disturbed

    def cut(self, *ways: Way) -> None:
        """Let nothing pass; both ways unless told. What is on its way waits."""
        for way in ways or Way:
            self._cut[way] = True

    def heal(self) -> None:
        """Let everything pass again, at once; what waited arrives now. Undoes `refuse` too."""
        self.refusing = False
        for way in Way:
            self._cut[way] = False
            self._delay[way] = self._jitter[way] = self._loss[way] = 0.0
        self.disturbed = False
        for way in Way:
            # Not in here: what arrives may do anything.
            self.kernel.plan(0.0, self._pass_on, way)

    def slow(self, seconds: float, *ways: Way, jitter: float = 0.0) -> None:
        """Let everything take so much longer, each by up to `jitter` more or less, in seconds.

        Both ways unless told. Nothing is faster for it than without.
        """
        for way in ways or Way:
            self._delay[way] = seconds
            self._jitter[way] = jitter
        self.disturbed = True

    def lose(self, share: float, *ways: Way) -> None:
        """Lose this share of what is sent, which is then sent again; both ways unless told."""
        for way in ways or Way:
            self._loss[way] = share
        self.disturbed = True

    def hang_up(self) -> None:
        """Close every connection, as the kernel of a process that died does."""
        for connection in list(self.connections):
            connection.close()

    def reset(self) -> None:
        """Break every connection: both sides learn it at once, whatever is cut."""
        for connection in list(self.connections):
            connection.broken()

    def refuse(self) -> None:
        """Refuse new connections until `heal`."""
        self.refusing = True

    def additional(self, way: Way) -> float:
        """The additional seconds that something sent now takes."""
        seconds = self._delay[way]
        if jitter := self._jitter[way]:
            seconds = max(0.0, seconds + self._random.uniform(-jitter, jitter))
        if loss := self._loss[way]:
            again = RETRANSMISSION
            while self._random.random() < loss and again < 120.0:
                seconds += again
                again *= 2
        return seconds

    def arrived(
        self,
        way: Way,
        arrive: Callable[..., None],
        deliver: Callable[..., object] | None,
        args: tuple[Any, ...],
    ) -> None:
        """Something got to where the link may be cut."""
        if self._cut[way] or self._waiting[way]:
            # It does not overtake what waits, where the link was healed at this moment.
            self._waiting[way].append((arrive, deliver, args))
        else:
            arrive(deliver, args)

    def _pass_on(self, way: Way) -> None:
        waiting = self._waiting[way]
        while waiting and not self._cut[way]:
            arrive, deliver, args = waiting.popleft()
            arrive(deliver, args)
