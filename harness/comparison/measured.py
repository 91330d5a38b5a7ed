"""What a comparison came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.comparison.request import Histories
from harness.verdict.model import Result, Verdict
from harness.verdict.tally import Tally

# Of each approach, so many failing trials have their history kept where not all have.
FAILING_KEPT = 20


@dataclass(frozen=True, slots=True)
class Noise:
    """By how much the runner's own timers were late, in seconds: how busy the machine was."""

    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The results in the scenario's order, and what they were measured with.

    `tallies` holds all trials, `verdicts` those that are worth a closer look, the first one among
    them. `about` says what it was measured with: version and source of each coordinator, or what
    was simulated. `lacking` names the approaches that this machine could not run; `interrupted`
    says that it was cut short; `notes` what the reader must know of.
    """

    results: tuple[Result, ...]
    tallies: Mapping[str, Sequence[Tally]]
    verdicts: Mapping[str, Sequence[Verdict]]
    about: Mapping[str, str]
    noise: Noise | None = None
    lacking: tuple[str, ...] = ()
    interrupted: bool = False
    notes: tuple[str, ...] = ()


def with_error(verdict: Verdict, error: str | None) -> Verdict:
    """The same verdict; what went wrong in the trial counts, even if its history is silent."""
    if error is None or any(error in reason for reason in verdict.invalid):
        return verdict
    return replace(verdict, invalid=(error, *verdict.invalid))


def histories_kept(which: Histories, tallies: Mapping[int, Tally]) -> set[int]:
    """The numbers of an approach's trials whose histories stay on disk."""
    match which:
        case Histories.ALL:
            return set(tallies)
        case Histories.NONE:
            return set()
        case Histories.FAILING:
            numbers = sorted(tallies)
            failing = [number for number in numbers if not tallies[number].flawless]
            return {*numbers[:1], *failing[:FAILING_KEPT]}


def failing_note(which: Histories, tallies: Mapping[str, Sequence[Tally]]) -> tuple[str, ...]:
    """Which approaches have failing trials that are without their history."""
    failing = {name: sum(not one.flawless for one in found) for name, found in tallies.items()}
    many = [f"{name} ({count})" for name, count in failing.items() if count > FAILING_KEPT]
    if which is not Histories.FAILING or not many:
        return ()
    return (
        f"Only the first {FAILING_KEPT} failing trials have a history here: {', '.join(many)}.",
    )
