"""Kills and removes what a runner leaves behind, however it went: also by SIGKILL.

The runner starts this file as a small process of its own session, with a directory to guard and a
pipe that only the runner holds. When the pipe ends, the runner is gone, or done: whatever process
belongs to the directory is killed, then the directory is removed.

A process belongs to a directory where it carries the directory's mark in its environment, which is
inherited by all that it starts, or writes its output or errors to a file in it, which still holds
for servers that overwrite their environment. It is never known by a number alone, so a process
that got a dead one's pid is safe. Standard library only and nothing of ours: it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "HARNESS_DIRECTORY"
PATIENCE = 30.0  # s; for processes that hang in the kernel
_PAUSE = 0.02  # s


def clear(directory: Path, patience: float = PATIENCE) -> bool:
    """Kill all that belongs to the directory and remove it; False where something is left."""
    deadline = time.monotonic() + patience
    quiet = 0
    while quiet < 2 and time.monotonic() < deadline:
        # Twice: a process that forks and exits while we look can be missed once.
        quiet = 0 if _kill_all(directory, deadline) else quiet + 1
        time.sleep(_PAUSE)
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            time.sleep(_PAUSE)
    return quiet >= 2 and not directory.exists()


def belongs(pid: int, directory: Path) -> bool:
    """Whether a process is alive (a zombie is not) and belongs to the directory."""
    process = Path("/proc") / str(pid)
    with contextlib.suppress(OSError):
        mark = f"{MARK}={directory}".encode()
        if mark in (process / "environ").read_bytes().split(b"\0"):
            return True
    for descriptor in ("1", "2"):
        with contextlib.suppress(OSError):
            if (process / "fd" / descriptor).readlink().is_relative_to(directory):
                return True
    return False


def _pids() -> Iterator[int]:
    ours = os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != ours:
            yield int(entry.name)


def _kill_all(directory: Path, deadline: float) -> bool:
    """Kill all that belongs to the directory and wait for it; False where there was nothing."""
    dying = [handle for pid in _pids() if (handle := _kill(pid, directory)) is not None]
    for handle in dying:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        os.close(handle)
    return bool(dying)


def _kill(pid: int, directory: Path) -> int | None:
    """Kill a process if it belongs to the directory; a handle that is readable once it is dead.

    The handle is taken before the second look, so that the signal cannot hit a pid's next owner.
    """
    if not belongs(pid, directory):
        return None
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if belongs(pid, directory):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            return handle
    os.close(handle)
    return None


def main() -> int:
    """Guard the directory named on the command line until standard input ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    return 0 if clear(Path(sys.argv[1])) else 1


if __name__ == "__main__":
    sys.exit(main())
