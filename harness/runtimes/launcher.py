"""Starts processes that cannot outlive the runner, in a temporary directory that goes with it.

Two nets, for whatever ends the runner: the kernel kills its direct children in the moment it dies,
and the reaper, a process of its own, kills all that these started and removes the directory.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from harness.runtimes import reaper

if sys.platform != "win32":
    import fcntl
    import pwd

_PREFIX = "harness-"
_NAME = re.compile(rf"{_PREFIX}[0-9a-f]{{12}}")
_OWNER = "owner"  # its file in the directory; the runner holds a lock on it for as long as it lives
_YOUNG = 60.0  # s; a directory without that file may be one that is just being made
_PR_SET_PDEATHSIG = 1


class LauncherError(Exception):
    """Nothing can be started here, or any more."""


class Launcher:
    """A context: `directory` and the processes spawned live in it, and end with it.

    `temporary` is where the directory is made; the system's own place for such by default.
    """

    def __init__(self, temporary: Path | None = None) -> None:
        place = (temporary or Path(tempfile.gettempdir())).resolve()
        self.directory = place / f"{_PREFIX}{uuid.uuid4().hex[:12]}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._reaper: subprocess.Popen[bytes] | None = None
        self._owner: IO[bytes] | None = None
        self._prepare: Callable[[], None]

    def __enter__(self) -> Launcher:
        _require_linux()
        self._prepare = end_with_parent()
        self._reaper = _start_reaper(self.directory)
        self.directory.mkdir()
        self.directory.chmod(0o755)  # whatever the umask: servers may run as another user
        self._owner = _claim(self.directory)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.close()
            if self._reaper.wait() != 0:  # it was killed
                reaper.clear(self.directory)
        for process in self._processes:
            process.wait()
        if self._owner is not None:
            self._owner.close()

    def spawn(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own, as `user` where we are root.

        What it says is appended to `log`, which belongs in `directory`; `env` is added to ours.
        Only from the main thread: the kernel takes the end of the thread that started a process
        for the end of the runner. Raises OSError where the command cannot be run.
        """
        if self._reaper is None or self._reaper.poll() is not None:
            raise LauncherError(
                "the reaper is not running: what is started now might be left behind"
            )
        if threading.current_thread() is not threading.main_thread():
            raise LauncherError("processes can be started from the main thread only")
        account = pwd.getpwnam(user) if user is not None and os.geteuid() == 0 else None
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(env or {}), reaper.MARK: str(self.directory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,
                preexec_fn=self._prepare,  # runs as `user` already: a change of user would undo it
            )
        self._processes.append(process)
        return process


def clean_stale(temporary: Path | None = None) -> list[str]:
    """Remove what dead runners left in the temporary directory, and kill what they left running.

    Returns the paths removed. Directories of live runners, and of other users, are not touched.
    """
    place = (temporary or Path(tempfile.gettempdir())).resolve()
    ours = sorted(each for each in place.iterdir() if _NAME.fullmatch(each.name))
    stale = [each for each in ours if _is_stale(each)]
    return [str(directory) for directory in stale if reaper.clear(directory)]


def _require_linux() -> None:
    if sys.platform != "linux":
        raise LauncherError(
            f"real processes need Linux (this is {sys.platform}): "
            "elsewhere nothing would end them with the harness"
        )
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise LauncherError(f"real processes need Linux 5.3 or newer: {error.strerror}") from None


def _start_reaper(directory: Path) -> subprocess.Popen[bytes]:
    unmarked = {name: value for name, value in os.environ.items() if name != reaper.MARK}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(reaper.__file__)), str(directory)],
        cwd="/",
        env=unmarked,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_with_parent() -> Callable[[], None]:
    """What a child runs before its program: let the kernel kill it when we die."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _claim(directory: Path) -> IO[bytes]:
    """Put the owner's file into the directory, locked before it can be seen there."""
    unseen = directory / f"{_OWNER}.new"
    owner = unseen.open("wb")
    fcntl.flock(owner, fcntl.LOCK_EX)
    unseen.rename(directory / _OWNER)
    return owner


def _is_stale(directory: Path) -> bool:
    """Whether a directory is ours to remove: a runner's, whose lock is gone with it."""
    with contextlib.suppress(OSError):
        status = directory.lstat()
        if directory.is_symlink() or not directory.is_dir():
            return False
        if os.geteuid() not in (0, status.st_uid):
            return False
        try:
            with (directory / _OWNER).open("rb") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
        except BlockingIOError:
            return False
        except FileNotFoundError:
            return time.time() - status.st_mtime > _YOUNG
    return False
