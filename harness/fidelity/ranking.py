"""Whether the simulation puts approaches in the same order as the real thing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import isnan

from harness.fidelity.model import Estimate, Order, Row, Swap


def ranking(rows: Sequence[Row], metrics: Sequence[str]) -> tuple[Order, ...]:
    """The order of the approaches by each metric that two or more of them have on both sides."""
    orders = []
    for metric in metrics:
        known = [
            row
            for row in rows
            if row.metric == metric and not isnan(row.live.value + row.simulated.value)
        ]
        if len(known) > 1:
            orders.append(_order(metric, known))
    return tuple(orders)


def _order(metric: str, rows: Sequence[Row]) -> Order:
    compared, swapped = 0, []
    for one, other in combinations(rows, 2):
        live, simulated = _sign(one.live, other.live), _sign(one.simulated, other.simulated)
        if live and simulated:
            compared += 1
            if live != simulated:
                names = (one.approach, other.approach)
                swapped.append(Swap(*(names if live < 0 else reversed(names))))
    return Order(
        metric=metric,
        live=tuple(row.approach for row in sorted(rows, key=lambda row: row.live.value)),
        simulated=tuple(row.approach for row in sorted(rows, key=lambda row: row.simulated.value)),
        compared=compared,
        swapped=tuple(swapped),
        tau=_tau(rows),
    )


def _sign(one: Estimate, other: Estimate) -> int:
    """-1 where the one is surely less, 1 where it is surely more, 0 where the intervals meet."""
    if one.interval[1] < other.interval[0]:
        return -1
    return 1 if other.interval[1] < one.interval[0] else 0


def _tau(rows: Sequence[Row]) -> float | None:
    # Imported late: it takes a second to load, which no other command should cost.
    from scipy.stats import kendalltau

    live, simulated = [row.live.value for row in rows], [row.simulated.value for row in rows]
    tau = float(kendalltau(live, simulated).statistic)
    return None if isnan(tau) else tau
