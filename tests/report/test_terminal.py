from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.report.model import Comparison
from harness.report.terminal import print_table


def printed(comparison: Comparison, width: int, colour: bool = False) -> str:
    target = StringIO()
    console = Console(
        file=target, width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    print_table(comparison, console)
    return target.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_it_fits_the_terminal_and_names_every_approach(comparison: Comparison, width: int) -> None:
    text = printed(comparison, width)
    assert all(len(line) <= width for line in text.splitlines())
    for result in comparison.results:
        # A name may be broken at a hyphen.
        assert result.approach.partition("-")[0] in text


def test_at_100_columns_every_figure_is_there(comparison: Comparison) -> None:
    text = printed(comparison, 100)
    for title in ("once", "duplicate", "missed", "overrun", "late", "overlaps", "unrecovered"):
        assert title in text
    for title in ("failover", "outage", "takeover", "calls per", "trials"):
        assert title in text
    for figure in ("1.8-5.2)", "0 (< 0.95 %)", "4 (1.25 s)", "2 of 14", "> end", "3 (1 invalid)"):
        assert figure in text


def test_at_80_columns_rates_keep_their_interval(comparison: Comparison) -> None:
    text = printed(comparison, 80)
    assert "12 (1.8-5.2 %)" in text
    assert "0 (< 0.95 %)" in text


def test_what_was_not_measured_stands_there_with_its_reason(comparison: Comparison) -> None:
    text = printed(comparison, 100)
    assert "skipped: no ZooKeeper here" in text
    assert "no valid trial: worker-1 was never ready (in 1 of 2 trials)" in text
    assert "crash#1 did not land" in text
    assert "The machine was noisy." in text


def test_violations_are_red_and_others_are_not(make: SimpleNamespace) -> None:
    red = "\x1b[1;31m"
    assert red in printed(make.comparison(make.result()), 100, colour=True)
    assert red not in printed(make.comparison(make.clean_result()), 100, colour=True)


def test_suppressed_effects_are_shown_where_there_are_some(make: SimpleNamespace) -> None:
    assert "suppressed" not in printed(make.comparison(make.result()), 160)
    assert "suppressed" in printed(make.comparison(make.result(suppressed=3)), 160)


def test_what_is_rarely_seen_has_a_column_where_it_was_seen(make: SimpleNamespace) -> None:
    calm = printed(make.comparison(make.clean_result()), 160)
    for title in ("held", "extra", "errors"):
        assert title not in calm
    troubled = make.result(
        double_hold_count=3, double_hold_seconds=1.5, overlapping=4, repeated=5, retried=6
    )
    trials = (
        make.verdict(errors=7),
        make.verdict(errors=20),
        make.verdict(errors=1, invalid=("",)),
    )
    text = printed(make.comparison(troubled, verdicts={"redis-lock": trials}), 160)
    for part in ("held", "3 (1.50 s)", "extra", "4/5/6", "errors", " 27"):
        assert part in text


def test_on_a_narrow_terminal_names_stay_whole(make: SimpleNamespace) -> None:
    troubled = make.result(
        "zookeeper-leader", double_hold_count=3, double_hold_seconds=1.5, overlapping=4
    )
    text = printed(make.comparison(troubled), 80)
    assert "zookeeper-leader" in text
    assert "4 (1.25 s)" in text


def test_nothing_to_compare_is_said(make: SimpleNamespace) -> None:
    assert "No approach was run." in printed(make.comparison(), 100)


def test_only_skipped_approaches_print_no_empty_table(make: SimpleNamespace) -> None:
    text = printed(make.comparison(make.result(trials=0, skipped="no Redis")), 100)
    assert "skipped: no Redis" in text
    assert "duplicate" not in text


def test_names_from_outside_are_neither_markup_nor_control(hostile: Comparison) -> None:
    text = printed(hostile, 100)
    assert "[red]" in text
    assert "\x1b" not in text
    assert "\x00" not in text


def test_what_was_left_out_for_want_of_room_is_named(comparison: Comparison) -> None:
    assert "for want of room" not in printed(comparison, 160)
    text = " ".join(printed(comparison, 60).split())
    assert "left out, for want of room: once" in text
    assert "they are in the report" in text


def test_why_trials_do_not_count_is_told_once(make: SimpleNamespace) -> None:
    reasons = tuple(f"seed {n}: {why}" for n in range(9) for why in ("no run was expected", "torn"))
    text = printed(make.comparison(make.result(trials=10, invalid_trials=9, invalid=reasons)), 160)
    assert (
        "redis-lock: 9 of 10 trials invalid, left out: torn (seeds 0, 1, 2, 3, 4, 5 and 3 more)"
        in text
    )
