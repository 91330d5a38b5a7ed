"""A kazoo client that reconnects quickly, and never waits longer than it was told to."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kazoo.client import KazooClient
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.protocol.connection import ConnectionHandler
from kazoo.protocol.serialization import Connect
from kazoo.protocol.states import KazooState
from kazoo.retry import KazooRetry

from harness.coordinators.zookeeper.port import SessionState

LOGGER = logging.getLogger(__name__)
LOGGER.addHandler(logging.NullHandler())  # kazoo complains once per attempt; states() tells it all

RECONNECT_DELAY = 0.1
"""Seconds between two attempts to connect; kazoo's own delays double up to an hour."""

SESSION_MASK = 0xFFFF_FFFF_FFFF_FFFF
"""ZooKeeper's session ids are signed, their hexadecimal form is not."""

STATES = {
    KazooState.CONNECTED: SessionState.CONNECTED,
    KazooState.SUSPENDED: SessionState.SUSPENDED,
    KazooState.LOST: SessionState.LOST,
}

Changed = Callable[[SessionState, str], None]


class Session:
    """kazoo's client with its session as text. `changed` is called in one of kazoo's threads.

    `attempt_timeout` bounds each attempt to connect, in seconds; kazoo itself takes the session
    timeout, which keeps it busy with a dead attempt when the network is back.
    """

    def __init__(
        self, hosts: str, session_timeout: float, *, attempt_timeout: float, changed: Changed
    ) -> None:
        handler = _Handler(attempt_timeout)
        retry = KazooRetry(
            max_tries=-1,
            delay=RECONNECT_DELAY,
            backoff=1,
            max_jitter=0,
            sleep_func=handler.sleep_func,
        )
        self.kazoo: Any = KazooClient(
            hosts,
            timeout=session_timeout,
            handler=handler,
            connection_retry=retry,
            logger=LOGGER,
        )
        self._connection = _Connection(self.kazoo, retry, attempt_timeout)
        self.kazoo._connection = self._connection
        self._changed = changed
        self._handle = ""
        self.kazoo.add_listener(self._on_state)

    @property
    def negotiated_timeout(self) -> float:
        """The session timeout that the server granted, in seconds; 0 before it did."""
        return self._connection.negotiated_timeout

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self.kazoo.start_async()

    def stop(self) -> None:
        """End the session and kazoo's threads; blocks until they have ended."""
        self.kazoo.stop()
        self.kazoo.close()

    def cut(self) -> None:
        """Break the connection, so that a thread that waits on it goes on."""
        connection = self._connection._socket
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _on_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            number, password = self.kazoo.client_id
            self._handle = f"{number & SESSION_MASK:016x}:{password.hex()}"
        self._changed(STATES[state], self._handle)


class _Handler(SequentialThreadingHandler):  # type: ignore[misc]
    """Bounds the TCP handshake: a lost SYN is sent again after a second, then three, then seven."""

    def __init__(self, attempt_timeout: float) -> None:
        super().__init__()
        self._attempt_timeout = attempt_timeout

    def create_connection(self, *args: Any, timeout: float, **options: Any) -> Any:
        bounded = min(timeout, self._attempt_timeout)
        return super().create_connection(*args, timeout=bounded, **options)


class _Connection(ConnectionHandler):  # type: ignore[misc]
    """Bounds the session's handshake, and keeps what the server granted, which kazoo only logs."""

    def __init__(self, client: Any, retry: KazooRetry, attempt_timeout: float) -> None:
        super().__init__(client, retry, logger=client.logger)
        self._attempt_timeout = attempt_timeout
        self.negotiated_timeout = 0.0

    def _invoke(self, timeout: float, request: Any, xid: int | None = None) -> Any:
        answer = super()._invoke(min(timeout, self._attempt_timeout), request, xid)
        if isinstance(request, Connect):
            self.negotiated_timeout = answer[0].time_out / 1000
        return answer
