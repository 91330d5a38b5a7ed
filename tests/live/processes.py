"""Processes as the kernel shows them, without asking the harness."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PATIENCE = 20.0  # s; for anything to come true on a busy machine

_LOG = re.compile(r"(?P<namespace>[a-z0-9_]+)-(?P<worker>worker-\d+)-\d+\.log")


def state_of(pid: int) -> str | None:
    """The state letter in /proc/PID/stat: T is stopped, Z a zombie; None where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def is_alive(pid: int, created: float | None = None) -> bool:
    """Whether there is such a process, no zombie; with `created`, the very one of that time."""
    try:
        same = created is None or psutil.Process(pid).create_time() == created
    except psutil.NoSuchProcess:
        return False
    return same and state_of(pid) not in (None, "Z")


def workers_in(directory: Path) -> dict[tuple[str, str], int]:
    """The live workers of a launcher's directory: (namespace, worker) to pid.

    Known by the log that their stderr goes to.
    """
    found = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            log = Path(f"/proc/{pid}/fd/2").readlink()
            match = _LOG.fullmatch(log.name) if log.parent == directory else None
            if match and is_alive(pid):
                found[match["namespace"], match["worker"]] = pid
    return found


def marked(directory: Path) -> Iterator[int]:
    """The live processes whose environment names a directory below this one as their harness'."""
    mark = f"HARNESS_DIRECTORY={directory}/".encode()
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes() and is_alive(pid):
                yield pid


def family(pid: int) -> list[tuple[int, float]]:
    """All that descends from a process, with its time of creation."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append((child.pid, child.create_time()))
    return found


def comes_true(condition: Callable[[], object], within: float = PATIENCE) -> bool:
    """Whether the condition becomes true in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


async def becomes_true(condition: Callable[[], object], within: float = PATIENCE) -> bool:
    """As `comes_true`, while the event loop goes on."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


def kill(started: list[tuple[int, float]]) -> None:
    """Kill what is left of the processes that a test started."""
    for pid, created in started:
        if is_alive(pid, created):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
