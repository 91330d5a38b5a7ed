from __future__ import annotations

from math import inf, isnan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.fidelity.tolerances import CALLS, COUNTS, TIMES, Tolerance

seconds = st.floats(min_value=0, max_value=1e6)


@given(live=seconds, simulated=seconds, slack=st.floats(min_value=1e-6, max_value=10))
def test_the_excess_is_within_one_where_the_value_is_allowed(
    live: float, simulated: float, slack: float
) -> None:
    tolerance = Tolerance(low=0.8, high=1.5, slack=slack, why="")
    low, high = tolerance.allowed(simulated)
    excess = float(tolerance.excess(live, simulated))
    # Beside the border itself, where the last digit decides.
    if low * 1.000001 + 1e-9 <= live <= high * 0.999999 - 1e-9:
        assert -1 <= excess <= 1
    if live > high * 1.000001 + 1e-9:
        assert excess > 1
    if live < low * 0.999999 - 1e-9:
        assert excess < -1


def test_what_lies_beyond_the_end_is_as_far_off_as_can_be() -> None:
    tolerance = Tolerance(low=0.9, high=1.1, why="")
    assert tolerance.excess(inf, 2.0) == inf
    assert tolerance.excess(2.0, inf) == -inf
    assert tolerance.excess(inf, inf) == 0
    assert tolerance.excess(0.0, 0.0) == 0
    assert isnan(tolerance.excess(np.nan, 1.0))


def test_every_tolerance_has_its_reason_and_holds_one() -> None:
    for tolerance in (CALLS, *(metric.tolerance for metric in TIMES)):
        assert tolerance.why
        assert tolerance.low < 1 < tolerance.high
    assert all(metric.why for metric in COUNTS)
    names = [metric.name for metric in (*TIMES, *COUNTS)]
    assert len(set(names)) == len(names)
