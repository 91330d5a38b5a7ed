"""What must not happen where the baseline had none of it: one occurrence fails."""

from __future__ import annotations

from harness.gate.figures import Figures
from harness.gate.measures import CORRECTNESS
from harness.gate.model import Case, Kind, Status
from harness.gate.places import Place
from harness.gate.wording import counted
from harness.report.phrases import percent
from harness.verdict.statistics import rate_interval

_OF = {"unrecovered": "failovers"}


def never_before(old: Figures) -> tuple[str, ...]:
    """The measures of correctness that the baseline had none of, and had trials to have some in."""
    return tuple(
        name
        for name in CORRECTNESS
        if {name, _of(name)} <= old.counts.keys()
        and old.total(name) == 0
        and old.total(_of(name)) > 0
        and _promised(name, old)
    )


def occurrences(place: Place, old: Figures, new: Figures) -> list[Case]:
    """One case for each measure of correctness that the baseline had none of."""
    return [_case(name, place, old, new) for name in never_before(old)]


def _promised(name: str, figures: Figures) -> bool:
    """Two due times of a job may meet where the approach does not promise that they do not."""
    return name != "overlap" or figures.configuration.exclusive


def _of(name: str) -> str:
    return _OF.get(name, "expected")


def _case(name: str, place: Place, old: Figures, new: Figures) -> Case:
    counts = new.counts[name]
    found, total, before = sum(counts), new.total(_of(name)), old.total(_of(name))
    bound = rate_interval([(0, int(before))])[1]
    below = "" if bound is None else f" (true rate below {percent(bound)} %, 95 %)"
    text = f"{name}: {found:g} of {total:g}, baseline 0 of {before:g}{below}"
    seed = None
    if found:
        hit = [seed for seed, count in zip(new.seeds, counts, strict=True) if count]
        most = max(new.counts["concurrency"])
        beside = f", up to {most:g} at once" if name == "overlap" else ""
        text += f"; in {len(hit)} of {counted(len(counts), 'trial')}{beside}"
        seed = hit[0]
    return place.case(
        Kind.BASELINE,
        name,
        f"{name} never, as in the baseline",
        Status.FAILED if found else Status.PASSED,
        text,
        seed=seed,
        figures={"baseline": 0.0, "now": found, "of": total, "baseline of": before},
    )
