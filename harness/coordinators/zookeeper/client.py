"""The ZooKeeper port over kazoo, whose threads are bridged to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any
from weakref import WeakSet

from kazoo.exceptions import (
    ConnectionLoss,
    KazooException,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    RequestTimeoutError,
)

from harness.coordinators.calls import CallLog, reported
from harness.coordinators.errors import Indeterminate, Unavailable, in_one_line
from harness.coordinators.giving_up import gives_up
from harness.coordinators.zookeeper.port import Node, NodeExists, SessionState
from harness.coordinators.zookeeper.session import Session

UNANSWERED = (ConnectionLoss, OperationTimeoutError, RequestTimeoutError)
"""Errors after which the request may have been carried out; all others are the server's no."""

States = asyncio.Queue[SessionState | None]


async def connect(
    url: str, namespace: str, request_timeout: float, calls: CallLog, *, session_timeout: float
) -> ZooKeeperClient:
    """A client with an open session, within `request_timeout` seconds.

    `url` is a list of `host:port`, separated by commas; paths are stored below `/{namespace}`.
    `session_timeout`, in seconds, is what the client asks for; the server has the last word.
    Raises Unavailable.
    """
    client = ZooKeeperClient(url, namespace, request_timeout, calls, session_timeout)
    try:
        async with asyncio.timeout(request_timeout):
            await client.connected()
    except BaseException as error:
        await client.close()
        if isinstance(error, TimeoutError):
            raise Unavailable(f"no session within {request_timeout:g} s") from error
        raise
    return client


