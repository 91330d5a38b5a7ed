from __future__ import annotations

from collections import Counter
from math import inf, isnan
from random import Random

import pytest

from harness.fidelity.agreement import compare
from harness.fidelity.model import Fidelity, Finding, Row
from harness.fidelity.tolerances import COUNTS, TIMES
from harness.verdict.model import Outcome
from harness.verdict.tally import Tally
from tests.fidelity.building import counting, make_tally, samples, trials


def compared(live: list[Tally], simulated: list[Tally]) -> Fidelity:
    return compare({"redis-lock": live}, {"redis-lock": simulated}, "worker-crash")


def row(fidelity: Fidelity, metric: str) -> Row:
    return next(one for one in fidelity.rows if one.metric == metric)


def finding(fidelity: Fidelity, metric: str) -> Finding:
    return row(fidelity, metric).finding


def quiet(count: int, seed: str, **how: float) -> list[Tally]:
    """Trials in which nothing runs twice, not even by chance."""
    return trials(count, seed, duplicates=0.0, **how)


def failing(seconds: list[float], end: float = 1e9, calls: int = 0) -> Tally:
    return make_tally(failover=samples(seconds, end), calls=calls)


def test_the_same_trials_on_both_sides_agree_in_everything() -> None:
    same = trials(30, "same")
    fidelity = compared(same, same)
    assert fidelity.finding is Finding.AGREES
    assert len(fidelity.rows) == len(TIMES) + len(COUNTS) + 1
    ratio = row(fidelity, "failover p50").ratio
    assert ratio is not None
    assert ratio.value == 1
    assert ratio.interval[0] < 1 < ratio.interval[1]


def test_a_simulated_failover_30_percent_too_long_is_found() -> None:
    fidelity = compared(quiet(20, "live"), quiet(200, "sim", slower=1.3))
    differing = {one.metric for one in fidelity.found(Finding.DIFFERS)}
    assert {"failover p50", "takeover p50", "outage p50"} == differing - {"failover p95"}
    assert fidelity.finding is Finding.DIFFERS
    found = row(fidelity, "failover p50")
    assert found.ratio is not None
    assert found.excess is not None
    assert found.ratio.value == pytest.approx(1 / 1.3, rel=0.1)
    assert found.excess.interval[1] < -1
    assert not found.allowed[0] <= found.live.value <= found.allowed[1]


def test_one_too_short_is_found_as_well() -> None:
    fidelity = compared(trials(40, "live"), trials(200, "sim", slower=0.6))
    assert finding(fidelity, "failover p50") is Finding.DIFFERS
    assert finding(fidelity, "failover p95") is Finding.DIFFERS


def test_waits_and_calls_that_differ_are_found() -> None:
    fidelity = compared(quiet(20, "live"), quiet(200, "sim", waits=0.2, calls=1.3))
    differing = {one.metric for one in fidelity.found(Finding.DIFFERS)}
    assert differing == {"lease wait p50", "lease wait p95", "calls per run"}


def test_within_the_tolerance_is_agreement_however_sure_the_difference() -> None:
    fidelity = compared(trials(40, "live", calls=1.06), trials(100, "sim"))
    calls = row(fidelity, "calls per run")
    assert calls.finding is Finding.AGREES
    assert not calls.wide
    assert calls.ratio is not None
    assert calls.ratio.interval[0] > 1


@pytest.mark.parametrize(("live", "simulated"), [(0.05, 0.01), (0.0, 0.0), (0.06, 0.099)])
def test_times_of_less_than_the_slack_are_too_small_to_tell(live: float, simulated: float) -> None:
    found = row(compared([failing([live])] * 20, [failing([simulated])] * 40), "failover p50")
    assert found.finding is Finding.TOO_SMALL
    assert found.allowed[0] == 0
    assert not found.wide


def test_times_that_could_have_been_too_short_are_not_too_small() -> None:
    fidelity = compared([failing([0.11])] * 20, [failing([0.11])] * 40)
    assert finding(fidelity, "failover p50") is Finding.AGREES


