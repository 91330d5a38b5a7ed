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


def test_a_sentence_names_each_violation(make: SimpleNamespace) -> None:
    text = phrases.sentence(make.result(double_hold_count=1, double_hold_seconds=0.5), True)
    assert text == (
        "ran 3 % of runs more than once (12 of 400); missed 1.2 % (5); "
        "a job ran beside itself 4 times, 1.25 s in all, up to 2 at once; "
        "two workers held the same lease 1 time, 0.50 s in all; "
        "nobody started a job for up to 4.80 s after a fault; "
        "2 of 14 times a job did not start again before the end"
    )


def test_a_sentence_never_says_never(make: SimpleNamespace) -> None:
    text = phrases.sentence(make.clean_result(), True)
    assert "none of 400 runs" in text
    assert "(95 %: below 0.95 %)" in text
    assert "never" not in text


def test_a_sentence_says_that_no_fault_hit_where_some_were_planned(make: SimpleNamespace) -> None:
    empty = Latency(0, 0, Quantiles())
    result = make.result(failover=empty, outage=empty)
    assert phrases.sentence(result, True).endswith(f"; {phrases.NO_HIT}")
    assert "hit" not in phrases.sentence(result, False)
    assert "fault" not in phrases.sentence(result, False)


def test_an_outage_that_lasted_to_the_end_is_in_the_sentence(make: SimpleNamespace) -> None:
    result = make.result(
        failover=Latency(3, 0, Quantiles(0.4, 0.5, 0.5, 0.5)), outage=Latency(3, 2, Quantiles())
    )
    assert phrases.sentence(result, True).endswith("; 2 of 3 times a job was still out at the end")


def test_a_sentence_does_not_speak_of_an_outage_of_nothing(make: SimpleNamespace) -> None:
    outage = Latency(3, 0, Quantiles(0.0, 0.0, 0.0, 0.0))
    text = phrases.sentence(make.result(outage=outage), True)
    assert "the faults left no gap" in text
    assert "0 ms" not in text


def test_what_was_not_measured_is_said_to_be_so(make: SimpleNamespace) -> None:
    assert phrases.sentence(make.result(skipped="no Redis"), True) == "skipped: no Redis"
    invalid = make.result(trials=2, invalid_trials=2, invalid=("seed 1: torn",))
    assert phrases.sentence(invalid, True) == "no valid trial: seed 1: torn"