class ZooKeeperClient:
    """One worker's session with ZooKeeper.

    As kazoo does, it reconnects by itself for as long as it takes, and opens a new session when it
    learns that the last one has ended. A request that may have been done is never sent again.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        request_timeout: float,
        calls: CallLog,
        session_timeout: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._request_timeout = request_timeout
        self._calls = calls
        self._closed = False
        self._state = SessionState.LOST
        self._handle = ""
        self._listeners: WeakSet[States] = WeakSet()  # Each lives as long as who listens.
        self._watches: set[asyncio.Event] = set()
        self._session = Session(
            f"{url}/{namespace}",
            session_timeout,
            attempt_timeout=request_timeout,
            changed=lambda state, handle: self._post(self._changed, state, handle),
        )
        self._kazoo = self._session.kazoo
        self._session.start()

    @property
    def state(self) -> SessionState:
        """What the client knows of its session now."""
        return self._state

    @property
    def session(self) -> str:
        """The session as "id:password" in hexadecimal; the last one while there is none."""
        return self._handle

    @property
    def negotiated_timeout(self) -> float:
        """The session timeout that the server granted, in seconds."""
        return self._session.negotiated_timeout

    def states(self) -> AsyncIterator[SessionState]:
        """Every change of state from now on, none skipped; ends when the client is closed."""
        changes = States()
        self._listeners.add(changes)
        return _listen(changes)

    async def connected(self) -> None:
        """Wait until there is a session."""
        states = self.states()
        while self._state is not SessionState.CONNECTED:
            await anext(states)

    async def create(
        self, path: str, value: str = "", *, ephemeral: bool = False, sequential: bool = False
    ) -> Node:
        """Create a node and what is missing above it; the path returned has its sequence number.

        An ephemeral node goes with the session. Raises NodeExists.
        """

        def request() -> Any:
            # With `makepath`, kazoo would send more by itself, however late the answer comes.
            return self._kazoo.create_async(
                path,
                value.encode(),
                ephemeral=ephemeral,
                sequence=sequential,
                include_data=True,
            )

        deadline = self._deadline()
        with reported(self._calls, "create"):
            try:
                created, stat = await self._send_creation(path, request, deadline)
            except NodeExistsError as error:
                raise NodeExists(path) from error
            except NoNodeError as error:
                raise Unavailable(f"no node to create {path} below") from error
        return Node(created, value, stat.version, stat.czxid)

    @gives_up
    async def delete(self, path: str) -> bool:
        """Delete a node, whatever its version. False where there was none."""
        try:
            await self._ask("delete", lambda: self._kazoo.delete_async(path))
        except NoNodeError:
            return False
        return True

    async def get(self, path: str) -> Node | None:
        """Read a node; None where there is none."""
        try:
            value, stat = await self._ask("get", lambda: self._kazoo.get_async(path))
        except NoNodeError:
            return None
        return Node(path, value.decode(), stat.version, stat.czxid)

    async def set(self, path: str, value: str) -> bool:
        """Write a node's value. False where there is no such node."""
        try:
            await self._ask("set", lambda: self._kazoo.set_async(path, value.encode()))
        except NoNodeError:
            return False
        return True

    async def children(self, path: str) -> list[str]:
        """The names of the nodes right below, sorted; empty where there is no such node."""
        try:
            names = await self._ask("children", lambda: self._kazoo.get_children_async(path))
        except NoNodeError:
            return []
        return sorted(names)

    async def watch(self, path: str) -> asyncio.Event | None:
        """An event that is set at the node's next change, or when the connection is lost.

        One-shot, as ZooKeeper's watches are. None where there is no such node.
        """
        # A read leaves no watch behind on a node that is not there; `exists` would.
        seen = await self._watch("watch", partial(self._kazoo.get_async, path))
        return None if seen is None else seen[1]

    async def watch_children(self, path: str) -> tuple[list[str], asyncio.Event] | None:
        """As `children`, and an event that is set when one comes or goes, or as with `watch`."""
        seen = await self._watch("watch_children", partial(self._kazoo.get_children_async, path))
        return None if seen is None else (sorted(seen[0]), seen[1])

    async def close(self) -> None:
        """End the session, and with it its ephemeral nodes; where cut off, leave it to expire.

        Returns within about `request_timeout`.
        """
        if self._closed:
            return
        self._closed = True
        stopped = asyncio.Event()
        if not self._kazoo.connected:
            self._session.cut()
        # A thread of its own: the loop's executor would wait for it at the end.
        Thread(target=self._stop, args=(stopped,), daemon=True).start()
        try:
            async with asyncio.timeout(self._request_timeout):
                await stopped.wait()
        except TimeoutError:
            self._session.cut()
        finally:
            self._changed(SessionState.LOST, self._handle)
            for changes in self._listeners:
                changes.put_nowait(None)

    async def _send_creation(self, path: str, request: Callable[[], Any], deadline: float) -> Any:
        """Send it; where told that a node above is missing, create those, and send it again."""
        with suppress(NoNodeError):
            return await self._send(request, deadline)
        above = ""
        for name in path.split("/")[1:-1]:
            above += f"/{name}"
            with suppress(NodeExistsError):
                await self._send(partial(self._kazoo.create_async, above), deadline)
        return await self._send(request, deadline)

    def _deadline(self) -> float:
        return self._loop.time() + self._request_timeout

    async def _ask(self, operation: str, request: Callable[[], Any]) -> Any:
        """An operation of one request; NoNodeError and NodeExistsError are answers."""
        with reported(self._calls, operation):
            return await self._send(request, self._deadline())

    async def _watch(
        self, operation: str, read: Callable[..., Any]
    ) -> tuple[Any, asyncio.Event] | None:
        """What is read, and an event for its next change; None where there is no such node."""
        event = asyncio.Event()
        self._watches.add(event)

        def request() -> Any:
            return read(watch=lambda _: self._post(self._fire, event))

        try:
            return await self._ask(operation, request), event
        except NoNodeError:
            self._watches.discard(event)
            return None
        except BaseException:
            self._watches.discard(event)
            raise

    async def _send(self, request: Callable[[], Any], deadline: float) -> Any:
        """Send one request and wait for its answer; once the deadline has passed, send nothing."""
        # kazoo would keep the request, and send it once it is connected again.
        if self._state is not SessionState.CONNECTED or not self._kazoo.connected:
            raise Unavailable(f"the session is {self._state}")
        if self._loop.time() >= deadline:
            raise Unavailable(f"not all done within {self._request_timeout:g} s")
        answer: asyncio.Future[Any] = self._loop.create_future()
        request().rawlink(lambda result: self._post(_settle, answer, result))
        try:
            async with asyncio.timeout_at(deadline):
                return await answer
        except TimeoutError as error:
            raise Indeterminate(f"no answer within {self._request_timeout:g} s") from error
        except (NoNodeError, NodeExistsError):
            raise
        except UNANSWERED as error:
            raise Indeterminate(in_one_line(error)) from error
        except KazooException as error:
            raise Unavailable(in_one_line(error)) from error

    def _changed(self, state: SessionState, handle: str) -> None:
        if state is self._state:
            return
        self._state, self._handle = state, handle
        for changes in self._listeners:
            changes.put_nowait(state)
        if state is not SessionState.CONNECTED:
            # kazoo drops its watches with the connection, and does not set them again.
            for event in self._watches:
                event.set()
            self._watches.clear()

    def _fire(self, event: asyncio.Event) -> None:
        event.set()
        self._watches.discard(event)

    def _stop(self, stopped: asyncio.Event) -> None:
        try:
            self._session.stop()
        finally:
            self._post(stopped.set)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the event loop, from one of kazoo's threads."""
        with suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
            self._loop.call_soon_threadsafe(function, *args)


async def _listen(changes: States) -> AsyncIterator[SessionState]:
    while (state := await changes.get()) is not None:
        yield state


def _settle(answer: asyncio.Future[Any], result: Any) -> None:
    """Hand over what kazoo got, unless nobody waits for it any more."""
    if answer.done():
        return
    if result.successful():
        answer.set_result(result.value)
    else:
        answer.set_exception(result.exception)
