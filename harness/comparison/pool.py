"""Work spread over forked processes, none of which outlives the one that forked it.

Processes and not threads, for the work is Python's own; forked, for then they begin at once, with
all that is loaded. A task must come to the same however often it is done: where a process dies,
what was in hand is done again.
"""

from __future__ import annotations

import gc
import math
import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children
from multiprocessing.context import ForkContext, ForkProcess
from typing import Any, Generic, TypeVar

from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import end_with_parent

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Says how much of a task is done, from 0 to 1; whether to go on is the answer.
Pulse = Callable[[float], bool]

_LOOK_EVERY = 0.2  # s
# How long a task that is told to stop may take to do so, in seconds.
_PATIENCE = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Died:
    """What comes of a task whose process died; `how` says by what."""

    how: str


class Pool(Generic[TaskT, ResultT]):
    """Does `work` in `size` processes. To be used from the main thread.

    `work` gets a task and a Pulse; what it raises is raised here.
    """

    def __init__(self, size: int, work: Callable[[TaskT, Pulse], ResultT]) -> None:
        self._size = size
        self._work = work
        self._deadline: float | None = None
        # Shared with the children: whether to stop, and how much is done of each task in hand.
        self._shared = memoryview(mmap.mmap(-1, 8 * (2 * size + 1))).cast("d")

    @property
    def under_way(self) -> float:
        """How many tasks' worth is done of those that are not over."""
        return sum(self._shared[1:])

    def stop(self) -> None:
        """Begin no more; what is under way is told to end, and killed if it does not."""
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

        Two for each process are taken out of `tasks` at a time. Those in hand when a process dies
        are done again one by one, which shows the one that it dies of. Raises TrialError where no
        process can be started.
        """
        waiting = iter(tasks)
        while suspects := self._spread(self._size, waiting, take, look)[0]:
            for suspect in suspects:
                undone, how = self._spread(1, iter([suspect]), take, look)
                if undone:
                    take(suspect, Died(how))

    def _spread(
        self,
        size: int,
        waiting: Iterator[TaskT],
        take: Callable[[TaskT, ResultT | Died], None],
        look: Callable[[], None],
    ) -> tuple[list[TaskT], str]:
        """Do them until a process dies: those in hand then, and what the first process died of."""
        in_hand: dict[int, TaskT] = {}
        slots: dict[Future[ResultT | None], int] = {}
        try:
            with _started(size, self._do) as (executor, processes):
                while True:
                    free = set(() if self._deadline else range(1, 2 * size + 1)) - in_hand.keys()
                    for slot, task in zip(free, waiting, strict=False):
                        in_hand[slot] = task
                        slots[executor.submit(_do_here, task, slot)] = slot
                    if not in_hand or time.monotonic() > (self._deadline or math.inf):
                        return [], ""
                    for future in wait(slots, _LOOK_EVERY, FIRST_COMPLETED).done:
                        result, slot = future.result(), slots.pop(future)
                        task = in_hand.pop(slot)
                        self._shared[slot] = 0.0
                        if result is not None:
                            take(task, result)
                    look()
        except BrokenProcessPool:
            for slot in in_hand:
                self._shared[slot] = 0.0
            return list(in_hand.values()), _how(processes)

    def _do(self, task: TaskT, slot: int) -> ResultT | None:
        """In a child: do a task, unless it is too late to begin."""

        def pulse(share: float) -> bool:
            self._shared[slot] = share
            return not self._shared[0]

        try:
            return None if self._shared[0] else self._work(task, pulse)
        except Exception:
            # As text: not every exception gets through a pipe.
            raise RuntimeError(traceback.format_exc()) from None


class _Process(ForkProcess):
    def terminate(self) -> None:
        """Kill it: it ignores SIGTERM, and the executor waits for those that it terminates."""
        self.kill()


class _Context(ForkContext):
    Process = _Process


@contextmanager
def _started(
    size: int, do: Callable[[Any, int], Any]
) -> Iterator[tuple[ProcessPoolExecutor, list[_Process]]]:
    """An executor and its processes, which are killed in the end."""
    prepare = partial(_become_a_child, end_with_parent(), do)
    with ProcessPoolExecutor(size, _Context(), prepare) as executor:
        # No signal may arrive: for a moment a forked child has its parent's handlers.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        processes: list[_Process] = []
        try:
            try:
                # The first task forks all processes, and only then starts the executor's threads.
                executor.submit(os.getpid)
            except OSError as error:
                raise TrialError(f"no process could be started: {error.strerror}") from None
            finally:
                processes += [one for one in active_children() if isinstance(one, _Process)]
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield executor, processes
        finally:
            for process in processes:
                process.kill()
                process.join()


_work_here: Callable[[Any, int], Any]  # in a child, set once


def _do_here(task: Any, slot: int) -> Any:
    return _work_here(task, slot)


def _become_a_child(end_with_parent: Callable[[], None], do: Callable[[Any, int], Any]) -> None:
    """Leave signals to the parent, and die with it."""
    global _work_here
    _work_here = do
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if sys.platform == "linux":
        end_with_parent()
    # What a program prints in the middle of a trial is no part of our own output.
    os.dup2(2, 1)
    # What is loaded stays: no collection between tasks need look at it.
    gc.freeze()


def _how(processes: list[_Process]) -> str:
    code = (processes[0].exitcode or 0) if processes else -signal.SIGKILL
    if code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    why = ", as when memory runs out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{why}"
