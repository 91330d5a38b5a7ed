"""A simulated ZooKeeper server: sessions that expire, watches, one request at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.coordinators.timing import Legs, Timing
from harness.coordinators.zookeeper.simulated_tree import Owned, Refusal, Tree
from harness.simulation.kernel import Kernel
from harness.simulation.network import Connection
from harness.simulation.server import SimulatedServer

SHORTEST, LONGEST = 2, 100
"""Bounds of a session timeout in ticks, as our real server is configured."""

Answered = Callable[[Any], None]
Fired = Callable[[str], None]
Watches = dict[str, dict[Connection, Fired]]
"""Who is to be told of the next change, by path."""


@dataclass(slots=True, eq=False)
class Session:
    """What the server keeps of a client, whether it is connected or not.

    `timeout` in milliseconds, as granted. `heard` is when something last came from the client,
    `seen` the last transaction that an answer told it of.
    """

    handle: str
    timeout: int
    heard: float
    seen: int = 0
    connection: Connection | None = None
    closing: bool = False
    owned: Owned = field(default_factory=dict)


class SimulatedZooKeeper(SimulatedServer):
    """One server with its tree. `tick` in seconds: sessions expire at multiples of it.

    A session that was last heard at t expires at (floor((t + timeout) / tick) + 1) * tick, in
    whole milliseconds (ZooKeeper's ExpiryQueue and SessionTrackerImpl). As there, that clock is
    monotonic: `offset` does not move it. Requests are carried out one after the other, whatever
    the timing's executors.

    Restarted with its data, it has the sessions as well, and all their timers start anew. So has
    the next leader of an ensemble: what was acknowledged is on a majority of its servers. Hence
    there are no snapshots. Without its data, it refuses whoever has seen a later transaction than
    it has itself, as a ZooKeeper that has fallen behind does (ZooKeeperServer's
    processConnectRequest, "client must try another server").
    """

    def __init__(self, kernel: Kernel, timing: Timing, tick: float = 0.2) -> None:
        super().__init__(kernel)
        self.timing = timing
        # What nobody measured, heartbeats and watch events, take as long as a usual read.
        usual = timing.round_trips["get"].quantiles
        self.way = usual[len(usual) // 2] / 2
        self.tree = Tree(self._changed, self._children_changed)
        self._tick = round(tick * 1000)
        self._numbered = 1 << 56
        self._sessions: dict[str, Session] = {}
        # By the millisecond they come due. Heard again since, a session moves on only then.
        self._buckets: dict[int, list[Session]] = {}
        self._watches: Watches = {}
        self._child_watches: Watches = {}
        # What came due, and what came in, while the server was paused.
        self._overdue: list[int] = []
        self._inbox: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    @property
    def idle(self) -> bool:
        """Whether a heartbeat would be answered at once."""
        return self.up and not self.paused and not self._queue

    def forget(self, handle: str) -> bool:
        """End the session of this handle, as somebody else can who knows it.

        False where there is none, or nobody there to be asked.
        """
        session = self._sessions.get(handle)
        if session is None or session.closing or not self.up or self.paused:
            return False
        self._finish(session)
        return True

    def greet(
        self,
        connection: Connection,
        handle: str,
        seen: int,
        timeout: int,
        legs: Legs,
        answered: Answered,
    ) -> None:
        """A client asks for the session of this handle, or for a new one where it is empty.

        `seen` is the last transaction that it knows of, `timeout` in milliseconds. The answer is
        the session; None where it has ended.
        """
        if self.accept(connection):
            self._take(self._greet, connection, handle, seen, timeout, legs, answered)

    def request(
        self,
        connection: Connection,
        session: Session,
        legs: Legs,
        answered: Answered,
        work: Callable[..., object],
        *args: Any,
    ) -> None:
        """A request of a session arrives; the answer is what `work` returns."""
        self._take(self._request, connection, session, legs, answered, work, args)

    def ping(self, connection: Connection, session: Session, answered: Answered) -> None:
        """A heartbeat arrives."""
        self._take(self._ping, connection, session, answered)

    def touch(self, session: Session, at: float) -> None:
        """Something of a session arrives at this moment, at most one way from now."""
        if at > session.heard:
            session.heard = at

    # Requests: each is called with the connection that it came over, and its session.

    def create(
        self,
        connection: Connection,
        session: Session,
        path: str,
        value: str,
        ephemeral: bool,
        sequential: bool,
    ) -> object:
        """Create a node; NO_NODE where there is none to create it below."""
        return self.tree.create(path, value, session.owned if ephemeral else None, sequential)

    def delete(self, connection: Connection, session: Session, path: str) -> object:
        """Delete a node."""
        return self.tree.delete(path)

    def get(self, connection: Connection, session: Session, path: str) -> object:
        """Read a node."""
        return self.tree.get(path)

    def set(self, connection: Connection, session: Session, path: str, value: str) -> object:
        """Write a node's value."""
        return self.tree.set(path, value)

    def children(self, connection: Connection, session: Session, path: str) -> object:
        """The names of the nodes right below."""
        return self.tree.children(path)

    def watch(self, connection: Connection, session: Session, path: str, fired: Fired) -> object:
        """Read a node, and tell the client of its next change."""
        answer = self.tree.get(path)
        if answer is not Refusal.NO_NODE and not connection.server_closed:
            self._watches.setdefault(path, {})[connection] = fired
        return answer

    def watch_children(
        self, connection: Connection, session: Session, path: str, fired: Fired
    ) -> object:
        """The names of the nodes right below, and tell the client when that changes."""
        answer = self.tree.children(path)
        if answer is not Refusal.NO_NODE and not connection.server_closed:
            self._child_watches.setdefault(path, {})[connection] = fired
        return answer

    def close_session(self, connection: Connection, session: Session) -> None:
        """End the session; its client closes the connection once it has the answer."""
        session.connection = None
        self._finish(session)

    def resume(self) -> None:
        """Go on: time has passed for the sessions, then what came in meanwhile is read."""
        if not self.paused:
            return
        super().resume()
        overdue, self._overdue = self._overdue, []
        for due in overdue:
            self._expire(due)
        inbox, self._inbox = self._inbox, []
        for handler, args in inbox:
            handler(*args)

    def crashed(self) -> None:
        """Its watches and all that was in memory alone are gone."""
        self._buckets.clear()
        self._overdue.clear()
        self._inbox.clear()
        self._watches.clear()
        self._child_watches.clear()

    def wipe(self) -> None:
        """Forget the nodes and the sessions."""
        self.tree = Tree(self._changed, self._children_changed)
        self._sessions.clear()

    def restarted(self) -> None:
        """The time of every session begins anew."""
        for session in self._sessions.values():
            session.closing = False
            session.connection = None
            session.heard = self.kernel.now
            self._await_end(session)

    def _take(self, handler: Callable[..., None], *args: Any) -> None:
        if self.paused:
            self._inbox.append((handler, args))
        else:
            handler(*args)

    def _greet(
        self,
        connection: Connection,
        handle: str,
        seen: int,
        timeout: int,
        legs: Legs,
        answered: Answered,
    ) -> None:
        if seen > self.tree.zxid:
            self.disconnect(connection, legs.back)
        else:
            self.submit(legs.service, self._open, connection, handle, timeout, legs.back, answered)

    def _open(
        self, connection: Connection, handle: str, timeout: int, back: float, answered: Answered
    ) -> None:
        session = self._sessions.get(handle) if handle else self._begin_session(timeout)
        if session is None or session.closing:
            connection.reply(back, answered, None)
            self.disconnect(connection)
            return
        if session.connection is not None:
            self.disconnect(session.connection)
        session.connection = connection
        self.touch(session, self.kernel.now)
        connection.reply(back, answered, session)

    def _begin_session(self, timeout: int) -> Session:
        self._numbered += 1
        self.tree.begin_session()
        granted = max(SHORTEST * self._tick, min(timeout, LONGEST * self._tick))
        handle = f"{self._numbered:016x}:{self._numbered:032x}"
        session = Session(handle, granted, self.kernel.now)
        self._sessions[handle] = session
        self._await_end(session)
        return session

    def _request(
        self,
        connection: Connection,
        session: Session,
        legs: Legs,
        answered: Answered,
        work: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        if session.closing:
            return
        self.touch(session, self.kernel.now)
        self.submit(
            legs.service, self._carry_out, connection, session, legs.back, answered, work, args
        )

    def _carry_out(
        self,
        connection: Connection,
        session: Session,
        back: float,
        answered: Answered,
        work: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        if session.handle in self._sessions:
            connection.reply(back, answered, work(connection, session, *args))
            session.seen = self.tree.zxid

    def _ping(self, connection: Connection, session: Session, answered: Answered) -> None:
        if not session.closing:
            self.touch(session, self.kernel.now)
            self.submit(0.0, connection.reply, self.way, answered, None)

    def _due(self, session: Session) -> int:
        return ((_milliseconds(session.heard) + session.timeout) // self._tick + 1) * self._tick

    def _await_end(self, session: Session) -> None:
        due = self._due(session)
        bucket = self._buckets.get(due)
        if bucket is None:
            self._buckets[due] = [session]
            self.kernel.plan_at(due / 1000, self._expire, due)
        else:
            bucket.append(session)

    def _expire(self, due: int) -> None:
        if self.paused:
            self._overdue.append(due)
            return
        now = _milliseconds(self.kernel.now)
        for session in self._buckets.pop(due, ()):
            if session.closing:
                continue
            if self._due(session) > now:
                self._await_end(session)
            else:
                # Behind what it asked before, as any other transaction.
                session.closing = True
                self.submit(0.0, self._finish, session)

    def _finish(self, session: Session) -> None:
        session.closing = True
        if self._sessions.pop(session.handle, None) is None:
            return
        self.tree.end_session(session.owned)
        if session.connection is not None:
            self.disconnect(session.connection, self.way)

    def _changed(self, path: str) -> None:
        self._fire(self._watches, path)

    def _children_changed(self, path: str) -> None:
        self._fire(self._child_watches, path)

    def _fire(self, watches: Watches, path: str) -> None:
        watching = watches.pop(path, None)
        if watching is not None:
            for connection, fired in watching.items():
                connection.reply(self.way, fired, path)


def _milliseconds(seconds: float) -> int:
    # A sum of floats may lie a hair below the millisecond that it means.
    return int(seconds * 1000 + 1e-6)
