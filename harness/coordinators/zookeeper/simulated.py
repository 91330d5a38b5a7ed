"""A simulated ZooKeeper behind the same port: its client, which does as kazoo does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from random import Random
from typing import Any
from weakref import WeakValueDictionary

from harness.coordinators.calls import CallLog
from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.timing import Timing
from harness.coordinators.zookeeper.port import Node, NodeExists, SessionState
from harness.coordinators.zookeeper.simulated_server import SimulatedZooKeeper
from harness.coordinators.zookeeper.simulated_session import SimulatedSession
from harness.coordinators.zookeeper.simulated_tree import Refusal
from harness.simulation.call import Broken, Call, Expired
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link

__all__ = ["SimulatedZooKeeper", "SimulatedZooKeeperClient", "connect"]

States = asyncio.Queue[SessionState | None]

Watching = dict[str, list[asyncio.Event]]

CONNECTED = SessionState.CONNECTED


async def connect(
    server: SimulatedZooKeeper,
    link: Link,
    random: Random,
    request_timeout: float,
    calls: CallLog,
    *,
    session_timeout: float,
) -> SimulatedZooKeeperClient:
    """A client with an open session, within `request_timeout` seconds. Raises Unavailable.

    Called in the loop of the worker, over whose link it goes. `session_timeout`, in seconds, is
    what the client asks for; the server has the last word.
    """
    client = SimulatedZooKeeperClient(server, link, random, request_timeout, calls, session_timeout)
    try:
        async with asyncio.timeout(request_timeout):
            await client.connected()
    except BaseException as error:
        await client.close()
        if isinstance(error, TimeoutError):
            raise Unavailable(f"no session within {request_timeout:g} s") from error
        raise
    return client


class SimulatedZooKeeperClient:
    """One worker's session with a simulated ZooKeeper; from outside, as the client over kazoo."""

    def __init__(
        self,
        server: SimulatedZooKeeper,
        link: Link,
        random: Random,
        request_timeout: float,
        calls: CallLog,
        session_timeout: float,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self._loop = loop
        self._server = server
        self._timing: Timing = server.timing
        self._random = random
        self._request_timeout = request_timeout
        self._calls = calls
        self._closed = False
        self._listeners: WeakValueDictionary[int, States] = WeakValueDictionary()
        self._listened = 0
        # Each watch that was asked for; those that the server has, by path.
        self._watches: dict[asyncio.Event, None] = {}
        self._watching: Watching = {}
        self._watching_children: Watching = {}
        # Requests without an answer, in the order in which answers come.
        self._pending: deque[Call[Any]] = deque()
        self._session = SimulatedSession(
            loop,
            server,
            link,
            random,
            session_timeout,
            attempt_timeout=request_timeout,
            changed=self._changed,
        )

    @property
    def state(self) -> SessionState:
        """What the client knows of its session now."""
        return self._session.state

    @property
    def session(self) -> str:
        """The session as "id:password" in hexadecimal; the last one while there is none."""
        return self._session.handle

    @property
    def negotiated_timeout(self) -> float:
        """The session timeout that the server granted, in seconds."""
        return self._session.negotiated_timeout

    def states(self) -> AsyncIterator[SessionState]:
        """Every change of state from now on, none skipped; ends when the client is closed."""
        changes = States()
        self._listened += 1
        self._listeners[self._listened] = changes
        return _listen(changes)

    async def connected(self) -> None:
        """Wait until there is a session."""
        states = self.states()
        while self._session.state is not CONNECTED:
            await anext(states)

    async def create(
        self, path: str, value: str = "", *, ephemeral: bool = False, sequential: bool = False
    ) -> Node:
        """Create a node and what is missing above it; the path returned has its sequence number.

        An ephemeral node goes with the session. Raises NodeExists.
        """
        self._calls.called("create")
        try:
            answer = await self._create(path, value, ephemeral, sequential)
            if answer is Refusal.NO_NODE:
                raise Unavailable(f"no node to create {path} below")
        except (Unavailable, Indeterminate) as error:
            self._calls.failed("create", str(error))
            raise
        if answer is Refusal.NODE_EXISTS:
            raise NodeExists(path)
        node: Node = answer
        return node

    @gives_up
    async def delete(self, path: str) -> bool:
        """Delete a node, whatever its version. False where there was none."""
        return await self._ask("delete", self._server.delete, path) is None

    async def get(self, path: str) -> Node | None:
        """Read a node; None where there is none."""
        answer = await self._ask("get", self._server.get, path)
        return None if answer is Refusal.NO_NODE else answer

    async def set(self, path: str, value: str) -> bool:
        """Write a node's value. False where there is no such node."""
        return await self._ask("set", self._server.set, path, value) is None

    async def children(self, path: str) -> list[str]:
        """The names of the nodes right below, sorted; empty where there is no such node."""
        answer = await self._ask("children", self._server.children, path)
        return [] if answer is Refusal.NO_NODE else answer

    async def watch(self, path: str) -> asyncio.Event | None:
        """An event that is set at the node's next change, or when the connection is lost.

        One-shot, as ZooKeeper's watches are. None where there is no such node.
        """
        seen = await self._watch("watch", self._server.watch, path, self._watching)
        return None if seen is None else seen[1]

    async def watch_children(self, path: str) -> tuple[list[str], asyncio.Event] | None:
        """As `children`, and an event that is set when one comes or goes, or as with `watch`."""
        watching = self._watching_children
        return await self._watch("watch_children", self._server.watch_children, path, watching)

    async def close(self) -> None:
        """End the session, and with it its ephemeral nodes; where cut off, leave it to expire.

        Returns within `request_timeout`.
        """
        if self._closed:
            return
        self._closed = True
        try:
            # What nobody measured, and a write as deleting is.
            await self._send("delete", self._request_timeout, self._server.close_session)
        except CoordinatorError:
            pass
        finally:
            self._session.stop()
            for changes in list(self._listeners.values()):
                changes.put_nowait(None)

    # Requests.

    async def _create(self, path: str, value: str, ephemeral: bool, sequential: bool) -> Any:
        """Create it; where told that a node above is missing, create those, and it again."""
        deadline = self._loop.time() + self._request_timeout
        create = self._server.create
        wanted = (path, value, ephemeral, sequential)
        answer = await self._send("create", self._request_timeout, create, *wanted)
        if answer is not Refusal.NO_NODE:
            return answer
        above = ""
        for name in path.split("/")[1:-1]:
            above += f"/{name}"
            await self._send("create", self._left(deadline), create, above, "", False, False)
        return await self._send("create", self._left(deadline), create, *wanted)

    def _left(self, deadline: float) -> float:
        left = deadline - self._loop.time()
        if left <= 0:
            raise Unavailable(f"not all done within {self._request_timeout:g} s")
        return left

    async def _ask(
        self,
        operation: str,
        work: Callable[..., object],
        *args: Any,
        answered: Callable[[Any], None] | None = None,
    ) -> Any:
        """An operation of one request; that there is no such node is an answer."""
        self._calls.called(operation)
        try:
            return await self._send(
                operation, self._request_timeout, work, *args, answered=answered
            )
        except (Unavailable, Indeterminate) as error:
            self._calls.failed(operation, str(error))
            raise

    async def _watch(
        self, operation: str, work: Callable[..., object], path: str, watching: Watching
    ) -> tuple[Any, asyncio.Event] | None:
        """What is read, and an event for its next change; None where there is no such node."""
        event = asyncio.Event()
        self._watches[event] = None
        answer: Any = Refusal.NO_NODE

        def read(found: Any) -> None:
            if found is not Refusal.NO_NODE:
                watching.setdefault(path, []).append(event)
            self._answered(found)

        fired = partial(self._fired, watching)
        try:
            answer = await self._ask(operation, work, path, fired, answered=read)
        finally:
            if answer is Refusal.NO_NODE:
                self._watches.pop(event, None)
        return None if answer is Refusal.NO_NODE else (answer, event)

    async def _send(
        self,
        operation: str,
        patience: float,
        work: Callable[..., object],
        *args: Any,
        answered: Callable[[Any], None] | None = None,
    ) -> Any:
        """Send one request and wait for its answer."""
        connection, granted = self._session.connection, self._session.granted
        if self._session.state is not CONNECTED or connection is None or granted is None:
            raise Unavailable(f"the session is {self._session.state}")
        legs = self._timing.draw(operation, self._random)
        call: Call[Any] = Call(self._loop, patience)
        self._pending.append(call)
        self._session.sent()
        connection.request(
            legs.there,
            self._server.request,
            connection,
            granted,
            legs,
            answered or self._answered,
            work,
            *args,
        )
        try:
            answer = await call.wait()
        except Expired:
            raise Indeterminate(f"no answer within {self._request_timeout:g} s") from None
        except Broken:
            raise Indeterminate("ConnectionLoss") from None
        if answer is Refusal.NOT_EMPTY or answer is Refusal.BELOW_EPHEMERAL:
            raise Unavailable(answer.value)
        return answer

    def _answered(self, answer: Any) -> None:
        self._pending.popleft().answer(answer)

    def _fired(self, watching: Watching, path: str) -> None:
        if not self._closed:
            for event in watching.pop(path, ()):
                event.set()
                self._watches.pop(event, None)

    def _changed(self, state: SessionState) -> None:
        if state is not CONNECTED:
            self._watching.clear()
            self._watching_children.clear()
            pending, self._pending = self._pending, deque()
            for call in pending:
                call.fail(Broken())
        for changes in list(self._listeners.values()):
            changes.put_nowait(state)
        if state is not CONNECTED:
            # kazoo drops its watches with the connection, and does not set them again.
            for event in self._watches:
                event.set()
            self._watches.clear()


async def _listen(changes: States) -> AsyncIterator[SessionState]:
    while (state := await changes.get()) is not None:
        yield state
