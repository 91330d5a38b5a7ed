"""What a worker process is told while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import select
from collections import deque
from collections.abc import Callable

from harness.runtimes.orders import Order

_CHUNK = 65536


class ControlPipe:
    """Lines of JSON from a pipe, taken in order, be it by the event loop or while it stands still.

    The descriptor is made non-blocking. `obey` is given what is no answer to a standstill.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._rest = b""
        self._orders: deque[Order] = deque()
        self._closed = False
        self._obey: Callable[[Order], None] | None = None

    async def receive(self) -> Order:
        """The next line. Raises EOFError where there is none any more."""
        loop = asyncio.get_running_loop()
        while not self._orders:
            if self._closed:
                raise EOFError("nobody is there any more to say what to do")
            readable = asyncio.Event()
            loop.add_reader(self._descriptor, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(self._descriptor)
            self._read()
        return self._orders.popleft()

    def listen(self, obey: Callable[[Order], None]) -> None:
        """From now on, give every line to `obey` as it comes."""
        self._obey = obey
        asyncio.get_running_loop().add_reader(self._descriptor, self._take)
        self._carry_out()

    def stand_still(self) -> None:
        """Block the process until it is told to go on, and meanwhile do only what it is told to."""
        while not self._closed:
            while self._orders:
                order = self._orders.popleft()
                if "go" in order:
                    # Nobody else would look at what is read already.
                    asyncio.get_running_loop().call_soon(self._carry_out)
                    return
                self._give(order)
            select.select([self._descriptor], [], [])
            self._read()

    def _take(self) -> None:
        self._read()
        self._carry_out()
        if self._closed:
            asyncio.get_running_loop().remove_reader(self._descriptor)

    def _carry_out(self) -> None:
        while self._orders:
            self._give(self._orders.popleft())

    def _give(self, order: Order) -> None:
        if self._obey is not None:
            self._obey(order)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._closed = True
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._orders.extend(json.loads(line) for line in lines)
