"""The interactive timeline's data: what happened in one trial is decided here, and drawn there."""

from __future__ import annotations

import base64
import gzip
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from harness.history.reading import History, HistoryError, read_history
from harness.report import phrases
from harness.report.page import rows
from harness.report.page.legend import CARDS, DIRECTIONS, GLYPHS, legend
from harness.report.page.occurrences import Occurrences, occurrences
from harness.report.page.rows import COLUMNS, LONGEST_TEXT, Rows, ms
from harness.report.page.violations import Trouble, stops, troubles, violations
from harness.report.stories.violations import wrong_runs
from harness.verdict.model import Run, Verdict
from harness.verdict.timeline import timeline_of

# Bytes that one trial may take in a page, packed.
BUDGET = 48_000
MOST_LANES = 24
# Runs, and leases, and violations sent at most, however large the budget is; and at least.
MOST_MARKS = 3000
_FEWEST = 40
# Seconds shown at first, and how much of them come before what the stretch was chosen for.
LONGEST = 30.0
LEAD_IN = 2.0
# A fault that began so many seconds before a violation may have led to it.
_CAUSE = 10.0

# Of a history, most; and nothing that is drawn.
_UNSEEN = frozenset({"lease.requested", "lease.denied", "coordinator.calls", "coordinator.error"})
# What a lane is worth showing for: a run that was wrong, a fault, a lease lost or a due time let
# pass, and any other run.
_WRONG, _HIT, _MOMENT, _RUN = 1000, 200, 20, 1

_T = TypeVar("_T")


