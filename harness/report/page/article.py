"""One scenario as the page shows it: everything that its fragment is made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.report import circumstances as how
from harness.report.broken import Broken, broken_in
from harness.report.charts.all import charts
from harness.report.charts.chart import Chart
from harness.report.model import Comparison, unmeasured
from harness.report.page.entry import encoded
from harness.report.page.scoreboard import Scoreboard, scoreboard
from harness.report.page.timeline import BUDGET, choose_trial, timeline_data
from harness.report.palette import approach_colours, job_colours
from harness.report.phrases import causes, clean
from harness.report.safety import Badge, Safety, hits, safety
from harness.report.stories import stories
from harness.report.stories.story import Story
from harness.verdict.model import Outcome, Result, Verdict

# A story's beginning says why; so much of it stands beside the verdict, in whole sentences.
_WHY = 640

_ORDER = (Badge.UNSAFE, Badge.GAPS, Badge.OVERLAPS, Badge.HELD, Badge.NOT_MEASURED)

# Puts a text away, packed; gives its name.
Store = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one approach may take in a page: trials to choose from, stories of the first.

    `packed` is how many bytes the timeline of one trial may take.
    """

    trials: int = 4
    stories: int = 3
    packed: int = BUDGET


@dataclass(frozen=True, slots=True)
class Stretch:
    """A story, and the address of what it tells of."""

    story: Story
    link: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial whose timeline can be chosen; `pack` names its data."""

    seed: int
    label: str
    pack: str
    history: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """What there is of one approach."""

    approach: str
    link: str
    safety: Safety
    colour: str
    why: str
    stories: tuple[Stretch, ...]
    trials: tuple[Trial, ...]
    lanes: int
    seed: int | None
    broken: tuple[Broken, ...]
    hit: str
    mechanisms: str
    invalid: str
    causes: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Article:
    """One scenario, ready for its template."""

    slug: str
    label: str
    comparison: Comparison
    parts: tuple[Part, ...]
    scoreboard: Scoreboard
    charts: tuple[Chart, ...]
    chart_files: str | None
    remarks: tuple[str, ...]
    scenario: how.Lines
    faults: how.Lines
    parameters: how.Lines
    mechanisms: how.Lines
    checksums: how.Lines

    @property
    def safeties(self) -> tuple[Safety, ...]:
        """What became of each approach, in the scenario's order."""
        return tuple(part.safety for part in self.parts)

    @property
    def ranked(self) -> tuple[Part, ...]:
        """The approaches, the unsafe ones first; otherwise in the scenario's order."""
        return tuple(sorted(self.parts, key=lambda part: _ORDER.index(part.safety.badge)))

    @property
    def basis(self) -> str | None:
        """What all figures rest on, where that is the same for every approach."""
        found = {part.safety.basis for part in self.parts if part.safety.basis}
        return found.pop() if len(found) == 1 and len(self.parts) > 1 else None

    @property
    def counts(self) -> tuple[tuple[Badge, int], ...]:
        """How many approaches have each badge, worst first; none without any."""
        badges = [part.safety.badge for part in self.parts]
        return tuple((badge, badges.count(badge)) for badge in _ORDER if badge in badges)


def article(
    label: str,
    slug: str,
    comparison: Comparison,
    place: tuple[Path, Path],
    store: Store,
    bounds: Bounds,
    drawn: Sequence[Chart] | None,
    files: bool,
) -> Article:
    """What the page shows of one scenario. `place` is the page's directory and the report's.

    `drawn` are its charts, where they were drawn before; `files` says that they lie in the report.
    """
    colours = approach_colours(comparison.results)
    jobs = job_colours(
        job.name
        for result in comparison.measured
        for verdict in comparison.valid_verdicts(result.approach)
        for job in verdict.trial.jobs
    )
    safeties = tuple(safety(comparison, result) for result in comparison.results)
    parts = []
    for result, safe in zip(comparison.results, safeties, strict=True):
        chosen = _chosen(comparison, result, bounds)
        trials = [_trial(verdict, jobs, place[0], store, bounds.packed) for verdict in chosen]
        parts.append(_part(comparison, result, safe, slug, colours, chosen, trials, bounds))
    return Article(
        slug=slug,
        label=label,
        comparison=comparison,
        parts=tuple(parts),
        scoreboard=scoreboard(comparison, safeties),
        charts=tuple(charts(comparison) if drawn is None else drawn),
        chart_files=_relative(place[1] / "charts", place[0]) if files else None,
        remarks=tuple(how.remarks(comparison, with_invalid=False)),
        scenario=how.scenario_lines(comparison),
        faults=how.fault_lines(comparison),
        parameters=how.approach_lines(comparison),
        mechanisms=how.mechanism_lines(comparison),
        checksums=how.checksum_lines(comparison),
    )


