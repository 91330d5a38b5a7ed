"""A simulated client's session: it connects, keeps the session alive, and connects again."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from random import Random

from harness.coordinators.zookeeper.port import SessionState
from harness.coordinators.zookeeper.simulated_server import Session, SimulatedZooKeeper
from harness.simulation.kernel import Handle
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection, Link

RECONNECT_DELAY = 0.1
"""Seconds between two attempts to connect, as the real client is set up."""

BEHIND = 0.0008
"""Seconds by which kazoo's thread is behind the event loop where that is first after a pause.

Measured with kazoo 2.11 and Python 3.11 on two cores: from the first timer after SIGCONT until the
loop knows that the connection is gone, 0.3 to 1.4 ms in the 12 of 32 pauses in which it came first.
"""


class SimulatedSession:
    """What kazoo does by itself, with the same delays. `changed` is told of each change of state.

    `sent` is for whoever sends a request to call: it is a heartbeat too. `attempt_timeout` bounds
    each attempt to connect, in seconds. It begins to connect at once.

    Source: kazoo's ConnectionHandler._connect_attempt, with the bounds that session.py sets.
    """

    def __init__(
        self,
        loop: SimulatedLoop,
        server: SimulatedZooKeeper,
        link: Link,
        random: Random,
        session_timeout: float,
        *,
        attempt_timeout: float,
        changed: Callable[[SessionState], None],
    ) -> None:
        self.state = SessionState.LOST
        self.handle = ""
        self.negotiated_timeout = 0.0
        self.connection: Connection | None = None
        self.granted: Session | None = None
        self._loop = loop
        self._server = server
        self._link = link
        self._random = random
        # The last transaction that it knows of, also after its session was lost.
        self._seen = 0
        self._asked = int(session_timeout * 1000)
        self._attempt_timeout = min(session_timeout, attempt_timeout)
        self._changed = changed
        self._context = contextvars.Context()
        # When to send a heartbeat, or to miss the answer to the last one, on the loop's clock; and
        # what that was when the timer was set, which is not later.
        self._due = self._reckoned = 0.0
        self._outstanding = False
        # The next heartbeat while there is a connection, else the end of an attempt or the next.
        self._timer: Handle = loop.call_soon(self._attempt, context=self._context)

    def sent(self) -> None:
        """A request is being sent: kazoo draws anew how long it waits."""
        self._due = self._loop.time() + self._patience()
        if self._due < self._reckoned:
            self._await_due()

    def stop(self) -> None:
        """Break the connection, and connect no more."""
        self._disconnect()
        self._change(SessionState.LOST)

    def _attempt(self) -> None:
        try:
            connection = self._link.connect(self._loop, by_thread=True)
        except ConnectionRefusedError:
            self._set_timer(RECONNECT_DELAY, self._attempt)
            return
        self.connection = connection
        connection.on_reset = self._give_up
        legs = self._server.timing.draw("connect", self._random)
        handle = ""
        if self.granted is not None:
            handle = self.granted.handle
            self._seen = max(self._seen, self.granted.seen)
        asked = (handle, self._seen, self._asked)
        connection.request(legs.there, self._server.greet, connection, *asked, legs, self._opened)
        self._set_timer(self._attempt_timeout, self._give_up)

    def _give_up(self) -> None:
        """An attempt came to nothing."""
        self._disconnect()
        self._set_timer(RECONNECT_DELAY, self._attempt)

    def _opened(self, granted: Session | None) -> None:
        connection, self.granted = self.connection, granted
        if granted is None or connection is None:
            self.negotiated_timeout = 0.0
            self._lose(SessionState.LOST)
            return
        connection.on_reset = partial(self._was_reset, connection)
        self.handle = granted.handle
        self.negotiated_timeout = granted.timeout / 1000
        self._outstanding = False
        self._due = self._loop.time() + self._patience()
        self._await_due()
        self._change(SessionState.CONNECTED)

    def _was_reset(self, connection: Connection) -> None:
        # kazoo's thread tells the event loop of it a little later. But after a pause both want the
        # processor, and either may be first: that thread, or the timers that ran out meanwhile, and
        # what they set going.
        if self._loop.resumed_at != self._server.kernel.now:
            self._loop.call_soon(self._gone, connection, context=self._context)
        elif self._random.random() < 0.5:
            self._gone(connection)
        else:
            # Its heartbeat ran out as well, but is the thread's to send.
            self._timer.cancel()
            self._loop.call_later(BEHIND, self._gone, connection, context=self._context)

    def _gone(self, connection: Connection) -> None:
        if connection is self.connection:
            self._lose(SessionState.SUSPENDED)

    def _lose(self, state: SessionState) -> None:
        self._give_up()
        self._change(state)

    def _disconnect(self) -> None:
        self._timer.cancel()
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _change(self, state: SessionState) -> None:
        if state is not self.state:
            self.state = state
            self._changed(state)

    def _patience(self) -> float:
        """How long to hear and send nothing: half the read timeout, less kazoo's jitter."""
        jitter = (int(self._random.random() * 40) + 1) / 100
        return max(self.negotiated_timeout / 3 - jitter, jitter)

    def _beat(self) -> None:
        server, connection, granted = self._server, self.connection, self.granted
        assert connection is not None
        assert granted is not None
        now = server.kernel.now
        if self._reckoned < self._due and self._loop.time() < self._due:
            self._await_due()
            return
        if self._outstanding:
            self._lose(SessionState.SUSPENDED)
            return
        if server.idle and connection.clear:
            # Nothing is in its way: it arrives, and its answer comes back.
            server.touch(granted, now + server.way)
        else:
            self._outstanding = True
            connection.request(server.way, server.ping, connection, granted, self._ponged)
        self._due = self._loop.time() + self._patience()
        self._await_due()

    def _ponged(self, _: None) -> None:
        self._outstanding = False

    def _await_due(self) -> None:
        self._reckoned = self._due
        self._set_timer(self._due - self._loop.time(), self._beat)

    def _set_timer(self, delay: float, callback: Callable[[], None]) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(delay, callback, context=self._context)
