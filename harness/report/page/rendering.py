"""Rendering the page from its templates, styles and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.report import phrases
from harness.report.charts.latency import draw_latencies
from harness.report.charts.outcomes import draw_outcomes
from harness.report.charts.scene import choose_trial, scene_of, went_wrong
from harness.report.charts.timeline import draw_timeline
from harness.report.circumstances import circumstances
from harness.report.columns import tables
from harness.report.model import Comparison, unmeasured, warnings
from harness.report.palette import approach_colours, job_colours
from harness.verdict.model import Verdict
from harness.verdict.tally import Tally

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Timeline:
    """One trial as the page shows it: its chart, and where its history lies."""

    approach: str
    caption: str
    chart: str
    link: str | None


def page(comparison: Comparison, directory: Path) -> str:
    """The text of index.html. Histories below `directory` are linked to."""
    colours = approach_colours(comparison.results)
    valid = {r.approach: comparison.valid_tallies(r.approach) for r in comparison.measured}
    jobs = job_colours(
        job.name
        for result in comparison.measured
        for verdict in comparison.valid_verdicts(result.approach)
        for job in verdict.trial.jobs
    )
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = phrases.clean
    return environment.get_template("page.html.j2").render(
        comparison=comparison,
        style=(_HERE / "assets" / "page.css").read_text("utf-8"),
        colours=colours,
        sentence=phrases.sentence,
        unmeasured=unmeasured,
        tables=tables(comparison),
        no_hit=phrases.NO_HIT,
        faults_planned=any(comparison.plans_faults(name) for name in valid),
        outcomes=draw_outcomes(comparison.measured, colours),
        latencies=draw_latencies(comparison.measured, valid, colours),
        timelines=_timelines(comparison, jobs, directory),
        jobs=jobs,
        remarks=warnings(comparison),
        circumstances=circumstances(comparison),
    )


def _timelines(comparison: Comparison, jobs: dict[str, str], directory: Path) -> list[Timeline]:
    timelines = []
    for place, result in enumerate(comparison.measured):
        trials = comparison.valid_tallies(result.approach)
        verdict = choose_trial(comparison.valid_verdicts(result.approach))
        if verdict is None:
            continue
        scene = scene_of(verdict)
        stretch = f"{scene.start:.0f} to {scene.end:.0f} s of {verdict.end:.0f} s"
        caption = f"seed {verdict.trial.seed}{_choice(verdict, trials)}, {stretch}"
        if scene.hidden:
            caption += f"; {scene.hidden} of {scene.hidden + len(scene.workers)} workers left out"
        chart = draw_timeline(scene, f"timeline-{place}", jobs)
        timelines.append(Timeline(result.approach, caption, chart, _link(verdict, directory)))
    return timelines


def _choice(verdict: Verdict, trials: Sequence[Tally]) -> str:
    """Why it is this trial that is shown, where there was a choice."""
    if len(trials) <= 1:
        return ""
    if went_wrong(verdict):
        return f" (of {len(trials)} trials the first in which something went wrong)"
    calm = "; nothing went wrong in any" if all(one.flawless for one in trials) else ""
    return f" (the first of {len(trials)} trials{calm})"


def _link(verdict: Verdict, directory: Path) -> str | None:
    """The history's address relative to the page; None where it lies elsewhere."""
    if verdict.path is None:
        return None
    path, base = verdict.path.resolve(), directory.resolve()
    # The dot keeps a colon in a file's name from being read as a scheme.
    return f"./{quote(path.relative_to(base).as_posix())}" if path.is_relative_to(base) else None
