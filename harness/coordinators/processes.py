"""A server's processes as the kernel sees them: a first one, and all that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

import psutil

from harness.coordinators.server import ServerError

_POLL = 0.002
_GONE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def family(pid: int) -> list[int]:
    """A process and all that descend from it, itself first; those that live."""
    try:
        first = psutil.Process(pid)
        found = [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    return [one.pid for one in found if state(one.pid) not in (None, *_GONE)]


def state(pid: int) -> str | None:
    """What the kernel says of a process, in psutil's words; None where there is none."""
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return None


async def freeze(pid: int, timeout: float = 5.0) -> list[int]:
    """SIGSTOP a process, then all that it has started by then; those that stand still.

    In that order, as a process that stands still starts no others. Raises ServerError.
    """
    send([pid], signal.SIGSTOP)
    await _until_all([pid], _stands_still, "was not seen stopped", timeout)
    processes = family(pid)
    send(processes, signal.SIGSTOP)
    await _until_all(processes, _stands_still, "was not seen stopped", timeout)
    return processes


async def thaw(pid: int, timeout: float = 5.0) -> None:
    """SIGCONT a process and all that it has started. Raises ServerError."""
    processes = family(pid)
    send(reversed(processes), signal.SIGCONT)
    await _until_all(
        processes, lambda one: state(one) != psutil.STATUS_STOPPED, "was not seen running", timeout
    )


async def kill_all(pid: int, timeout: float = 10.0) -> None:
    """SIGKILL a process and all that it has started, and wait until they are gone."""
    processes = await freeze(pid)
    send(processes, signal.SIGKILL)
    await _until_all(
        processes, lambda one: state(one) in (None, *_GONE), "outlived SIGKILL", timeout
    )


def send(processes: Iterable[int], what: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def _stands_still(pid: int) -> bool:
    return state(pid) in (None, psutil.STATUS_STOPPED, *_GONE)


async def _until_all(
    processes: Iterable[int], condition: Callable[[int], bool], trouble: str, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    for pid in processes:
        while not condition(pid):
            if time.monotonic() > deadline:
                raise ServerError(f"process {pid} {trouble} within {timeout:g} s")
            await asyncio.sleep(_POLL)
