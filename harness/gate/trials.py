"""A report by itself: whether its trials count, and what its scenario expects of them."""

from __future__ import annotations

from collections.abc import Iterator

from harness.gate.figures import Figures, Report
from harness.gate.model import Case, Kind, Status
from harness.gate.places import Place
from harness.gate.wording import counted
from harness.report.model import unmeasured
from harness.report.phrases import clean
from harness.verdict.expectations import Check, Standing, bounds
from harness.verdict.measures import measured
from harness.verdict.model import Result

_STATUSES = {
    Standing.MET: Status.PASSED,
    Standing.UNMET: Status.FAILED,
    Standing.UNMEASURED: Status.ERROR,
}
_COUNTS = "trials that count"
_ENDED = "runs to its end"


def place_of(report: Report, figures: Figures | None = None) -> Place:
    """A report as a place, or an approach in it."""
    one = report.comparison
    if figures is None:
        return Place(directory=report.directory, scenario=one.scenario, runtime=one.runtime)
    return Place(
        directory=report.directory,
        scenario=one.scenario,
        runtime=one.runtime,
        approach=figures.approach,
        seeds=figures.seeds,
    )


def approach_place(report: Report, approach: str) -> Place:
    """An approach in a report, even one that has no figures."""
    known = report.record.by_name.get(approach)
    if known is not None:
        return place_of(report, known)
    one = report.comparison
    return Place(
        directory=report.directory, scenario=one.scenario, runtime=one.runtime, approach=approach
    )


def interrupted(report: Report) -> str | None:
    """How the report was cut short, in words; None where it was not."""
    comparison = report.comparison
    cut = sum(one.partial for tallies in comparison.tallies.values() for one in tallies)
    if cut:
        return f"cut short, {counted(cut, 'trial')} in the middle"
    return "cut short before all trials had begun" if comparison.interrupted else None


def trial_cases(report: Report) -> Iterator[Case]:
    """Whether there is anything to judge: a case for each approach, and one for a broken run."""
    place = place_of(report)
    cut = interrupted(report)
    if cut is not None:
        yield place.case(Kind.TRIALS, "trials", _ENDED, Status.ERROR, cut)
    if not report.comparison.results:
        text = "no approach was run"
        yield place.case(Kind.TRIALS, "trials", _COUNTS, Status.ERROR, text)
    for result in report.comparison.results:
        status, text = _counting(result, report.comparison.repeat)
        here = approach_place(report, result.approach)
        figures = {"trials": result.trials, "invalid": result.invalid_trials}
        yield here.case(Kind.TRIALS, "trials", _COUNTS, status, text, figures=figures)


def _counting(result: Result, asked: int | None) -> tuple[Status, str]:
    missing = unmeasured(result)
    if result.skipped is not None:
        return Status.SKIPPED, clean(missing or "")
    if missing is not None:
        return Status.ERROR, clean(missing)
    if result.invalid_trials:
        count = f"{result.invalid_trials} of {counted(result.trials, 'trial')} invalid"
        return Status.ERROR, clean(f"{count}: {result.invalid[0]}")
    if not result.expected:
        return Status.ERROR, f"{counted(result.trials, 'trial')}, and no run was expected in them"
    if asked is not None and result.trials < asked:
        return Status.ERROR, f"{counted(result.trials, 'trial')}, and {asked} were asked for"
    return Status.PASSED, f"{counted(result.trials, 'trial')}, all valid"


def expectation_cases(report: Report) -> Iterator[Case]:
    """A case for each expectation of the scenario."""
    results = {result.approach: result for result in report.comparison.results}
    for check in report.comparison.checks:
        result = results[check.approach]
        if result.skipped is not None:
            status, text = Status.SKIPPED, f"skipped: {result.skipped}"
        else:
            status = _STATUSES[check.standing]
            text = check.text.removeprefix(f"{check.approach}: ")
        value = None if unmeasured(result) is not None else measured(check.measure, result)
        yield approach_place(report, check.approach).case(
            Kind.EXPECTATION,
            check.measure,
            f"{check.measure} {bounds(check.expectation)}",
            status,
            clean(text),
            seed=_seed(report, check) if status is Status.FAILED else None,
            figures={
                "now": value,
                "least": check.expectation.minimum,
                "most": check.expectation.maximum,
            },
        )


def _seed(report: Report, check: Check) -> int | None:
    """The seed of the first trial that shows too much of what is counted."""
    known = report.record.by_name.get(check.approach)
    counts = () if known is None else known.counts.get(check.measure, ())
    if known is None or check.expectation.maximum is None:
        return None
    return next((s for s, count in zip(known.seeds, counts, strict=False) if count), None)