def _part(
    comparison: Comparison,
    result: Result,
    safe: Safety,
    slug: str,
    colours: Mapping[str, str],
    chosen: Sequence[Verdict],
    trials: Sequence[Trial],
    bounds: Bounds,
) -> Part:
    link = f"#{slug}/{encoded(result.approach)}"
    told = stories(chosen[0], bounds.stories) if chosen else ()
    met = hits(comparison, result.approach)
    return Part(
        approach=result.approach,
        link=link,
        safety=safe,
        colour=colours[result.approach],
        why=_why(told[0]) if told else "",
        stories=tuple(Stretch(one, f"{link}/{one.start:.2f}-{one.end:.2f}") for one in told),
        trials=tuple(trials),
        lanes=max((len(verdict.trial.workers) for verdict in chosen), default=0),
        seed=chosen[0].trial.seed if chosen else None,
        broken=broken_in(chosen[0]) if chosen else (),
        hit=", ".join(f"{kind} {count}" for kind, count in met.items()) or "none",
        mechanisms=", ".join(result.mechanisms),
        invalid=(how.invalid_line(result) or "").removeprefix(f"{result.approach}: "),
        causes=tuple(causes(result.invalid)),
    )


def _why(story: Story) -> str:
    text = ""
    for sentence in story.sentences:
        if text and len(text) + len(sentence) > _WHY:
            break
        text = f"{text} {clean(sentence)}".lstrip()
    return text


def _chosen(comparison: Comparison, result: Result, bounds: Bounds) -> list[Verdict]:
    """The trials that can be looked at, the most telling one first, the others as they were run."""
    if unmeasured(result) is not None:
        return []
    verdicts = comparison.valid_verdicts(result.approach)
    telling = next((one for one in verdicts if _ran_twice(one)), None) or choose_trial(verdicts)
    if telling is None:
        return []
    return [telling, *(one for one in verdicts if one is not telling)][: bounds.trials]


def _ran_twice(verdict: Verdict) -> bool:
    twice = any(one.outcome is Outcome.DUPLICATE for one in verdict.expected)
    return twice or bool(verdict.overlaps)


def _trial(
    verdict: Verdict, jobs: Mapping[str, str], directory: Path, store: Store, budget: int
) -> Trial:
    found = timeline_data(verdict, jobs, budget)
    data = json.dumps(found, separators=(",", ":"), allow_nan=False)
    history = None if verdict.path is None else _relative(verdict.path, directory)
    return Trial(verdict.trial.seed, _went(verdict), store(data), history)


def _went(verdict: Verdict) -> str:
    """A trial in few words."""
    twice = sum(one.outcome is Outcome.DUPLICATE for one in verdict.expected)
    missed = sum(one.outcome.missed for one in verdict.expected)
    counts = ((twice, "twice"), (len(verdict.overlaps), "overlaps"), (missed, "missed"))
    told = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"seed {verdict.trial.seed}: {told or 'nothing went wrong'}"


def _relative(path: Path, directory: Path) -> str | None:
    """The address of a file relative to the page; None where it lies elsewhere."""
    path, base = path.resolve(), directory.resolve()
    # The dot keeps a colon in a file's name from being read as a scheme.
    return f"./{quote(path.relative_to(base).as_posix())}" if path.is_relative_to(base) else None
