"""Mutual exclusion: runs of one job, and holders of one resource, at the same time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from harness.verdict.leases import Hold
from harness.verdict.model import Run, Together


@dataclass(frozen=True, slots=True)
class _Span:
    """From `start` up to but not including `end`. Spans of one owner do not exclude each other."""

    start: float
    end: float
    name: str
    owner: str


def overlaps(runs: Iterable[Run]) -> tuple[Together, ...]:
    """The stretches in which two or more runs of one job were in progress."""
    spans: defaultdict[str, list[_Span]] = defaultdict(list)
    for index, run in enumerate(runs):
        spans[run.job].append(_Span(run.started, run.ended, run.run, str(index)))
    return _all_together(spans)


def double_holds(holds: Iterable[Hold]) -> tuple[Together, ...]:
    """The stretches in which two or more workers held one resource."""
    spans: defaultdict[str, list[_Span]] = defaultdict(list)
    for hold in holds:
        spans[hold.resource].append(_Span(hold.granted, hold.ended, hold.lease, hold.worker))
    return _all_together(spans)


def _all_together(groups: dict[str, list[_Span]]) -> tuple[Together, ...]:
    found = [stretch for what, spans in groups.items() for stretch in _together(what, spans)]
    return tuple(sorted(found, key=lambda stretch: stretch.start))


_END, _MOMENT, _START = 0, 1, 2


def _together(what: str, spans: Sequence[_Span]) -> list[Together]:
    """All maximal stretches with two or more owners.

    Who ends as another starts does not meet it. A span of no length meets those around it.
    """
    changes: list[tuple[float, int, int]] = []
    for index, span in enumerate(spans):
        if span.end > span.start:
            changes += [(span.start, _START, index), (span.end, _END, index)]
        else:
            changes.append((span.start, _MOMENT, index))
    changes.sort()
    crowd = _Crowd(what)
    for at, group in groupby(changes, key=itemgetter(0)):
        within: Counter[str] | None = None
        for _, change, index in group:
            span = spans[index]
            if change == _END:
                crowd.leave(index, span)
                continue
            if change == _START:
                crowd.enter(index, span)
                continue
            within = crowd.owners.copy() if within is None else within
            if any(owner != span.owner for owner in within):
                crowd.enter(index, span)
                crowd.look(at)
                crowd.leave(index, span)
        crowd.look(at)
        crowd.part(at)
    return crowd.stretches


class _Crowd:
    """Who is there now, and the stretches in which they were several."""

    def __init__(self, what: str) -> None:
        self.stretches: list[Together] = []
        self.owners: Counter[str] = Counter()
        self._what = what
        self._there: dict[int, str] = {}
        self._since: float | None = None
        self._most = 0
        self._who: dict[str, None] = {}
        self._came: list[str] = []

    def enter(self, index: int, span: _Span) -> None:
        self._there[index] = span.name
        self._came.append(span.name)
        self.owners[span.owner] += 1

    def leave(self, index: int, span: _Span) -> None:
        del self._there[index]
        self.owners[span.owner] -= 1
        if not self.owners[span.owner]:
            del self.owners[span.owner]

    def look(self, at: float) -> None:
        """Open a stretch, or widen it, where they are several now."""
        came, self._came = self._came, []
        if len(self.owners) < 2:
            return
        if self._since is None:
            self._since, self._most = at, 0
            self._who = dict.fromkeys(self._there.values())
        self._who.update(dict.fromkeys(came))
        self._most = max(self._most, len(self.owners))

    def part(self, at: float) -> None:
        """Close the stretch where they are several no more."""
        if self._since is not None and len(self.owners) < 2:
            self.stretches.append(
                Together(self._what, self._since, at, self._most, tuple(self._who))
            )
            self._since = None
