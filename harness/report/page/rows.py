"""The rows of a timeline's data: short arrays, whose places `COLUMNS` names. Times in seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.report import phrases
from harness.report.page.legend import GLYPHS
from harness.report.page.occurrences import Fault, Mark
from harness.report.page.violations import Trouble
from harness.report.tenure import lease_of
from harness.verdict.model import Held, Run, Together

# How long a text from outside may get.
LONGEST_TEXT = 80
_TARGETS = 5

COLUMNS: Mapping[str, Sequence[str]] = {
    "runs": "lane job due from to ending effect extra wrong resource fence".split(),
    "strips": "lane from to title".split(),
    "leases": "lane level resource fence from to ending".split(),
    "doubled": "lane level resource fence from to".split(),
    "up": "lane from to".split(),
    "moments": "kind lane from title detail job noticed".split(),
    "faults": "type id mechanism direction from to healed unhealed lanes targets".split(),
    "violations": "kind from to title detail".split(),
    "stops": "from to title around".split(),
}

Row = list[Any]


@dataclass(slots=True)
class Texts:
    """Texts by number: each is sent once, cleaned."""

    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """The text's place in `cleaned`."""
        return self.numbers.setdefault(text, len(self.numbers))

    def cleaned(self) -> list[str]:
        """All of them, harmless and short."""
        return [phrases.clean(text, LONGEST_TEXT) for text in self.numbers]


@dataclass(slots=True)
class Rows:
    """Makes rows for the workers in `lane`; jobs and other texts become numbers."""

    lane: Mapping[str, int]
    jobs: Texts = field(default_factory=Texts)
    names: Texts = field(default_factory=Texts)

    def of_runs(
        self, runs: Iterable[Run], wrong: frozenset[tuple[str, str]], leases: Sequence[Held]
    ) -> list[Row]:
        """One each, with what it ran under of `leases`, which are by grant."""
        held: defaultdict[str, list[Held]] = defaultdict(list)
        for hold in leases:
            held[hold.worker].append(hold)
        return [
            [
                self.lane[run.worker],
                self.jobs.number(run.job),
                run.due,
                ms(run.started),
                ms(run.ended),
                str(run.ending),
                self.names.number(_effect(run)),
                None if run.extra is None else str(run.extra),
                int((run.worker, run.run) in wrong),
                *self._lease(lease_of(run, held[run.worker])),
            ]
            for run in runs
        ]

    def of_leases(self, leases: Iterable[Held]) -> list[Row]:
        """One each; those that a worker has at the same time get different levels."""
        busy: defaultdict[str, list[float]] = defaultdict(list)
        rows = []
        for hold in leases:
            ends = busy[hold.worker]
            level = next((at for at, end in enumerate(ends) if end <= hold.granted), len(ends))
            ends[level : level + 1] = [hold.ended]
            ending = "lost" if hold.lost else "released" if hold.released else "never given up"
            times = ms(hold.granted), ms(hold.ended)
            rows.append([self.lane[hold.worker], level, *self._lease(hold), *times, ending])
        return rows

    def of_doubled(
        self, leases: Sequence[Held], rows: Sequence[Row], twice: Iterable[Together]
    ) -> list[Row]:
        """The stretches of each lease, whose `rows` these are, in which another held the same."""
        by_name: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for place, hold in enumerate(leases):
            by_name[hold.resource, hold.lease].append(place)
        found = []
        for both in twice:
            for place in (place for name in both.who for place in by_name[both.what, name]):
                start = max(both.start, leases[place].granted)
                end = min(both.end, leases[place].ended)
                if end >= start:
                    found.append([*rows[place][:4], ms(start), ms(end)])
        return found

    def _lease(self, hold: Held | None) -> tuple[int | None, int | None]:
        return (None, None) if hold is None else (self.names.number(hold.resource), hold.fence)

    def of_moments(self, moments: Iterable[Mark]) -> list[Row]:
        """Those of the workers that have a lane."""
        return [
            [
                one.kind,
                self.lane[one.worker],
                ms(one.at),
                GLYPHS[one.kind][1],
                self.names.number(one.detail),
                None if one.job is None else self.jobs.number(one.job),
                None if one.noticed is None else ms(one.noticed),
            ]
            for one in moments
            if one.worker in self.lane
        ]

    def of_fault(self, fault: Fault, end: float) -> Row:
        """`lanes` is None where the fault hit no worker, and so is over all of them."""
        lanes = [self.lane[name] for name in fault.hit if name in self.lane]
        targets = [phrases.clean(name, LONGEST_TEXT) for name in fault.targets[:_TARGETS]]
        more = len(fault.targets) - len(targets)
        return [
            *(phrases.clean(t, LONGEST_TEXT) for t in (fault.type, fault.id, fault.mechanism)),
            fault.direction,
            ms(fault.start),
            ms(end if fault.end is None else fault.end),
            None if fault.end is None else ms(fault.end),
            "not within the trial" if fault.end is None else None,
            lanes if fault.hit else None,
            ", ".join(targets) + (f" and {more} more" if more else ""),
        ]


def of_violation(one: Trouble) -> Row:
    """Its times are finer than others: some last for less than a millisecond."""
    title, detail = (phrases.clean(text, 2 * LONGEST_TEXT) for text in (one.title, one.detail))
    return [one.kind, round(one.start, 6), round(one.end, 6), title, detail]


def of_rest(
    runs: Iterable[Run], shown: Iterable[Run], lane: Mapping[str, int], length: float
) -> list[Row]:
    """How many runs are not shown, by lane and stretch of `length`: a lane must not look idle."""
    drawn = {id(run) for run in shown}
    found: dict[tuple[int, int], Row] = {}
    for run in runs:
        if id(run) not in drawn:
            key = lane[run.worker], int(run.started // length)
            strip = found.setdefault(key, [key[0], ms(run.started), 0.0, 0])
            strip[2], strip[3] = max(strip[2], ms(run.ended)), strip[3] + 1
    return [
        [*strip[:3], f"{strip[3]} runs" if strip[3] > 1 else "a run"]
        for _, strip in sorted(found.items())
    ]


def ms(seconds: float) -> float:
    """As fine as a page shows it."""
    return round(seconds, 3)


def _effect(run: Run) -> str:
    counts = (("applied", run.applied), ("rejected", run.rejected))
    texts = (f"{what} {count} times" if count > 1 else what for what, count in counts if count)
    return ", ".join(texts) or "none"
