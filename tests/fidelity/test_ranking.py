from __future__ import annotations

from math import inf, nan

from harness.fidelity.agreement import compare
from harness.fidelity.model import Estimate, Finding, Row, Swap, Unit
from harness.fidelity.ranking import ranking
from tests.fidelity.building import trials


def row(approach: str, live: float, simulated: float, width: float = 0.1) -> Row:
    return Row(
        approach=approach,
        metric="failover p50",
        unit=Unit.SECONDS,
        live=Estimate(live, (live - width, live + width), 10),
        simulated=Estimate(simulated, (simulated - width, simulated + width), 10),
        ratio=None,
        allowed=(0, 1),
        excess=None,
        finding=Finding.AGREES,
    )


def test_the_same_order_on_both_sides_agrees() -> None:
    (order,) = ranking([row("b", 2, 2.5), row("a", 1, 1.2), row("c", 3, 9)], ["failover p50"])
    assert order.finding is Finding.AGREES
    assert order.live == order.simulated == ("a", "b", "c")
    assert order.compared == 3
    assert order.tau == 1


def test_a_pair_in_opposite_order_is_named() -> None:
    (order,) = ranking([row("a", 1, 2), row("b", 2, 1), row("c", 3, 3)], ["failover p50"])
    assert order.finding is Finding.DIFFERS
    assert order.swapped == (Swap(less_live="a", less_simulated="b"),)
    assert order.tau is not None
    assert order.tau < 1
    (order,) = ranking([row("b", 2, 1), row("a", 1, 2)], ["failover p50"])
    assert order.swapped == (Swap(less_live="a", less_simulated="b"),)


def test_a_pair_that_one_side_cannot_tell_apart_is_no_disagreement() -> None:
    (order,) = ranking([row("a", 1, 2), row("b", 2, 1.9)], ["failover p50"])
    assert order.swapped == ()
    assert order.compared == 0
    assert order.finding is Finding.TOO_LITTLE


def test_what_never_recovers_comes_last_and_what_has_no_value_is_left_out() -> None:
    rows = [row("never", inf, inf), row("none", nan, 1), row("soon", 1, 1)]
    (order,) = ranking(rows, ["failover p50"])
    assert order.live == order.simulated == ("soon", "never")
    assert order.compared == 1
    assert order.tau == 1


def test_one_approach_alone_has_no_order() -> None:
    assert ranking([row("a", 1, 1)], ["failover p50", "duplicate"]) == ()


def test_without_any_difference_there_is_no_tau() -> None:
    (order,) = ranking([row("a", 1, 1), row("b", 1, 1)], ["failover p50"])
    assert order.tau is None


def test_a_simulation_that_swaps_two_approaches_is_found() -> None:
    fast, slow = trials(20, 1), trials(20, 2, slower=2.0)
    fidelity = compare({"a": fast, "b": slow}, {"a": slow * 5, "b": fast * 5}, "worker-crash")
    assert fidelity.ranking is Finding.DIFFERS
    assert fidelity.finding is Finding.DIFFERS
    order = next(one for one in fidelity.orders if one.metric == "failover p50")
    assert order.swapped == (Swap(less_live="a", less_simulated="b"),)
    fidelity = compare({"a": fast, "b": slow}, {"a": fast * 5, "b": slow * 5}, "worker-crash")
    assert fidelity.ranking is Finding.AGREES
