"""Of a trial's events only what judging needs: most attempts for a lease are denied, and forgotten.

`judge` proves the same from a condensed history as from the whole one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from harness.history.event import DIGITS, Event
from harness.history.reading import History
from harness.history.trial import TrialLine

# After these, a request that was open before may count no more: it has to stand before them.
_ORDERED = frozenset({"worker.started", "worker.exited", "fault.injected"})

_Attempt = tuple[str, str]


class Condensed:
    """A recorder that keeps of a trial in memory what `judge` needs.

    Events come in order of time. A request is kept with its grant, and dropped with its denial;
    `coordinator.calls` become one event. Times are rounded as a history file has them.
    """

    def __init__(self, trial: TrialLine) -> None:
        self._trial = trial
        self._kept: list[Event] = []
        self._pending: dict[_Attempt, Event] = {}
        # Attempts whose request was kept before anybody knew what would become of them.
        self._open: set[_Attempt] = set()
        self._calls: Counter[str] = Counter()
        self._called: float | None = None
        self._last: Event | None = None

    def record(self, event: Event) -> None:
        """Take one event."""
        self._last = event
        match event.kind:
            case "lease.requested":
                self._request(event)
            case "lease.denied":
                attempt = _attempt(event)
                if self._pending.pop(attempt, None) is None and attempt in self._open:
                    self._open.discard(attempt)
                    self._keep(event)
            case "lease.granted":
                attempt = _attempt(event)
                self._open.discard(attempt)
                request = self._pending.pop(attempt, None)
                if request is not None:
                    self._keep(request)
                self._keep(event)
            case "coordinator.calls":
                self._calls.update(event.calls or {})
                self._called = event.at
            case _:
                if event.kind in _ORDERED:
                    self._flush()
                self._keep(event)

    def history(self, path: Path | None = None) -> History:
        """What was kept, as a history; `path` is where the whole of it lies."""
        events = list(self._kept)
        if self._called is not None:
            at = round(self._called, DIGITS)
            events.append(Event(at=at, kind="coordinator.calls", calls=dict(self._calls)))
        last = 0.0 if self._last is None else round(self._last.at, DIGITS)
        if self._last is not None and (not events or events[-1].at < last):
            # A history without an end is judged up to its last event, whatever that was.
            events.append(Event(at=last, kind="condensed"))
        return History(self._trial, tuple(events), path=path)

    def _request(self, event: Event) -> None:
        attempt = _attempt(event)
        if attempt in self._open:
            self._keep(event)
        else:
            self._pending.setdefault(attempt, event)

    def _flush(self) -> None:
        for attempt, request in self._pending.items():
            self._open.add(attempt)
            self._keep(request)
        self._pending.clear()

    def _keep(self, event: Event) -> None:
        at = round(event.at, DIGITS)
        self._kept.append(event if at == event.at else replace(event, at=at))


def _attempt(event: Event) -> _Attempt:
    # The lease by the name that harness.verdict.leases knows it by.
    return event.worker or "", event.lease or event.resource or event.job or ""
