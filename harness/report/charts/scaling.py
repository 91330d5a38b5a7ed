"""Charts of calls per run against workers and jobs, where comparisons differ in just that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.report.charts.chart import Chart
from harness.report.charts.curves import Curves, draw_curves
from harness.report.charts.quantities import CALLS, axis_of
from harness.report.model import Comparison
from harness.report.phrases import clean
from harness.verdict.model import Result

_SUBJECTS = ("workers", "jobs")
# So many charts of one kind: one for each scenario, say.
_MOST = 6


def scaling_charts(comparisons: Sequence[Comparison]) -> list[Chart]:
    """One for each scenario and each of workers and jobs, where there are two sizes or more."""
    charts: list[Chart] = []
    for subject in _SUBJECTS:
        groups: dict[str, list[tuple[int, Comparison]]] = {}
        for comparison in comparisons:
            size = _size(comparison.setting, subject)
            if size is not None:
                groups.setdefault(_rest(comparison, subject), []).append((size, comparison))
        several = [group for group in groups.values() if len({size for size, _ in group}) > 1]
        for place, group in enumerate(several[:_MOST]):
            name = f"calls-{subject}" + (f"-{place + 1}" if len(several) > 1 else "")
            chart = _chart(name, subject, group)
            if chart is not None:
                charts.append(chart)
    return charts


def _chart(name: str, subject: str, group: Sequence[tuple[int, Comparison]]) -> Chart | None:
    sizes_seen = list(dict.fromkeys(str(size) for size, _ in group))
    # As it is, not by decades: what grows with each worker is a straight line.
    axis = replace(axis_of(subject, sizes_seen), log=False)
    found: dict[str, dict[int, Result]] = {}
    tunings = _tunings(group)
    for size, comparison in group:
        for result in comparison.measured:
            label = _label(result.approach, _tuning(comparison, result.approach), tunings)
            # Of two of one size, the first stands.
            found.setdefault(label, {}).setdefault(size, result)
    lines = {
        label: [sizes.get(int(value)) for value in axis.values]
        for label, sizes in found.items()
        if len(sizes) > 1
    }
    [other] = (one for one in _SUBJECTS if one != subject)
    fixed = _size(group[0][1].setting, other)
    title = f"{clean(group[0][1].scenario, 60)}: coordination against {subject}"
    title += "" if fixed is None else f", with {fixed} {other if fixed != 1 else other[:-1]}"
    return draw_curves(name, title, Curves(axis, lines, {}), [CALLS])


Tuning = Mapping[str, Any]


def _tunings(group: Sequence[tuple[int, Comparison]]) -> dict[str, list[Tuning]]:
    """All the parameters with which each approach was run."""
    found: dict[str, list[Tuning]] = {}
    for _, comparison in group:
        for result in comparison.measured:
            found.setdefault(result.approach, []).append(_tuning(comparison, result.approach))
    return found


def _tuning(comparison: Comparison, approach: str) -> Tuning:
    return comparison.configuration(approach).parameters


def _label(approach: str, tuning: Tuning, tunings: Mapping[str, Sequence[Tuning]]) -> str:
    """The approach's name, with those of its parameters that are not always the same."""
    others = tunings[approach]
    differing = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in tuning.items()
        if any(other.get(name) != value for other in others)
    ]
    return " ".join([approach, *differing])


def _size(setting: Mapping[str, Any], subject: str) -> int | None:
    value = setting.get(subject)
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) else None


def _rest(comparison: Comparison, subject: str) -> str:
    """All that must be the same for two comparisons to differ in the subject alone.

    Jobs differ in number alone where they differ only in their names and first due times.
    """
    rest = {name: value for name, value in comparison.setting.items() if name != subject}
    if subject == "jobs":
        jobs = [
            {name: value for name, value in job.items() if name not in ("name", "first")}
            for job in comparison.setting["jobs"]
        ]
        rest["jobs"] = [job for place, job in enumerate(jobs) if job not in jobs[:place]]
    return json.dumps([comparison.scenario, comparison.runtime, rest], sort_keys=True, default=str)
