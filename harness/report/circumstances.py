"""How it was run: the scenario's figures, each approach's parameters, what it was measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.history.trial import JobLine, TrialLine
from harness.report.configuration import Configuration
from harness.report.model import Comparison, mechanisms, unmeasured, warnings
from harness.report.phrases import causes
from harness.verdict.model import Result

# So many seeds of invalid trials are named; results.json has them all.
_SEEDS = 6

Lines = list[tuple[str, str]]


def trial_of(comparison: Comparison, approach: str) -> TrialLine | None:
    """What an approach's first trial was to run; None where it had none."""
    return next((verdict.trial for verdict in comparison.verdicts.get(approach, ())), None)


def circumstances(comparison: Comparison) -> Lines:
    """How it was run, (what, how) each: scenario, approaches, `about`, how faults were made."""
    approaches, sums = approach_lines(comparison), checksum_lines(comparison)
    return [
        *scenario_lines(comparison),
        *([("parameters", "as follows, times in seconds"), *approaches] if approaches else []),
        *comparison.about.items(),
        *mechanism_lines(comparison),
        *([("checksums of the histories", ", ".join(map(" ".join, sums)))] if sums else []),
    ]


def scenario_lines(comparison: Comparison) -> Lines:
    """The scenario's figures; more than one line where approaches were run in different ones."""
    scenarios: dict[str, list[str]] = {}
    for approach, trial in _trials(comparison).items():
        scenarios.setdefault(_scenario(trial), []).append(approach)
    return _grouped("scenario", scenarios)


def fault_lines(comparison: Comparison) -> Lines:
    """The faults that the scenario plans, (type, how) each."""
    faults = comparison.setting.get("faults", ())
    return [
        (
            str(fault.get("type", "")),
            ", ".join(
                f"{name.replace('_', ' ')} {_value(value)}{_unit(value)}"
                for name, value in fault.items()
                if name != "type" and value not in (None, 0, 0.0)
            ),
        )
        for fault in faults
        if isinstance(fault, Mapping)
    ]


def approach_lines(comparison: Comparison) -> Lines:
    """The parameters of each approach, times in seconds."""
    return [
        (result.approach, _approach(result.approach, comparison.configuration(result.approach)))
        for result in comparison.results
    ]


def mechanism_lines(comparison: Comparison) -> Lines:
    """How the faults were made."""
    ways = {", ".join(way): approaches for way, approaches in mechanisms(comparison).items()}
    return _grouped("faults made by", ways)


def checksum_lines(comparison: Comparison) -> Lines:
    """The checksum of all histories of each approach, where they are the same each time."""
    return [(one.approach, one.checksum) for one in comparison.results if one.checksum]


def remarks(comparison: Comparison, with_invalid: bool = True) -> list[str]:
    """What limits how far the figures may be believed, one line each; causes before what follows.

    `with_invalid` tells of the invalid trials of approaches that have valid ones too.
    """
    known = {result.approach for result in comparison.measured}
    calm = tuple(
        replace(one, invalid_trials=0, invalid=()) if one.approach in known else one
        for one in comparison.results
    )
    lines = warnings(replace(comparison, results=calm))
    if not with_invalid:
        return lines
    return [*lines, *(line for one in comparison.measured if (line := invalid_line(one)))]


def invalid_line(result: Result) -> str | None:
    """Which trials do not count, and why, in one line; None where all do, or none."""
    if not result.invalid_trials or unmeasured(result) is not None:
        return None
    count = f"{result.invalid_trials} of {result.trials} trials invalid, left out"
    reasons = "; ".join(f"{why}{_seeds(seeds)}" for why, seeds in causes(result.invalid)[:1])
    return f"{result.approach}: {count}: {reasons}" if reasons else f"{result.approach}: {count}"


def _seeds(seeds: tuple[str, ...]) -> str:
    if not seeds:
        return ""
    more = f" and {len(seeds) - _SEEDS} more" if len(seeds) > _SEEDS else ""
    return f" (seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds[:_SEEDS])}{more})"


def _trials(comparison: Comparison) -> dict[str, TrialLine]:
    return {
        result.approach: trial
        for result in comparison.results
        if (trial := trial_of(comparison, result.approach)) is not None
    }


def _grouped(what: str, ways: Mapping[str, list[str]]) -> Lines:
    """One line where all have it in common, else one each that names the approaches."""
    return [
        (what if len(ways) == 1 else f"{what} ({', '.join(approaches)})", way)
        for way, approaches in ways.items()
    ]


def _approach(approach: str, known: Configuration) -> str:
    # The same algorithm may stand there twice, under names of the scenario's choice.
    which = "" if known.algorithm == approach else f"{known.algorithm}; "
    said = [which + (_pairs(known.parameters) or "none")]
    said += [
        f"{name.replace('_', ' ')} {_pairs(known.aside[name])}"
        for name in ("retry", "circuit_breaker")
        if name in known.aside
    ]
    if (others := known.aside.get("others")) is not None:
        given = _pairs(others.get("parameters", {}))
        said.append(
            f"half of the workers {others.get('algorithm')}" + (f" {given}" if given else "")
        )
    return "; ".join(said)


def _scenario(trial: TrialLine) -> str:
    count = len(trial.workers)
    workers = [f"{count} worker{'' if count == 1 else 's'}"] if count else []
    figures = [*workers, f"{trial.duration:g} s", f"grace {trial.grace:g} s"]
    return "; ".join([", ".join(figures), *(_job(job) for job in trial.jobs)])


def _job(job: JobLine) -> str:
    takes = _pairs(job.takes) if isinstance(job.takes, Mapping) else f"{_value(job.takes)} s"
    until = "" if job.until is None else f", until {job.until:g} s"
    return f"job {job.name} every {job.every:g} s, takes {takes}{until}"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unit(value: Any) -> str:
    return " s" if isinstance(value, float) else ""
