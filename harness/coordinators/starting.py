"""Starting a server process, seeing it come up or fail, and stopping it."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.coordinators.server import ServerError

HOST = "127.0.0.1"

_POLL = 0.005
_CLASHES = (
    "Address already in use",
    # What Postgres says while processes of a killed server are still ending.
    "is still in use",
    '"postmaster.pid" already exists',
)
_NAMESPACE = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Child:
    """A server process of ours and the port that it listens on."""

    process: subprocess.Popen[bytes]
    port: int


def free_port() -> int:
    """A port of the loopback address that nobody has now; somebody may have it a moment later."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different ones."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def check_namespace(namespace: str) -> str:
    """The namespace itself; raises ValueError where it is not of [a-z0-9_]+."""
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"{namespace!r} is no namespace: use a-z, 0-9 and _")
    return namespace


async def start_child(
    name: str,
    launch: Callable[[int], subprocess.Popen[bytes]],
    is_up: Callable[[int], Awaitable[bool]],
    *,
    log: Path,
    port: int | None = None,
    timeout: float = 30.0,
) -> Child:
    """Launch a server and wait until it is up; raises ServerError with its last words.

    `is_up` is asked every few milliseconds and must be sure that it is our process that answers:
    the port may have gone to another one. That is tried again, on a fresh port unless `port` says
    which one to use.
    """
    deadline = time.monotonic() + timeout
    while True:
        chosen = port or free_port()
        before = len(_text(log))
        process = launch(chosen)
        try:
            if await _comes_up(process, chosen, is_up, deadline):
                return Child(process, chosen)
            code = process.poll()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code is None:
            await end_child(process, signal.SIGKILL)
            raise ServerError(
                f"{name} does not answer after {timeout:g} s: {last_line(log)} ({log})"
            )
        if not _clashed(log, before) or time.monotonic() > deadline:
            raise ServerError(f"{name} ended with code {code}: {last_line(log)} ({log})")
        await asyncio.sleep(0.05)


async def run_child(
    name: str, process: subprocess.Popen[bytes], *, log: Path, timeout: float = 60.0
) -> None:
    """Wait for a command that ends by itself; raises ServerError where it fails."""
    try:
        code = await _exit_code(process, timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if code is None:
        raise ServerError(f"{name} takes more than {timeout:g} s: {last_line(log)} ({log})")
    if code != 0:
        raise ServerError(f"{name} ended with code {code}: {last_line(log)} ({log})")


async def end_child(
    process: subprocess.Popen[bytes], how: signal.Signals, timeout: float = 10.0
) -> None:
    """Ask a process to end, wait, and kill it where it does not. Wakes it up if it is stopped."""
    if process.poll() is None:
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
    if await _exit_code(process, timeout) is None:
        process.kill()
        await _exit_code(process, timeout)


async def ask(
    host: str, port: int, request: bytes, timeout: float, *, whole: bool = False
) -> bytes:
    """What comes back on a fresh connection: the first bytes, or all until it is closed (`whole`).

    Empty where nothing came within `timeout` seconds.
    """
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request)
            return await reader.read(-1 if whole else 65536)
    except (OSError, TimeoutError):
        return b""
    finally:
        if writer is not None:
            writer.transport.abort()


def last_line(log: Path) -> str:
    """The last line of a log that says something; lines of a stack trace do not.

    A line that is marked as fatal, or as an error, says more than what follows it.
    """
    lines = [line for line in _text(log).splitlines() if line.strip() and not line[0].isspace()]
    fatal = [line for line in lines if "FATAL:" in line or ": error: " in line]
    return ["its log is empty", *lines, *fatal][-1].strip()[:300]


async def _comes_up(
    process: subprocess.Popen[bytes],
    port: int,
    is_up: Callable[[int], Awaitable[bool]],
    deadline: float,
) -> bool:
    while process.poll() is None and time.monotonic() < deadline:
        if await is_up(port):
            return True
        await asyncio.sleep(_POLL)
    return False


async def _exit_code(process: subprocess.Popen[bytes], timeout: float) -> int | None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if (code := process.poll()) is not None:
            return code
        await asyncio.sleep(_POLL)
    return process.poll()


def _clashed(log: Path, start: int) -> bool:
    """Whether what was logged since `start` says that port or data are in use."""
    text = _text(log)
    since = text[start:] if len(text) > start else text
    return any(clash in since for clash in _CLASHES)


def _text(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""
