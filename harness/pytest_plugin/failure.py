"""What a failing test says: what was seen, how sure that is, and where to look."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.comparison.request import history_path
from harness.report.model import Comparison, unmeasured
from harness.report.phrases import percent, rate, seconds
from harness.report.stories import stories
from harness.scenario.model import Expectation
from harness.verdict.expectations import Check, Standing, check_expectations
from harness.verdict.measures import measured
from harness.verdict.model import Result
from harness.verdict.result import summarize
from harness.verdict.statistics import rate_interval
from harness.verdict.tally import Tally

# The kind of story that shows where a measure comes from, by the measure's first word.
_STORIES = {
    "duplicate": "duplicate",
    "overlap": "overlap",
    "max": "overlap",
    "missed": "missed",
    "never": "missed",
    "lost": "missed",
    "failed": "missed",
    "double": "double_hold",
    "unrecovered": "unrecovered",
}
_REPLACED = ("--repeat", "--seed", "--approach")


@dataclass(frozen=True, slots=True)
class Place:
    """A run: what it came to, where its files are, and the command that does the same."""

    comparison: Comparison
    directory: Path
    command: Sequence[str]


def violation_text(place: Place, check: Check) -> str:
    """One expectation that is not met, in a few lines."""
    approach = check.approach
    [result] = [one for one in place.comparison.results if one.approach == approach]
    tallies = place.comparison.valid_tallies(approach)
    failing = [one for one in tallies if _breaks(check, one)]
    lines = [check.text, *_how_sure(check.measure, result, len(failing), len(tallies))]
    worst = failing[0] if failing else _most(check.expectation, approach, tallies)
    if worst is not None:
        history = history_path(place.directory, approach, worst.seed)
        kept = str(history) if history.exists() else "its history was not kept"
        which = "first" if failing else "most of it"
        lines.append(f"{which} in the trial with seed {worst.seed}: {kept}")
        lines += _story(place.comparison, check, worst.seed)
        lines.append(f"that trial again: {_again(place.command, approach, worst.seed)}")
    lines.append(f"all of it again: {shlex.join(place.command)}")
    return "\n  ".join(lines)


def invalid_text(result: Result) -> str:
    """Why a result proves nothing, or not all that it should."""
    if result.skipped is not None or result.trials == result.invalid_trials:
        return f"{result.approach}: {unmeasured(result)}"
    reasons = "; ".join(dict.fromkeys(result.invalid))
    count = f"{result.invalid_trials} of {result.trials} trials are invalid"
    return f"{result.approach}: {count}, which proves nothing: {reasons}"


def _breaks(check: Check, tally: Tally) -> bool:
    """Whether one trial alone does not meet the expectation."""
    alone = summarize(check.approach, [tally])
    [found] = check_expectations([check.expectation], [alone])
    return found.standing is Standing.UNMET


def _most(asserted: Expectation, approach: str, tallies: Sequence[Tally]) -> Tally | None:
    """The trial that did most for it, where none alone breaks the bound."""
    values = [(measured(asserted.measure, summarize(approach, [one])), one) for one in tallies]
    known = [(value, one) for value, one in values if value is not None]
    if not known:
        return None
    choose = max if asserted.maximum is not None else min
    return choose(known, key=lambda pair: pair[0])[1]


def _how_sure(measure: str, result: Result, failing: int, trials: int) -> Iterator[str]:
    low, high = result.intervals.get(measure, (None, None))
    if measure in ("duplicate", "missed"):
        value = measured(measure, result)
        share = rate(int(value or 0), result.expected, (low, high))
        yield f"of {result.expected} due times: {share}"
    elif low is not None or high is not None:
        yield f"interval: {seconds(low)} to {seconds(high) if high is not None else '…'}"
    least, most = rate_interval([(failing, trials)])
    if failing and least is not None and most is not None:
        noun = "trial" if trials == 1 else "trials"
        yield f"in {failing} of {trials} {noun} ({percent(least)}-{percent(most)} %)"


def _again(command: Sequence[str], approach: str, seed: int) -> str:
    """The command that runs one trial of the run again."""
    words = list(command)
    for option in _REPLACED:
        while option in words:
            place = words.index(option)
            del words[place : place + 2]
    return shlex.join([*words, "--approach", approach, "--seed", str(seed)])


def _story(comparison: Comparison, check: Check, seed: int) -> Iterator[str]:
    """What happened, in sentences, where the trial's verdict tells it."""
    kind = _STORIES.get(check.measure.partition("_")[0], "unrecovered")
    for verdict in comparison.valid_verdicts(check.approach):
        if verdict.trial.seed == seed:
            told = [one for one in stories(verdict) if str(one.kind) == kind]
            yield from (f"| {sentence}" for one in told[:1] for sentence in one.sentences)
