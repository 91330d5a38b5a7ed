"""Work spread over forked processes, none of which outlives the one that forked it.

Processes and not threads, for the work is Python's own; forked, for then they begin at once, with
all that is loaded. A process that dies takes with it the task that it had, and no other.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Generic, TypeVar

from harness.runtimes.cluster import TrialError

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Says how much of a task is done, from 0 to 1; whether to go on is the answer.
Pulse = Callable[[float], bool]

_LOOK_EVERY = 0.2  # s
# Tasks that are shorter than this, in seconds, are handed out two at a time.
_SHORT = 0.05
# How long a task that is told to stop may take to do so, in seconds.
_PATIENCE = 5.0
# Garbage is looked for between tasks, this often, in seconds; within one it hardly ever is.
_COLLECT_EVERY = 2.0
_COLLECT_AFTER = 100_000
_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Died:
    """What comes of a task whose process died; `how` says by what."""

    how: str


@dataclass(frozen=True, slots=True)
class _Raised:
    text: str


@dataclass(eq=False, slots=True)
class _Child(Generic[TaskT]):
    slot: int
    process: ForkProcess
    connection: Connection
    tasks: deque[TaskT] = field(default_factory=deque)


class Pool(Generic[TaskT, ResultT]):
    """A context: `size` processes that do `work`. To be used from the main thread.

    `work` gets a task and a Pulse; what it raises is raised here. Raises TrialError where no
    process can be started.
    """

    def __init__(self, size: int, work: Callable[[TaskT, Pulse], ResultT]) -> None:
        self._work = work
        self._children: list[_Child[TaskT]] = []
        # Shared with the children: whether to stop, and how much each has done of its task.
        self._memory = mmap.mmap(-1, 8 * (size + 1))
        self._shared = memoryview(self._memory).cast("d")
        self._size = size
        self._deadline: float | None = None
        self._began = time.monotonic()
        self._over = 0

    def __enter__(self) -> Pool[TaskT, ResultT]:
        for slot in range(1, self._size + 1):
            self._children.append(self._fork(slot))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.process.kill()
        for child in self._children:
            child.process.join()
            child.connection.close()
        self._shared.release()
        self._memory.close()

    @property
    def under_way(self) -> float:
        """How many tasks' worth is done of those that are not over."""
        return sum(self._shared[1:])

    def stop(self) -> None:
        """Hand out no more; what is under way is told to end, and killed if it does not."""
        if self._deadline is None:
            self._deadline = time.monotonic() + _PATIENCE
            self._shared[0] = 1.0

    def run(
        self,
        tasks: Iterable[TaskT],
        take: Callable[[TaskT, ResultT | Died], None],
        look: Callable[[], None],
    ) -> None:
        """Do all tasks; `take` is given each with its result, in no order, `look` called often.

        A task is taken out of `tasks` when there is somebody to do it.
        """
        waiting = iter(tasks)
        self._feed(waiting)
        while busy := [child for child in self._children if child.tasks]:
            if self._deadline is not None and time.monotonic() > self._deadline:
                return
            ready = set(wait([child.connection for child in busy], timeout=_LOOK_EVERY))
            for child in busy:
                if child.connection in ready:
                    waiting = self._hear(child, take, waiting)
            self._feed(waiting)
            look()

    def _hear(
        self,
        child: _Child[TaskT],
        take: Callable[[TaskT, ResultT | Died], None],
        waiting: Iterator[TaskT],
    ) -> Iterator[TaskT]:
        """Take one result; gives what is still to be done."""
        try:
            result: ResultT | _Raised | None = child.connection.recv()
        except (EOFError, OSError):
            take(child.tasks.popleft(), Died(self._bury(child)))
            return _chained(list(child.tasks), waiting)
        task = child.tasks.popleft()
        self._over += 1
        if isinstance(result, _Raised):
            raise RuntimeError(result.text)
        if result is not None:
            take(task, result)
        return waiting

    def _bury(self, child: _Child[TaskT]) -> str:
        """How it died; another one takes its place."""
        child.process.join()
        child.connection.close()
        self._shared[child.slot] = 0.0
        self._children.remove(child)
        self._children.append(self._fork(child.slot))
        return _how(child.process.exitcode or 0)

    def _feed(self, waiting: Iterator[TaskT]) -> None:
        """Give everybody something to do; the next task at once only where tasks are short."""
        elapsed = time.monotonic() - self._began
        short = self._over > 0 and elapsed * self._size / self._over < _SHORT
        for depth in (1, 2) if short else (1,):
            for child in self._children:
                if len(child.tasks) >= depth or self._deadline is not None:
                    continue
                for task in waiting:
                    child.tasks.append(task)
                    # One that has just died is noticed when it is listened to.
                    with suppress(OSError):
                        child.connection.send(task)
                    break

    def _fork(self, slot: int) -> _Child[TaskT]:
        context = get_context("fork")
        ours, theirs = context.Pipe()
        parent = os.getpid()

        def serve() -> None:
            _become_a_child(parent)
            for other in (ours, *(child.connection for child in self._children)):
                other.close()
            self._serve(theirs, slot)

        process = context.Process(target=serve, daemon=True)
        try:
            with _no_signals():
                process.start()
        except OSError as error:
            raise TrialError(f"no process could be started: {error.strerror or error}") from None
        finally:
            theirs.close()
        return _Child(slot, process, ours)

    def _serve(self, connection: Connection, slot: int) -> None:
        """Do tasks until there is nobody left to do them for."""
        shared = self._shared

        def pulse(share: float) -> bool:
            shared[slot] = share
            return not shared[0]

        collected = time.monotonic()
        with suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while True:
                task: TaskT = connection.recv()
                if time.monotonic() - collected > _COLLECT_EVERY:
                    gc.collect()
                    collected = time.monotonic()
                result: ResultT | _Raised | None
                try:
                    result = None if shared[0] else self._work(task, pulse)
                except Exception:
                    result = _Raised(traceback.format_exc())
                shared[slot] = 0.0
                connection.send(result)


def _become_a_child(parent: int) -> None:
    """Leave signals to the parent, die with it, and seldom look for garbage."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    gc.freeze()  # what the parent made stays shared with it
    gc.set_threshold(_COLLECT_AFTER)


@contextmanager
def _no_signals() -> Iterator[None]:
    """Let no signal arrive: for a moment a forked child has its parent's handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _chained(first: list[TaskT], then: Iterator[TaskT]) -> Iterator[TaskT]:
    yield from first
    yield from then


def _how(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    why = ", as when memory runs out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{why}"
