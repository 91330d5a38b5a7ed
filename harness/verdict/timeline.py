"""A history put in order of time, and how far it is judged."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.history.event import Event
from harness.history.reading import History

# How far apart a crash and the exit that it caused may be recorded, in seconds.
_EXIT_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The events of a trial in order of time, with the exits that crashes leave to be understood.

    A *position* is an index into `events`: it settles what came first within one instant. `end` is
    where judging ends, in seconds; `partial` says that the trial was cut short. `last` is the later
    of `end` and the last event: runs that drain are seen to finish after `end`.
    """

    events: tuple[Event, ...]
    end: float
    partial: bool
    last: float


def timeline_of(history: History) -> Timeline:
    """Order the events by time, and find the end: `duration`, or where the trial was cut short."""
    events = tuple(sorted(history.events, key=lambda event: event.at))
    last = events[-1].at if events else 0.0
    duration = history.trial.duration
    ended = next((event for event in events if event.kind == "trial.ended"), None)
    if ended is not None and ended.reason == "completed":
        end, partial = duration, False
    else:
        cut = last if ended is None else ended.at
        end, partial = max(0.0, min(duration, cut)), True
    return Timeline(tuple(_with_exits(events)), end, partial, max(end, last))


def _with_exits(events: Sequence[Event]) -> Iterator[Event]:
    """The same events; who was crashed has exited by then, though nobody recorded it."""
    exits: defaultdict[str | None, list[float]] = defaultdict(list)
    for event in events:
        if event.kind == "worker.exited":
            exits[event.worker].append(event.at)
    for event in events:
        if event.kind == "fault.injected" and event.type == "crash":
            for target in dict.fromkeys(event.targets or ()):
                known = exits[target]
                nearby = bisect_left(known, event.at - _EXIT_WITHIN)
                if nearby == len(known) or known[nearby] > event.at + _EXIT_WITHIN:
                    yield Event(at=event.at, kind="worker.exited", worker=target)
        yield event
