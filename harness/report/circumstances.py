"""How it was run: the scenario's figures, each approach's parameters, what it was measured with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.history.trial import JobLine, TrialLine
from harness.report.model import Comparison, mechanisms


def trial_of(comparison: Comparison, approach: str) -> TrialLine | None:
    """What an approach's first trial was to run; None where it had none."""
    return next((verdict.trial for verdict in comparison.verdicts.get(approach, ())), None)


def parameters(trial: TrialLine | None) -> Mapping[str, Any] | None:
    """The approach's parameters, durations in seconds; None where the history names none."""
    given = None if trial is None else trial.extra.get("parameters")
    return given if isinstance(given, Mapping) else None


def algorithm(trial: TrialLine | None, approach: str) -> str:
    """The approach behind a name of the scenario's choice, under which it may stand twice."""
    return approach if trial is None else str(trial.extra.get("algorithm", approach))


def circumstances(comparison: Comparison) -> list[tuple[str, str]]:
    """How it was run, (what, how) each: scenario, approaches, `about`, how faults were made."""
    trials = {
        result.approach: trial
        for result in comparison.results
        if (trial := trial_of(comparison, result.approach)) is not None
    }
    scenarios: dict[str, list[str]] = {}
    for approach, trial in trials.items():
        scenarios.setdefault(_scenario(trial), []).append(approach)
    lines = _grouped("scenario", scenarios)
    approaches = [
        (approach, _approach(approach, trial, given))
        for approach, trial in trials.items()
        if (given := parameters(trial)) is not None
    ]
    if approaches:
        lines += [("parameters", "as follows, times in seconds"), *approaches]
    lines += comparison.about.items()
    ways = {", ".join(way): approaches for way, approaches in mechanisms(comparison).items()}
    sums = [f"{one.approach} {one.checksum}" for one in comparison.results if one.checksum]
    return [
        *lines,
        *_grouped("faults made by", ways),
        *([("checksums of the histories", ", ".join(sums))] if sums else []),
    ]


def _grouped(what: str, ways: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """One line where all have it in common, else one each that names the approaches."""
    return [
        (what if len(ways) == 1 else f"{what} ({', '.join(approaches)})", way)
        for way, approaches in ways.items()
    ]


def _approach(approach: str, trial: TrialLine, given: Mapping[str, Any]) -> str:
    behind = algorithm(trial, approach)
    which = "" if behind == approach else f"{behind}; "
    return which + (_pairs(given) or "none")


def _scenario(trial: TrialLine) -> str:
    count = len(trial.workers)
    workers = [f"{count} worker{'' if count == 1 else 's'}"] if count else []
    figures = [*workers, f"{trial.duration:g} s", f"grace {trial.grace:g} s"]
    return "; ".join([", ".join(figures), *(_job(job) for job in trial.jobs)])


def _job(job: JobLine) -> str:
    takes = _pairs(job.takes) if isinstance(job.takes, Mapping) else f"{_value(job.takes)} s"
    return f"job {job.name} every {job.every:g} s, takes {takes}"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