@pytest.mark.parametrize("seconds", [0.3, 1e10])
def test_what_is_small_in_simulation_and_too_long_live_differs(seconds: float) -> None:
    fidelity = compared([failing([seconds])] * 20, [failing([0.01])] * 40)
    assert finding(fidelity, "failover p50") is Finding.DIFFERS


def test_a_count_seen_on_neither_side_is_too_small_and_one_on_either_is_not() -> None:
    never, once = [make_tally()] * 40, make_tally(overlap_count=1)
    assert finding(compared(never, never), "overlaps") is Finding.TOO_SMALL
    assert finding(compared([once, *never], never), "overlaps") is Finding.AGREES
    assert finding(compared(never, [once, *never]), "overlaps") is Finding.AGREES


def test_where_all_is_too_small_nothing_is_settled() -> None:
    quiet = [make_tally(calls=0)] * 40
    fidelity = compared(quiet, quiet)
    assert {one.finding for one in fidelity.rows} == {Finding.TOO_SMALL}
    assert fidelity.finding is Finding.TOO_LITTLE


def test_few_and_scattered_live_trials_are_too_little_data() -> None:
    simulated = [failing([1.0 + number % 20 / 10], calls=100) for number in range(200)]
    fidelity = compared([failing([s], calls=100) for s in (1.0, 2.8, 2.7)], simulated)
    assert finding(fidelity, "failover p50") is Finding.TOO_LITTLE
    assert fidelity.finding is Finding.AGREES  # as the metrics that are settled do


def test_agreement_whose_interval_is_wider_than_the_tolerance_says_so() -> None:
    fidelity = compared([failing([s]) for s in (1.5, 2.0, 2.9)], trials(200, "sim"))
    found = row(fidelity, "failover p50")
    assert found.finding is Finding.AGREES
    assert found.wide


def test_one_live_trial_or_few_simulated_ones_prove_no_difference() -> None:
    far = [failing([9.0, 9.0, 9.0])]
    assert finding(compared(far, trials(200, "sim")), "failover p50") is Finding.TOO_LITTLE
    assert finding(compared(far * 9, trials(19, "sim")), "failover p50") is Finding.TOO_LITTLE
    assert finding(compared(far * 9, trials(20, "sim")), "failover p50") is Finding.DIFFERS


def test_what_never_recovers_on_either_side_agrees() -> None:
    stuck = [failing([60, 60, 2], end=30)] * 20
    found = row(compared(stuck, stuck * 5), "failover p50")
    assert found.finding is Finding.AGREES
    assert found.live.value == found.simulated.value == inf
    assert found.live.censored == 40
    assert found.ratio is None


@pytest.mark.parametrize("swap", [False, True])
def test_what_never_recovers_on_one_side_only_differs(swap: bool) -> None:
    stuck, well = [failing([60, 60, 2], end=30)] * 40, [failing([2, 2, 2])] * 40
    fidelity = compared(well, stuck) if swap else compared(stuck, well)
    assert finding(fidelity, "failover p50") is Finding.DIFFERS


def test_a_censored_sample_counts_as_one_that_is_longer() -> None:
    live = [failing([2.0, 2.0, 60, 60], end=30)] * 20
    found = row(compared(live, [failing([2.0])] * 40), "failover p95")
    assert found.live.value == inf
    assert found.finding is Finding.DIFFERS


def test_a_metric_without_a_sample_on_either_side_has_no_row() -> None:
    fidelity = compared([make_tally(calls=0)] * 5, [make_tally(calls=0)] * 40)
    assert {one.metric for one in fidelity.rows} == {one.name for one in COUNTS}


@pytest.mark.parametrize("swap", [False, True])
def test_samples_on_one_side_only_differ_if_they_are_many(swap: bool) -> None:
    none, many = [failing([])] * 40, [failing([2.0])] * 40
    few = [failing([2.0]), *none]
    for some, expected in ((many, Finding.DIFFERS), (few, Finding.TOO_LITTLE)):
        fidelity = compared(none, some) if swap else compared(some, none)
        found = row(fidelity, "failover p50")
        assert found.finding is expected
        assert isnan((found.live if swap else found.simulated).value)


