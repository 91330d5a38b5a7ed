from __future__ import annotations

import re
from types import SimpleNamespace

from harness.report.markdown import code, prose, summary
from harness.report.model import Comparison


def test_a_row_an_approach_in_both_tables(comparison: Comparison) -> None:
    rows = re.findall(r"^\| `(.+?)` \|", summary(comparison), flags=re.MULTILINE)
    assert rows == [result.approach for result in comparison.results] * 2


def test_every_row_has_as_many_cells_as_the_head(hostile: Comparison) -> None:
    for table in re.findall(r"(?:^\|.*\n?)+", summary(hostile), flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}
        assert len(widths) == 1


def test_figures_and_reasons_are_there(comparison: Comparison) -> None:
    text = summary(comparison)
    for part in (
        "12 (3 %, 1.8-5.2)",
        "0 (< 0.95 %)",
        "skipped: no ZooKeeper here",
        "no valid trial: seed 7: worker-1 was never ready",
        "1 of 3 trials invalid",
        "The machine was noisy.",
        "- command: harness run worker-crash",
        "- faults made by: signal",
    ):
        assert part in text


def test_text_from_outside_is_no_markup(hostile: Comparison) -> None:
    text = summary(hostile)
    outside_of_code = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)<", outside_of_code.replace("(<", "("))
    assert "@you" not in outside_of_code
    assert "\x00" not in text
    assert text.encode()


def test_prose_means_just_itself() -> None:
    assert prose("a|b *c* [d](e) _f_") == r"a\|b \*c\* \[d\](e) \_f\_"
    assert prose("# no heading") == r"\# no heading"
    assert prose("1. no list") == r"1\. no list"
    assert prose("7.0.15") == "7.0.15"
    assert "@you" not in prose("@you")
    assert "https://" not in prose("https://example.org")


def test_code_holds_in_a_table() -> None:
    assert code("a|b`c") == "`a\\|b'c`"
    assert code("") == "` `"


def test_nothing_to_compare_is_said(make: SimpleNamespace) -> None:
    assert "No approach was run." in summary(make.comparison())
