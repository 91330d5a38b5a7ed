"""A server: requests queue for its executors, each keeps one busy for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from harness.simulation.kernel import Happening, Kernel
from harness.simulation.network import Connection


class SimulatedServer:
    """What servers share: a queue before `executors` executors, crash and restart, pause, a clock.

    `offset` is by how much its clock is ahead, in seconds. Subclasses do the work, in one step at
    the end of its service time. What they keep is of two kinds, and each attribute is of one:

    - what dies with a process: connections, sessions, subscriptions, whoever waits. It goes in
      `crashed`.
    - data, which a restart may find again: it goes in `wipe`, and is in `snapshot` and `restore`.
    """

    def __init__(self, kernel: Kernel, executors: int = 1) -> None:
        self.kernel = kernel
        self.up = True
        self.paused = False
        self.offset = 0.0
        # Accepted and not closed by either side, in the order of their opening.
        self.connections: dict[Connection, None] = {}
        self._free = executors
        self._executors = executors
        self._queue: deque[tuple[float, Callable[..., object], tuple[Any, ...]]] = deque()
        self._busy: dict[Happening, None] = {}
        self._finished: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def clock(self) -> float:
        """What the server's clock shows, in seconds."""
        return self.kernel.now + self.offset

    def accept(self, connection: Connection) -> bool:
        """Take a connection; False where the server is down: then it is reset."""
        if not self.up:
            connection.reset()
            return False
        self.connections[connection] = None
        connection.on_close = lambda: self._on_close(connection)
        return True

    def submit(self, service: float, work: Callable[..., object], *args: Any) -> None:
        """Do the work once an executor was busy with it for `service` seconds."""
        if not self.up:
            return
        if self._free and not self.paused and not self._queue:
            self._begin(service, work, args)
        else:
            self._queue.append((service, work, args))

    def disconnect(self, connection: Connection, delay: float = 0.0) -> None:
        """Close a connection from the server's side; the client learns it `delay` seconds later."""
        self.connections.pop(connection, None)
        connection.reset(delay)

    def crash(self) -> None:
        """Die: all that was under way is gone, and every connection is reset."""
        self.up = False
        self.paused = False
        for happening in self._busy:
            happening.cancel()
        self._busy.clear()
        self._finished.clear()
        self._queue.clear()
        self._free = self._executors
        for connection in list(self.connections):
            self.disconnect(connection)
        self.crashed()

    def restart(self, *, keep_data: bool) -> None:
        """Come back, with the data or without it."""
        if not keep_data:
            self.wipe()
        self.up = True
        self.restarted()

    def pause(self) -> None:
        """Stand still: what is under way ends after `resume`, what comes in waits."""
        self.paused = True

    def resume(self) -> None:
        """Go on."""
        if not self.paused:
            return
        self.paused = False
        # What ends may crash the server, or pause it again.
        while self._finished and not self.paused:
            self._end(*self._finished.popleft())
        self._begin_more()

    def crashed(self) -> None:
        """Called after a crash, for what a subclass cannot keep."""

    def restarted(self) -> None:
        """Called after a restart."""

    def wipe(self) -> None:
        """Forget all data."""

    def snapshot(self) -> Any:
        """All data as a follower has it by now, in a copy of its own: all that `wipe` forgets.

        None, as here, where nothing that was acknowledged is ever lost in a fail-over.
        """
        return None

    def restore(self, data: Any) -> None:
        """Have the data of a snapshot, and no other; for a server that is down."""

    def shift_clock(self, seconds: float) -> bool:
        """Let the clock jump; False, and nothing done, where nothing expires by it."""
        return False

    def closed(self, connection: Connection) -> None:
        """Called when a client has closed its connection."""

    def _on_close(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        self.closed(connection)

    def _begin(self, service: float, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._free -= 1
        happening = self.kernel.plan(service, self._done)
        happening.args = (happening, work, args)
        self._busy[happening] = None

    def _done(
        self, happening: Happening, work: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        del self._busy[happening]
        happening.cancel()  # It refers to itself, and would wait for the garbage collector.
        if self.paused:
            self._finished.append((work, args))
        else:
            self._end(work, args)
            self._begin_more()

    def _end(self, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._free += 1
        work(*args)

    def _begin_more(self) -> None:
        while self._queue and self._free and not self.paused:
            self._begin(*self._queue.popleft())
