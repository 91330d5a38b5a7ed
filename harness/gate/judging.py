"""Reports judged: their trials, what their scenarios expect, what changed since a baseline."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from harness.gate.correctness import never_before, occurrences
from harness.gate.figures import Figures, Record, Report
from harness.gate.identity import Across, Difference, differences
from harness.gate.measures import MEASURES
from harness.gate.model import Case, Kind, Status
from harness.gate.places import Place
from harness.gate.regression import Compared, judged, nothing_known, pairs
from harness.gate.trials import (
    approach_place,
    expectation_cases,
    interrupted,
    place_of,
    trial_cases,
)
from harness.gate.wording import counted

_IN_BASELINE = "is in the baseline"
_IN_RUN = "has run, as in the baseline"


class Refused(Exception):
    """The reports and the baseline are not of the same thing; `differences` says in what."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__(*map(str, differences))
        self.differences = tuple(differences)


def alone(reports: Sequence[Report]) -> list[Case]:
    """What can be said of each report by itself."""
    return [
        case for report in reports for case in (*trial_cases(report), *expectation_cases(report))
    ]


def against(
    reports: Sequence[Report], baseline: Sequence[Record], across: Collection[Across] = ()
) -> list[Case]:
    """What changed since the baseline, and what is missing on either side.

    Raises Refused where something differs that `across` does not name.
    """
    both = [(report, _counterpart(report.record, baseline)) for report in reports]
    known = [(report, record) for report, record in both if record is not None]
    found = [
        one
        for report, record in known
        for one in (*differences(record, report.record), *_shrunk(report, record))
    ]
    refused = [one for one in found if one.across not in across]
    if refused:
        raise Refused(refused)
    cases = [case for report, record in both if record is None for case in _unknown(report)]
    cases += _missing_scenarios([record for _, record in known], baseline, across)
    asked: list[Compared] = []
    for report, record in known:
        cases += _missing(report, record, across)
        for one in report.record.approaches:
            place = approach_place(report, one.approach)
            old = record.by_name.get(one.approach)
            if old is None:
                cases.append(_new(place))
            elif _identical(old, one):
                cases.append(_same(place, one))
            else:
                cases += occurrences(place, old, one)
                left = [each for each in MEASURES if each.name not in never_before(old)]
                cases += nothing_known(place, old, left)
                asked += pairs(place, old, one, [each for each in left if each.known(old)])
    return [*cases, *judged(asked)]


def _counterpart(record: Record, baseline: Sequence[Record]) -> Record | None:
    """The same scenario in the baseline: in the same runtime, else in another."""
    same = [one for one in baseline if one.scenario == record.scenario]
    return next((one for one in same if one.runtime == record.runtime), same[0] if same else None)


def _shrunk(report: Report, old: Record) -> Iterator[Difference]:
    """Approaches with fewer than half of the trials: they could hide what the others show.

    A run that was cut short, and trials that do not count, cannot pass in any case.
    """
    if interrupted(report) is not None:
        return
    fewer: dict[tuple[int, int], list[str]] = {}
    for result in report.comparison.measured:
        former = old.by_name.get(result.approach)
        if former is not None and 2 * result.trials < len(former.seeds):
            fewer.setdefault((len(former.seeds), result.trials), []).append(result.approach)
    for (before, now), names in fewer.items():
        what = f"the number of trials of {', '.join(names)}"
        yield Difference(Across.TRIALS, report.record.title, what, str(before), str(now))


def _identical(old: Figures, new: Figures) -> bool:
    """Whether not a byte of any history changed, nor any figure that is made from them."""
    return bool(new.checksums) and old == new


def _same(place: Place, one: Figures) -> Case:
    count = counted(len(one.checksums), "history", "histories")
    text = f"{count} identical, byte for byte, so are all figures"
    name = "no worse than the baseline"
    return place.case(Kind.BASELINE, "all", name, Status.PASSED, text)


def _new(place: Place) -> Case:
    text = "not in the baseline: nothing to compare with; `harness baseline` adds it"
    name = _IN_BASELINE
    return place.case(Kind.BASELINE, "all", name, Status.SKIPPED, text, notable=True)


def _unknown(report: Report) -> Iterator[Case]:
    yield _new(place_of(report))


def _missing(report: Report, old: Record, across: Collection[Across]) -> Iterator[Case]:
    """What the baseline has and this run has not: a gate must not pass because it was removed."""
    results = {result.approach: result for result in report.comparison.results}
    for one in old.approaches:
        result = results.get(one.approach)
        if one.approach in report.record.by_name:
            continue
        why = "it was not run"
        if result is not None:
            why = f"skipped: {result.skipped}" if result.skipped else "it has no valid trial"
        place = approach_place(report, one.approach)
        text = f"the baseline has {counted(len(one.seeds), 'trial')} of it, here {why}"
        yield _gone(place, text, across)


def _missing_scenarios(
    met: Sequence[Record], baseline: Sequence[Record], across: Collection[Across]
) -> Iterator[Case]:
    names = {(one.runtime, one.scenario) for one in met}
    for one in baseline:
        if (one.runtime, one.scenario) not in names:
            place = Place(directory=Path(), scenario=one.scenario, runtime=one.runtime)
            text = "the baseline has it, and no report of it was given"
            yield _gone(place, text, across)


def _gone(place: Place, text: str, across: Collection[Across]) -> Case:
    allowed = Across.MISSING in across
    status = Status.SKIPPED if allowed else Status.ERROR
    text = text if allowed else f"{text}; to pass without it: --across {Across.MISSING}"
    return place.case(Kind.BASELINE, "all", _IN_RUN, status, text, notable=True)
