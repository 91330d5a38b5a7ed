from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.report import phrases
from harness.verdict.model import Latency, Quantiles


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 ms"),
        (0.012, "12 ms"),
        (0.0996, "0.10 s"),
        (1.919, "1.92 s"),
        (9.999, "10.0 s"),
        (12.34, "12.3 s"),
        (123.4, "123 s"),
    ],
)
def test_seconds_take_the_unit_and_precision_of_their_size(value: float | None, text: str) -> None:
    assert phrases.seconds(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0"),
        (0.00004, "0.004"),
        (0.0091, "0.91"),
        (0.031, "3.1"),
        (0.144, "14"),
        (0.985, "98.5"),
        (0.9977, "99.8"),
        (0.99984, "99.98"),
        (1.0, "100"),
    ],
)
def test_percent_is_finer_towards_the_ends(share: float, text: str) -> None:
    assert phrases.percent(share) == text


def test_a_rate_carries_its_interval() -> None:
    assert phrases.rate(12, 390, (0.018, 0.052)) == "12 (3.1 %, 1.8-5.2)"
    assert phrases.short_rate(12, 390, (0.018, 0.052)) == "12 (1.8-5.2 %)"


def test_zero_is_given_with_its_upper_bound() -> None:
    assert phrases.rate(0, 412, (0.0, 0.0089)) == "0 (< 0.89 %)"
    assert phrases.short_rate(0, 412, (0.0, 0.0089)) == "0 (< 0.89 %)"


def test_a_rate_of_nothing_is_no_figure() -> None:
    assert phrases.rate(0, 0, (None, None)) == "-"


def test_a_rate_without_interval_is_still_a_rate() -> None:
    assert phrases.rate(3, 300, None) == "3 (1 %)"
    assert phrases.rate(0, 300, None) == "0"


def test_a_quantile_among_censored_samples_is_beyond_the_end() -> None:
    latency = Latency(5, 3, Quantiles())
    assert phrases.quantile(latency, "p50") == "> end"
    assert phrases.quantile(Latency(0, 0, Quantiles()), "p50") == "-"


def test_clean_leaves_one_printable_line() -> None:
    assert phrases.clean("a\nb\tc") == "a b c"
    assert phrases.clean("\x1b[31m\x00\ud800\u202e") == "�[31m���"
    assert phrases.clean("ZooKeeper läuft: 動物園") == "ZooKeeper läuft: 動物園"
    assert phrases.clean("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.06, (0.0552, 0.0641), "55-64 ms"),
        (0.06, (0.0600, 0.0604), "60.0-60.4 ms"),
        (0.06, (0.06001, 0.06002), "± < 0.1 ms"),
        (1.7, (1.55, 1.9), "1.55-1.90 s"),
        (1.7, (1.7017, 1.7021), "± < 1 ms"),
        (0.2, (0.02, 0.4), "0.02-0.40 s"),
        (1.7, (None, 1.9), ""),
    ],
)
def test_an_interval_of_a_time_has_the_unit_of_its_value(
    value: float, interval: phrases.Interval, text: str
) -> None:
    assert phrases.seconds_range(value, interval) == text


def test_a_share_stands_beside_its_interval() -> None:
    assert phrases.share(12, 390) == "3.1 %"
    assert phrases.share_range(12, 390, (0.018, 0.052)) == "1.8-5.2 %"
    assert phrases.share(0, 390) == "0"
    assert phrases.share_range(0, 390, (0.0, 0.0098)) == "< 0.98 %"
    assert phrases.share(0, 0) == "-"
    assert phrases.share_range(3, 3, (1.0, 1.0)) == "100 %"


def test_reasons_are_told_once_with_their_seeds_and_causes_first() -> None:
    lines = [
        "seed 1: no run was expected in the 0 s that can be judged",
        "seed 1: worker-1 was never ready",
        "seed 2: worker-1 was never ready",
        "torn",
    ]
    assert phrases.causes(lines) == [
        ("worker-1 was never ready", ("1", "2")),
        ("torn", ()),
        ("no run was expected in the 0 s that can be judged", ("1",)),
    ]


def test_why_an_approach_has_no_figures_is_one_short_line(make: SimpleNamespace) -> None:
    assert phrases.why_not(make.result()) is None
    reasons = tuple(f"seed {seed}: torn" for seed in range(1, 4))
    invalid = make.result(trials=4, invalid_trials=4, invalid=reasons)
    assert phrases.why_not(invalid) == "no valid trial: torn (in 3 of 4 trials)"