def test_a_count_outside_of_what_the_simulation_predicts_is_found() -> None:
    live, simulated = trials(20, "live", duplicates=0.1), trials(200, "sim", duplicates=0.02)
    fidelity = compared(live, simulated)
    found = row(fidelity, "duplicate")
    assert found.finding is Finding.DIFFERS
    assert found.live.samples == sum(one.outcomes[Outcome.DUPLICATE] for one in live)
    assert found.live.value > found.allowed[1]
    assert finding(fidelity, "missed") is Finding.TOO_SMALL
    assert finding(compared(simulated[:20], live * 10), "duplicate") is Finding.DIFFERS


def test_one_count_where_none_was_simulated_is_chance_and_many_are_not() -> None:
    def overrun(count: int) -> Tally:
        return make_tally(outcomes={Outcome.ONCE: 50 - count, Outcome.OVERRUN: count})

    never = [overrun(0)] * 200
    for count, expected in ((1, Finding.AGREES), (5, Finding.DIFFERS)):
        live = [overrun(0)] * 9 + [overrun(count)]
        assert finding(compared(live, never), "overrun") is expected


def test_trials_that_do_not_count_are_left_out_and_named() -> None:
    broken = make_tally(invalid=("crash#1 did not land",), calls=10**6)
    cut = make_tally(partial=True, calls=10**6)
    fidelity = compared([*trials(20, "live"), broken, cut], trials(200, "sim"))
    assert finding(fidelity, "calls per run") is Finding.AGREES
    assert fidelity.trials["redis-lock"].live == 20
    assert fidelity.notes == ("redis-lock: 2 of 22 live trials left out: crash#1 did not land",)


def test_an_approach_that_ran_on_one_side_only_is_left_out() -> None:
    fidelity = compare({"one": trials(3, 1)}, {"two": trials(20, 2), "three": []}, "worker-crash")
    assert fidelity.left_out == {
        "one": "no valid simulated trial",
        "two": "no valid live trial",
        "three": "no valid live and no valid simulated trial",
    }
    assert fidelity.rows == ()
    assert fidelity.finding is Finding.TOO_LITTLE


def test_an_approach_whose_trials_are_all_invalid_leaves_the_whole_unsettled() -> None:
    same, invalid = trials(30, "same"), make_tally(invalid=("no worker was ready",))
    fidelity = compare({"a": same, "b": [invalid]}, {"a": same, "b": same}, "worker-crash")
    assert fidelity.left_out == {"b": "no valid live trial"}
    assert fidelity.broken == ("b",)
    assert fidelity.finding is Finding.TOO_LITTLE
    fidelity = compare({"a": same}, {"a": same, "b": []}, "worker-crash")
    assert fidelity.finding is Finding.AGREES


def test_the_same_trials_give_the_same_figures_beside_whichever_others() -> None:
    live, simulated = trials(5, "live"), trials(50, "sim")
    alone = compare({"b": live}, {"b": simulated}, "x")
    beside = compare({"a": simulated, "b": live}, {"b": simulated, "a": live}, "x")
    assert alone.rows == tuple(one for one in beside.rows if one.approach == "b")


def test_the_same_distribution_with_other_seeds_is_rarely_said_to_differ() -> None:
    rounds, differing = 15, Counter[str]()
    for seed in range(rounds):
        fidelity = compared(trials(4, f"live {seed}"), trials(40, f"sim {seed}"))
        differing.update(one.metric for one in fidelity.found(Finding.DIFFERS))
    # At 5 % a metric, 5 of 15 are seen once in sixteen hundred times.
    assert max(differing.values(), default=0) < 5
    assert differing.total() < 0.05 * rounds * (len(TIMES) + len(COUNTS) + 1)


def test_counts_in_clusters_are_rarely_said_to_differ() -> None:
    def clustered(random: Random) -> float:
        return random.choice((0.0, 0.0, 0.0, 0.3))

    differing = sum(
        finding(
            compared(counting(10, f"l{seed}", clustered), counting(100, f"s{seed}", clustered)),
            "missed",
        )
        is Finding.DIFFERS
        for seed in range(30)
    )
    assert differing <= 4
