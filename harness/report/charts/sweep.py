"""The charts of a sweep: lines over one parameter, heat maps over two."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.approaches import APPROACHES
from harness.report.charts.chart import Chart
from harness.report.charts.curves import Curves, draw_curves
from harness.report.charts.grids import Grid, draw_grids
from harness.report.charts.quantities import (
    CALLS,
    DUPLICATES,
    FAILOVER,
    MISSED,
    OUTAGE,
    OVERLAP,
    QUANTITIES,
    Axis,
    axis_of,
)
from harness.report.model import Comparison
from harness.report.phrases import clean
from harness.scenario.variation import Parameter
from harness.verdict.model import Result

Values = Mapping[str, str]

_PAIRS = (
    ("violations", "Violations", (DUPLICATES, MISSED)),
    ("overlap", "Overlap and coordination", (OVERLAP, CALLS)),
    ("recovery", "Recovery", (FAILOVER, OUTAGE)),
)
# So many combinations of the parameters beyond the first two are drawn.
_MOST_FACETS = 4


@dataclass(frozen=True, slots=True)
class Swept:
    """An approach of a sweep: the parameters that concern it, and its results by their values."""

    concerning: tuple[str, ...]
    results: Mapping[frozenset[tuple[str, str]], Result]

    def at(self, values: Values) -> Result | None:
        """The result where what concerns it has these values; None where there are no figures."""
        return self.results.get(
            frozenset((name, values[name]) for name in self.concerning if name in values)
        )


def sweep_charts(
    parameters: Sequence[Parameter], points: Iterable[tuple[Values, Comparison]]
) -> list[Chart]:
    """Lines over each parameter that stands alone for some approach, else heat maps over pairs."""
    approaches = _swept(points)
    axes = {one.name: axis_of(one.name, one.values) for one in parameters}
    pairs = dict.fromkeys(
        one.concerning[:2] for one in approaches.values() if len(one.concerning) > 1
    )
    charts: list[Chart] = []
    if not pairs:
        for axis in axes.values():
            charts += over_one(axis, approaches, "sweep", len(axes) > 1)
    for first, second in pairs:
        charts += _over_two((axes[first], axes[second]), axes, approaches, len(pairs) > 1)
    return charts


def over_one(
    axis: Axis, approaches: Mapping[str, Swept], stem: str, several: bool = False
) -> Iterator[Chart]:
    """The lines over one parameter; approaches that nothing concerns are level."""
    lines = {
        name: [one.at({axis.name: value}) for value in axis.values]
        for name, one in approaches.items()
        if one.concerning == (axis.name,)
    }
    level = {
        name: result
        for name, one in approaches.items()
        if not one.concerning and (result := one.at({})) is not None
    }
    over = f" over {clean(axis.name, 40)}"
    for name, title, quantities in _PAIRS if lines else ():
        file = f"{stem}-{_file(axis.name)}-{name}" if several else f"{stem}-{name}"
        chart = draw_curves(file, title + over, Curves(axis, lines, level), quantities)
        if chart is not None:
            yield chart


def _over_two(
    pair: tuple[Axis, Axis],
    axes: Mapping[str, Axis],
    approaches: Mapping[str, Swept],
    several: bool,
) -> Iterator[Chart]:
    names = [axis.name for axis in pair]
    facets = _facets(names, axes, approaches)
    left_out = len(facets) - _MOST_FACETS
    note = f"{left_out} more combinations are in results.csv alone." if left_out > 0 else ""
    stem = "-".join(["sweep", *map(_file, names)] if several else ["sweep"])
    for place, facet in enumerate(facets[:_MOST_FACETS]):
        grids = list(_grids(pair, approaches, facet))
        fixed = ", ".join(f"{clean(name)} {clean(value)}" for name, value in facet.items())
        number = f"-{place + 1}" if len(facets) > 1 else ""
        for quantity in QUANTITIES:
            title = quantity.title + (f" with {fixed}" if fixed else "")
            file = f"{stem}-{quantity.name}{number}"
            chart = draw_grids(file, title, pair, grids, quantity, note)
            if chart is not None:
                yield chart


def _facets(
    pair: Sequence[str], axes: Mapping[str, Axis], approaches: Mapping[str, Swept]
) -> list[dict[str, str]]:
    """All values of the other parameters that concern an approach of the pair."""
    others = [
        name
        for name in axes
        if name not in pair
        and any(
            name in one.concerning and set(pair) <= set(one.concerning)
            for one in approaches.values()
        )
    ]
    combinations = itertools.product(*(axes[name].values for name in others))
    return [dict(zip(others, values, strict=True)) for values in combinations]


def _grids(
    pair: tuple[Axis, Axis], approaches: Mapping[str, Swept], facet: Values
) -> Iterator[Grid]:
    for name, one in approaches.items():
        if not set(one.concerning) <= {pair[0].name, pair[1].name, *facet}:
            continue
        places = [
            list(enumerate(axis.values)) if axis.name in one.concerning else [(None, None)]
            for axis in pair
        ]
        results: dict[tuple[int | None, int | None], Result] = {}
        for (column, across), (row, down) in itertools.product(*places):
            values = {**facet}
            if across is not None:
                values[pair[0].name] = across
            if down is not None:
                values[pair[1].name] = down
            result = one.at(values)
            if result is not None:
                results[column, row] = result
        if results:
            yield Grid(name, results)


def _swept(points: Iterable[tuple[Values, Comparison]]) -> dict[str, Swept]:
    found: dict[str, tuple[tuple[str, ...], dict[frozenset[tuple[str, str]], Result]]] = {}
    for values, comparison in points:
        for result in comparison.measured:
            _, results = found.setdefault(result.approach, (tuple(values), {}))
            results[frozenset(values.items())] = result
    # Points are by what concerns their approaches; charts keep to one order.
    known = list(APPROACHES)
    ordered = sorted(found, key=lambda name: known.index(name) if name in known else len(known))
    return {name: Swept(*found[name]) for name in ordered}


def _file(name: str) -> str:
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in name)
