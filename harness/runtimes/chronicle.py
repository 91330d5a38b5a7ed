"""A live trial's time and events."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from harness.faults.observation import Observation
from harness.history.event import Event
from harness.history.journal import Recorder
from harness.runtimes.cluster import TrialError


class Chronicle:
    """Knows how late it is, and what happened; writes it down, and shows it to who observes it.

    `broken` raises TrialError once something went wrong that no fault accounts for.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.observation = Observation()
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.start: float | None = None
        self._recorder: Recorder | None = recorder
        self._early: list[tuple[float, Event]] = []

    def now(self) -> float:
        """Seconds since the trial's start; 0 as long as it has not started."""
        return 0.0 if self.start is None else time.monotonic() - self.start

    def begin(self) -> float:
        """Let the trial's time begin now, and write down what was before; the moment of it."""
        self.start = time.monotonic()
        for moment, event in self._early:
            self._write(replace(event, at=moment - self.start))
        return self.start

    def record(self, event: Event) -> None:
        """Write an event into the trial's history.

        What comes before the start waits for it: only then is it known how long before.
        """
        if self.start is None:
            self._early.append((time.monotonic(), event))
        else:
            self._write(event)
        self.observation.record(event)

    def fail(self, why: str) -> None:
        """Take note that the trial is worthless; the first reason counts."""
        if not self.broken.done():
            self.broken.set_exception(TrialError(why))
            # Looked at where it matters; a trial that ends first need not look.
            self.broken.exception()

    def raise_if_broken(self) -> None:
        """Raise TrialError if the trial is worthless."""
        if self.broken.done():
            self.broken.result()

    def _write(self, event: Event) -> None:
        """Write it down; once that failed, nothing more: a history has no holes."""
        if self._recorder is not None:
            try:
                self._recorder.record(event)
            except OSError as error:
                self._recorder = None
                self.fail(f"the history could not be written: {error.strerror or error}")
