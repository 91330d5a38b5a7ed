"""What a report is made from: many trials of one scenario, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.report.configuration import Configuration, of_trial
from harness.scenario.model import Expectation
from harness.verdict.expectations import Check, check_expectations
from harness.verdict.model import Result, Verdict
from harness.verdict.tally import Tally

# So many reasons for invalid trials are shown of an approach; results.json has them all.
_REASONS = 5


@dataclass(frozen=True)
class Comparison:
    """The approaches of one scenario, judged.

    `results` are in the scenario's order, skipped approaches included. `tallies` holds all their
    trials by approach; `verdicts` those of them that are worth a closer look, at least the first
    one: timelines are drawn from them. `about` says how it was run, `notes` what the reader must be
    warned of; both are shown as they are, in the order given. `expect` is what the scenario
    expects, `setting` all that happens in it: see harness.scenario.setting. `configurations` are
    those of its approaches. `repeat` is how many trials were asked of each, None where nobody
    asked; `interrupted` says that they were cut short.
    """

    scenario: str
    description: str
    runtime: str
    seed: int
    results: tuple[Result, ...]
    tallies: Mapping[str, Sequence[Tally]]
    verdicts: Mapping[str, Sequence[Verdict]]
    about: Mapping[str, str]
    notes: tuple[str, ...] = ()
    expect: tuple[Expectation, ...] = ()
    setting: Mapping[str, Any] = field(default_factory=dict)
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    repeat: int | None = None
    interrupted: bool = False

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every expectation, and how the results stand to it."""
        return tuple(check_expectations(self.expect, self.results))

    def configuration(self, approach: str) -> Configuration:
        """How the approach was set up; if nothing else tells, as its first history says."""
        known = self.configurations.get(approach)
        trials = (verdict.trial for verdict in self.verdicts.get(approach, ()))
        return known or next(map(of_trial, trials), Configuration(approach))

    @property
    def measured(self) -> tuple[Result, ...]:
        """The results that hold figures: neither skipped nor without a valid trial."""
        return tuple(result for result in self.results if unmeasured(result) is None)

    def plans_faults(self, approach: str) -> bool:
        """Whether some fault was to hit the approach in a trial that counts."""
        return any(one.plans_faults for one in self.valid_tallies(approach))

    def valid_tallies(self, approach: str) -> tuple[Tally, ...]:
        """The trials of an approach that count."""
        return tuple(one for one in self.tallies.get(approach, ()) if one.valid)

    def valid_verdicts(self, approach: str) -> tuple[Verdict, ...]:
        """Those trials of an approach that count and may be looked at more closely."""
        return tuple(verdict for verdict in self.verdicts.get(approach, ()) if verdict.valid)


def unmeasured(result: Result) -> str | None:
    """Why there are no figures for this approach, in words; None where there are some."""
    if result.skipped is not None:
        return f"skipped: {result.skipped}"
    if result.trials <= result.invalid_trials:
        reasons = _some(result.invalid)
        return f"no valid trial: {reasons}" if reasons else "no valid trial"
    return None


def warnings(comparison: Comparison) -> list[str]:
    """Everything that limits what the figures may be believed for, one line each."""
    lines = list(comparison.notes)
    for result in comparison.measured:
        if result.invalid_trials:
            count = f"{result.invalid_trials} of {result.trials} trials invalid"
            lines.append(f"{result.approach}: {count}, left out: {_some(result.invalid)}")
    if len(mechanisms(comparison)) > 1:
        lines.append("The faults were not made in the same way for all: compare with care.")
    cut = sum(one.partial for tallies in comparison.tallies.values() for one in tallies)
    if cut:
        lines.append(f"{cut} trial{'s were' if cut > 1 else ' was'} cut short, judged up to there.")
    return lines


def _some(reasons: Sequence[str]) -> str:
    """The first reasons; of many trials, they would fill pages."""
    different = list(dict.fromkeys(reasons))
    more = len(different) - _REASONS
    shown = different if more <= 0 else [*different[:_REASONS], f"and {more} more"]
    return "; ".join(shown)


def mechanisms(comparison: Comparison) -> dict[tuple[str, ...], list[str]]:
    """The approaches by the mechanisms of their faults; those that met none are left out."""
    ways: dict[tuple[str, ...], list[str]] = {}
    for result in comparison.measured:
        if result.mechanisms:
            ways.setdefault(result.mechanisms, []).append(result.approach)
    return ways