def choose_trial(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first trial that counts and went wrong; else the first that counts; else none."""
    valid = [verdict for verdict in verdicts if verdict.valid]
    return next((verdict for verdict in valid if went_wrong(verdict)), valid[0] if valid else None)


def went_wrong(verdict: Verdict) -> bool:
    """Whether the trial is worth a look for what went wrong in it."""
    return bool(troubles(verdict))


def timeline_data(
    verdict: Verdict, jobs: Mapping[str, str], budget: int = BUDGET
) -> dict[str, Any]:
    """The whole trial as the script draws it: JSON-able, with all texts made harmless.

    `jobs` are colours by job. Not more than `budget` bytes, once packed: of a large trial the
    workers and runs nearest to violations and faults are sent one by one, the other runs of these
    workers by number; `notes` say what was left out. Faults, lives, crashes and due times let pass
    come from the history file; without it there are none.
    """
    sheet = _Sheet(verdict, jobs)
    limit = MOST_MARKS
    data = sheet.data(limit)
    while (size := packed_size(data)) > budget and limit > _FEWEST:
        limit = max(_FEWEST, min(limit - 1, int(limit * budget / size * 0.9)))
        data = sheet.data(limit)
    return data


def packed_size(data: Mapping[str, Any]) -> int:
    """What the data take in a page, in bytes."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return len(base64.b64encode(gzip.compress(text.encode(), mtime=0)))


class _Sheet:
    """One trial, ready to be cut to a size."""

    def __init__(self, verdict: Verdict, colours: Mapping[str, str]) -> None:
        known = {run.worker for run in verdict.runs} | {hold.worker for hold in verdict.holds}
        workers = verdict.trial.workers or tuple(sorted(known))
        self.verdict = verdict
        self.colours = colours
        self.workers = workers
        self.end = max([verdict.end, 0.001, *(run.ended for run in verdict.runs)])
        self.seen: Occurrences = occurrences(timeline_of(_history(verdict)), workers, verdict.end)
        self.wrong = wrong_runs(verdict)
        self.violations = violations(verdict)
        marked = [at for one in self.violations for at in (one.start, one.end)]
        marked += [at for one in self.seen.faults for at in (one.start, one.end) if at is not None]
        self.interesting = sorted(marked)

    def data(self, limit: int) -> dict[str, Any]:
        """Everything, with at most `limit` of runs, of leases, of moments and of violations."""
        lanes = self._lanes(max(5, min(MOST_LANES, limit // 20)))
        lane = {worker: place for place, worker in enumerate(lanes)}
        mine = [run for run in self.verdict.runs if run.worker in lane]
        runs = self._nearest(mine, limit, lambda run: (run.started, run.ended), self._is_wrong)
        told = self._nearest(self.violations, limit, lambda one: (one.start, one.end))
        data = {**self._about(lanes), **self._marks(runs, lane, limit)}
        length = self.end / max(12, min(60, limit // max(1, len(lanes))))
        data["strips"] = rows.of_rest(mine, runs, lane, length)
        data["violations"] = [rows.of_violation(one) for one in told]
        data["stops"] = [self._stop(*stop) for stop in stops(told)]
        kinds = {one.kind for one in told} | {row[0] for row in data["moments"]}
        data["glyphs"] = {kind: text for kind, text in GLYPHS.items() if kind in kinds}
        data["legend"] = legend(data, kinds)
        data["notes"] = self._notes(lanes, runs, told)
        return data

    def _stop(self, start: float, end: float, title: str) -> rows.Row:
        """With what is shown around it: the faults that may have led to it are in sight."""
        context = max(LEAD_IN, end - start)
        begun = [one.start for one in self.seen.faults if start - _CAUSE <= one.start <= end]
        first = min([start - context, *(at - LEAD_IN / 2 for at in begun[-1:])])
        around = [ms(first), ms(end + context)]
        return [ms(start), ms(end), phrases.clean(title, 2 * LONGEST_TEXT), around]

    def _about(self, lanes: Sequence[str]) -> dict[str, Any]:
        start, end = self._opening()
        return {
            "approach": phrases.clean(self.verdict.trial.approach, LONGEST_TEXT),
            "seed": self.verdict.trial.seed,
            "from": ms(min([0.0, *(run.started for run in self.verdict.runs)])),
            "to": ms(self.end),
            "end": ms(self.verdict.end),
            "open": [ms(start), ms(end)],
            "columns": COLUMNS,
            "cards": CARDS,
            "directions": DIRECTIONS,
            "workers": [phrases.clean(name, LONGEST_TEXT) for name in lanes],
        }

    def _marks(self, runs: Sequence[Run], lane: Mapping[str, int], limit: int) -> dict[str, Any]:
        made = Rows(lane)
        held = [hold for hold in self.verdict.holds if hold.worker in lane]
        leases = self._nearest(held, limit, lambda hold: (hold.granted, hold.ended))
        moments = [one for one in self.seen.moments if one.worker in lane]
        moments = self._nearest(moments, limit, lambda one: (one.at, one.at))
        data = {
            "runs": made.of_runs(runs, self.wrong, leases),
            "leases": (held_rows := made.of_leases(leases)),
            "doubled": made.of_doubled(leases, held_rows, self.verdict.double_holds),
            "up": [[lane[who], ms(a), ms(b)] for who, a, b in self.seen.up if who in lane],
            "moments": made.of_moments(moments),
            "faults": [made.of_fault(one, self.end) for one in self.seen.faults],
            "names": made.names.cleaned(),
        }
        colours = [self.colours.get(job, "") for job in made.jobs.numbers]
        data["jobs"] = list(zip(made.jobs.cleaned(), colours, strict=True))
        return data

    def _notes(
        self, lanes: Sequence[str], runs: Sequence[Run], told: Sequence[Trouble]
    ) -> list[str]:
        """What the reader does not see, a sentence each."""
        notes = []
        if len(lanes) < len(self.workers):
            notes.append(f"{len(lanes)} of {len(self.workers)} workers: those with most to see.")
        if len(runs) < len(self.verdict.runs):
            share = f"{len(runs)} of {len(self.verdict.runs)} runs"
            notes.append(f"{share} one by one: those nearest to violations and faults.")
        if len(told) < len(self.violations):
            notes.append(f"{len(told)} of {len(self.violations)} violations.")
        if self.verdict.partial:
            notes.append(f"The trial was cut short at {self.verdict.end:g} s.")
        return notes

    def _is_wrong(self, run: Run) -> bool:
        return (run.worker, run.run) in self.wrong

    def _lanes(self, most: int) -> list[str]:
        """The workers to show, in their own order; where they are too many, those most hit."""
        if len(self.workers) <= most:
            return list(self.workers)
        weight: Counter[str] = Counter()
        for run in self.verdict.runs:
            weight[run.worker] += _WRONG if self._is_wrong(run) else _RUN
        for fault in self.seen.faults:
            weight.update(dict.fromkeys(fault.hit, _HIT))
        for one in self.seen.moments:
            weight[one.worker] += _MOMENT
        kept = set(sorted(self.workers, key=lambda name: -weight[name])[:most])
        return [name for name in self.workers if name in kept]

    def _nearest(
        self,
        items: Sequence[_T],
        limit: int,
        span: Callable[[_T], tuple[float, float]],
        first: Callable[[_T], bool] = lambda _: False,
    ) -> list[_T]:
        """Those nearest to a violation or a fault, in their own order; before all, the `first`."""
        if len(items) <= limit:
            return list(items)

        def rank(place: int) -> tuple[bool, float, int]:
            start, end = span(items[place])
            at = bisect_left(self.interesting, start)
            after = self.interesting[at] - end if at < len(self.interesting) else inf
            before = start - self.interesting[at - 1] if at else inf
            return not first(items[place]), max(0.0, min(after, before)), place

        return [items[place] for place in sorted(sorted(range(len(items)), key=rank)[:limit])]

    def _opening(self) -> tuple[float, float]:
        """What is shown at first: the whole trial, or the stretch of the first that went wrong."""
        if self.end <= LONGEST + LEAD_IN:
            return 0.0, self.end
        moments = troubles(self.verdict) or [fault.start for fault in self.seen.faults]
        moments = moments or [sample.at for sample in self.verdict.failover]
        start = max(0.0, min(min(moments, default=0.0) - LEAD_IN, self.end - LONGEST))
        return start, start + LONGEST


def _history(verdict: Verdict) -> History:
    """The trial's history; one without events where there is none to be read."""
    if verdict.path is not None:
        with suppress(HistoryError):
            return read_history(verdict.path, without=_UNSEEN)
    return History(verdict.trial, ())
