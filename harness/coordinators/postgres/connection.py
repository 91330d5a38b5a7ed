"""A connection to Postgres on which nothing takes longer than it may."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import Composed

from harness.coordinators.errors import Indeterminate, Unavailable, in_one_line
from harness.coordinators.racing import first_of

Execute = Callable[[str, LiteralString, Sequence[object]], Awaitable[tuple[Any, ...] | None]]
"""Runs a statement for an operation, in a transaction of its own; the first row, if any."""

LAST_WORDS = 1.0
"""Seconds to wait for a statement to notice that its socket is gone; it takes none."""


class Ended(Unavailable):
    """The server ended the session before it did what was asked, and said so."""


class Broken(Indeterminate):
    """The connection broke before an answer came; the session has ended, or will."""


class Connection:
    """One session, in autocommit, with the namespace's schema as its search path.

    Where psycopg is cancelled during a statement, it asks the server to cancel it and waits for
    that: for many seconds, on a link that is cut. So a statement runs in a task of its own, and
    where it is not wanted any longer, the socket is shut down under it.

    A deadline is a time of the event loop.
    """

    def __init__(self, raw: AsyncConnection) -> None:
        self._raw = raw
        self._in_use = False
        self._usable = True
        self.pid = raw.info.backend_pid

    @classmethod
    async def open(cls, url: str, namespace: str, deadline: float) -> Connection:
        """Connect; of several hosts to the first that will do. Raises Unavailable."""
        options = {"application_name": namespace, "options": f"-csearch_path={namespace}"}
        try:
            async with asyncio.timeout_at(deadline):
                # All at once: in turn, one that says nothing would keep us from the next.
                raw = await first_of(
                    [
                        AsyncConnection.connect(
                            make_conninfo(host, **options), autocommit=True, prepare_threshold=None
                        )
                        for host in _hosts(url)
                    ],
                    AsyncConnection.close,
                )
        except TimeoutError as error:
            raise Unavailable("no connection in time") from error
        except (psycopg.Error, OSError) as error:
            raise Unavailable(in_one_line(error)) from error
        return cls(raw)

    def is_open(self) -> bool:
        """Whether the idle session still stands, as far as is known without asking the server."""
        if not self._usable or self._raw.closed:
            return False
        with suppress(psycopg.Error):
            # First the server's farewell, if any; behind it the end of the stream, which raises.
            self._raw.pgconn.consume_input()
            self._raw.pgconn.consume_input()
        return not self._raw.closed

    async def execute(
        self, query: LiteralString | Composed, parameters: Sequence[object] | None, deadline: float
    ) -> AsyncCursor[tuple[Any, ...]]:
        """Run a statement. Raises Unavailable, Ended, Broken, or Indeterminate at the deadline.

        The connection is of no use after Ended, Broken and Indeterminate, or if it is cancelled.
        """
        self._usable = False
        self._in_use = True
        task = asyncio.ensure_future(self._raw.execute(query, parameters))
        try:
            remaining = deadline - asyncio.get_running_loop().time()
            await asyncio.wait({task}, timeout=remaining)
            if not task.done():
                raise Indeterminate("no answer in time")
            cursor = task.result()
            self._usable = True
            return cursor
        except psycopg.Error as error:
            meaning = _meaning(error)
            self._usable = type(meaning) is Unavailable
            raise meaning from error
        finally:
            if not task.done():
                task.add_done_callback(_ignore)
                self._cut()
                await asyncio.wait({task}, timeout=LAST_WORDS)
            self._in_use = False
            if not self._usable:
                await self._raw.close()

    async def close(self) -> None:
        """Close without waiting for anything; a statement in progress ends as Broken."""
        if self._in_use:
            self._cut()
        else:
            await self._raw.close()

    def _cut(self) -> None:
        with suppress(psycopg.Error, OSError):
            descriptor = os.dup(self._raw.pgconn.socket)
            with socket.socket(fileno=descriptor) as shared:
                shared.shutdown(socket.SHUT_RDWR)


def _hosts(url: str) -> list[str]:
    """What to connect with for each host of a libpq address, which may name several."""
    given = conninfo_to_dict(url)
    hosts, ports = str(given["host"]).split(","), str(given["port"]).split(",")
    return [
        make_conninfo(url, host=host, port=port) for host, port in zip(hosts, ports, strict=True)
    ]


def _meaning(error: psycopg.Error) -> Unavailable | Indeterminate:
    """What an error says about the statement: whether the server answered, and whether it left."""
    text = in_one_line(error)
    if error.sqlstate is None:
        return Broken(text)
    return Ended(text) if error.diag.severity_nonlocalized != "ERROR" else Unavailable(text)


def _ignore(task: asyncio.Task[Any]) -> None:
    """Take the outcome that nobody waits for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
