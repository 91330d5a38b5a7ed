"""Worker processes as the runner sees them: forked by the zygote, read line by line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.coordinators.server import Launcher
from harness.runtimes.cluster import TrialError

_SOCKET = "zygote.sock"
_LOG = "zygote.log"

# A worker that closed its end has nothing more to say; one of its own children may hold it open.
_LAST_WORDS = 1.0


class WorkerProcess:
    """One process of a worker. `exited` gives its wait status once it is gone and read to the end.

    `on_line` gets every line that it writes.
    """

    def __init__(self, pid: int, control: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._control: int | None = control
        self._ended = asyncio.Event()

    def tell(self, message: dict[str, Any]) -> None:
        """Write one line of JSON to its stdin; what a dead process does not hear is dropped."""
        if self._control is not None:
            with suppress(BrokenPipeError):
                os.write(self._control, json.dumps(message).encode() + b"\n")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there; `exited` tells."""
        if not self.exited.done():
            # It may be gone already, and we not know it yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def last_error(self) -> str:
        """The last line that it wrote to stderr; empty where there is none."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    async def gone(self, status: int) -> None:
        """Take note of its exit, after the last line that it wrote was read."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._ended.wait()
        if self._control is not None:
            os.close(self._control)
            self._control = None
        self.exited.set_result(status)

    def ended(self) -> None:
        """Take note that its stdout was closed."""
        self._ended.set()


class _Lines(asyncio.Protocol):
    """Cuts a stream into lines."""

    def __init__(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line)

    def connection_lost(self, _error: Exception | None) -> None:
        self._on_end()


def _bind(listener: socket.socket, directory: Path) -> None:
    """Bind in a directory whose path may be longer than the address of a socket."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{_SOCKET}")
    finally:
        os.close(descriptor)


class Zygote:
    """The runner's end of the warm parent that workers are forked from."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._forks: dict[str, asyncio.Future[int]] = {}
        self._workers: dict[int, WorkerProcess] = {}
        self._statuses: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._directory = Path()

    async def start(self, launcher: Launcher, patience: float = 30.0) -> None:
        """Start it, and wait until it is warm. Raises TrialError."""
        loop = asyncio.get_running_loop()
        self._directory = launcher.directory
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            _bind(listener, launcher.directory)
            listener.listen(1)
            listener.setblocking(False)
            launcher.spawn(
                [sys.executable, "-m", "harness.runtimes.zygote", _SOCKET],
                cwd=launcher.directory,
                log=launcher.directory / _LOG,
            )
            try:
                async with asyncio.timeout(patience):
                    self._socket, _ = await loop.sock_accept(listener)
            except TimeoutError:
                raise TrialError(f"the zygote did not start: {self._last_words()}") from None
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._receive)

    async def fork(self, name: str, on_line: Callable[[bytes], None]) -> WorkerProcess:
        """Fork one worker, its name unique among all; its stderr goes to a log of that name."""
        if self._socket is None:
            raise TrialError(f"the zygote died: {self._last_words()}")
        loop = asyncio.get_running_loop()
        log = self._directory / f"{name.replace('/', '-')}.log"
        child_input, control = os.pipe()
        output, child_output = os.pipe()
        with log.open("ab") as errors:
            forked = self._forks[name] = loop.create_future()
            request = json.dumps({"worker": name}).encode()
            socket.send_fds(self._socket, [request], [child_input, child_output, errors.fileno()])
        os.close(child_input)
        os.close(child_output)
        try:
            pid = await forked
        except BaseException:
            # Without its stdin, a child that comes to be all the same has nothing to do and ends.
            os.close(control)
            os.close(output)
            raise
        worker = WorkerProcess(pid, control, log)
        await loop.connect_read_pipe(
            lambda: _Lines(on_line, worker.ended), os.fdopen(output, "rb", buffering=0)
        )
        self._workers[pid] = worker
        if pid in self._statuses:
            self._note_exit(pid, self._statuses.pop(pid))
        return worker

    def close(self) -> None:
        """Let it end, and all its workers with it."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _receive(self) -> None:
        assert self._socket is not None
        packet = self._socket.recv(4096)
        if not packet:
            self._note_death()
            return
        message = json.loads(packet)
        if "worker" not in message:
            self._note_exit(message["pid"], message["status"])
            return
        forked = self._forks.pop(message["worker"])
        if not forked.done():
            forked.set_result(message["pid"])

    def _note_death(self) -> None:
        """The kernel ends all workers with the zygote, and nobody is left to tell us so."""
        self.close()
        for forked in self._forks.values():
            if not forked.done():
                forked.set_exception(TrialError(f"the zygote died: {self._last_words()}"))
        self._forks.clear()
        for pid in list(self._workers):
            self._note_exit(pid, int(signal.SIGKILL))

    def _last_words(self) -> str:
        lines = (self._directory / _LOG).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _note_exit(self, pid: int, status: int) -> None:
        worker = self._workers.pop(pid, None)
        if worker is None:
            # It was gone before we knew its pid.
            self._statuses[pid] = status
            return
        task = asyncio.get_running_loop().create_task(worker.gone(status))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
