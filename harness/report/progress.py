"""What is going on, while it goes on: on the terminal in place, in a log line by line."""

from __future__ import annotations

import math
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from harness.history.event import Event
from harness.report.phrases import clean

# A log that nobody watches gets a line so often, in seconds.
_LOG_EVERY = 10.0
# A simulation says sooner how long it will take: nobody knows it before.
_LOG_FIRST = 2.0


class _TimeLeft(ProgressColumn):
    """The time until all trials are over."""

    def render(self, task: Task) -> Text:
        left = max(0.0, (task.total or 0.0) - task.completed)
        return Text(_left(left) if task.total else "", style="cyan")


def _left(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"


class LiveProgress:
    """Follows a comparison: what starts, how many trials are over, what is broken just now.

    A context. On a terminal it draws in place, from the caller's own loop and with no thread of
    its own, so that it cannot disturb what it shows.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _TimeLeft(),
            TextColumn("{task.fields[faults]}", style="red"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, faults="")
        self._faults: dict[tuple[str, str], str] = {}
        self._trials = self._over = 0
        self._started = self._drawn = 0.0
        self._seconds = 0.0
        # Of a simulation: how many trials' worth is done; its speed shows how long the rest takes.
        self._done: float | None = None
        self._log_after = _LOG_EVERY

    def __enter__(self) -> LiveProgress:
        if self._live:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._progress.stop()

    def starting(self, what: str) -> None:
        """Something that takes a moment begins."""
        self._say(what)

    def running(self, trials: int, at_once: int, duration: float) -> None:
        """The trials begin; each takes `duration` seconds."""
        self._trials, self._started = trials, time.monotonic()
        self._seconds = math.ceil(trials / at_once) * duration
        side_by_side = f", {at_once} side by side" if at_once > 1 else ""
        self._say(f"running {trials} trials{side_by_side}: about {self._seconds:.0f} s")
        self._progress.update(self._task, total=self._seconds)

    def simulating(self, trials: int, processes: int) -> None:
        """Simulated trials begin."""
        self._trials, self._started, self._done = trials, time.monotonic(), 0.0
        self._log_after = _LOG_FIRST
        cores = f"{processes} core{'' if processes == 1 else 's'}"
        self._say(f"simulating {trials} trial{'' if trials == 1 else 's'} on {cores}")

    def reached(self, over: int, under_way: float) -> None:
        """So many trials are over; of the others, so many trials' worth is done."""
        self._over, self._done = over, over + under_way
        self.tick()

    def saw(self, trial: str, event: Event) -> None:
        """An event of a trial."""
        if event.kind == "fault.injected":
            targets = ", ".join(event.targets or ())
            self._faults[trial, event.fault or ""] = f"{trial}: {event.type} {targets}"
        elif event.kind in ("fault.healed", "fault.failed"):
            self._faults.pop((trial, event.fault or ""), None)
        self.tick()

    def ended(self, trial: str) -> None:
        """A trial is over."""
        self._over += 1
        self._faults = {key: text for key, text in self._faults.items() if key[0] != trial}
        self.tick()

    def tick(self) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now - self._drawn < (0.2 if self._live else self._log_after):
            return
        self._drawn = now
        if self._done:
            self._seconds = (now - self._started) * self._trials / self._done
        elapsed = min(now - self._started, self._seconds)
        broken = [clean(text, 40) for text in self._faults.values()]
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        faults = f"breaking {broken[0]}{more}" if broken else ""
        if self._live:
            self._progress.update(
                self._task,
                completed=elapsed,
                total=self._seconds or None,
                description=f"{self._over}/{self._trials} trials",
                faults=faults,
            )
            self._progress.refresh()
        elif elapsed >= _LOG_FIRST:
            self._log_after = _LOG_EVERY
            line = f"{self._over}/{self._trials} trials, {_left(self._seconds - elapsed)}"
            self._console.print("; ".join(filter(None, (line, faults))), highlight=False)

    def _say(self, line: str) -> None:
        self._drawn = time.monotonic()
        self._console.print(line, highlight=False)
