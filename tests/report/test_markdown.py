from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from harness.report.markdown import LIMIT, code, prose, summary, summary_of_several
from harness.report.model import Comparison
from harness.scenario.model import Expectation
from harness.verdict.model import Latency, Quantiles, Result
from tests.report.conftest import HOSTILE, make_clean_result, make_comparison, make_result
from tests.report.stories.planting import paused
from tests.report.stories.test_diagrams import GRAMMAR

# What a comment on GitHub may hold.
COMMENT = 65_536
OURS = re.compile(r"</?(?:details|summary)>")


def crowd(count: int, name: str = HOSTILE) -> Comparison:
    """So many approaches of hostile names, each with a story, an unmet expectation, a warning."""
    results = [
        make_result(f"{name}{n}", invalid_trials=1, invalid=(HOSTILE * 50,) * 9)
        for n in range(count)
    ]
    return make_comparison(
        *results,
        scenario=name,
        description=HOSTILE * 100,
        about={"command": HOSTILE * 50, **{f"{HOSTILE}{n}": HOSTILE * 100 for n in range(300)}},
        notes=(HOSTILE * 100,) * 100,
        expect=(Expectation("all", "duplicate", None, 0), Expectation("all", "missed", None, 0)),
    )


def held(approach: str) -> Result:
    return replace(
        make_clean_result(approach), outage=Latency(14, 0, Quantiles(0.1, 0.2, 0.2, 0.2))
    )


def tables(text: str) -> list[list[str]]:
    return [found.strip().splitlines() for found in re.findall(r"(?:^\|.*\n?)+", text, re.M)]


def test_every_approach_has_a_row_in_every_table(comparison: Comparison) -> None:
    text = summary(comparison)
    rows = re.findall(r"^\| `(.+?)` \|", text, flags=re.MULTILINE)
    assert rows == [result.approach for result in comparison.results] * 3


def test_every_row_has_as_many_cells_as_the_head(hostile: Comparison) -> None:
    for text in (summary(hostile), summary_of_several([hostile, crowd(3)])):
        assert tables(text)
        for table in tables(text):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_the_first_line_counts_the_verdicts(comparison: Comparison) -> None:
    expected = "**✗ 2 unsafe, ! 1 with gaps, ? 2 not measured** of 5 approaches"
    assert expected in summary(comparison)
    assert "**✓ 1 held** of 1 approach\n" in summary(make_comparison(held("a")))


def test_the_short_table_shows_how_figures_stand() -> None:
    compared = make_comparison(
        make_result("redis-lock"),
        held("queue"),
        expect=(Expectation("redis-lock", "duplicate", None, 0),),
    )
    head, _, first, second = tables(summary(compared))[0]
    assert head == (
        "| approach | verdict | duplicates | missed | overlap | failover p50 / p95 | outage max | "
        "calls/run |"
    )
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert cells[:5] == ["`redis-lock`", "✗ unsafe", "✗ 3 %", "! 1.2 %", "! 4 (1.25 s)"]
    # Some never recovered: a median does not make that good.
    assert cells[5] == "! 0.85 s / 1.00 s"
    cells = [cell.strip() for cell in second.strip("|").split("|")]
    assert cells[:5] == ["`queue`", "✓ held", "✓ 0", "✓ 0", "✓ 0"]
    assert cells[5] == "0.40 s / 0.80 s"


def test_expectations_that_are_not_met_are_listed() -> None:
    compared = make_comparison(
        make_result("a"),
        make_clean_result("b"),
        expect=(Expectation("all", "duplicate", None, 0),),
    )
    text = summary(compared)
    lines = text.partition("### Expectations not met\n\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("- a: duplicate")
    assert "### Expectations not met" not in summary(make_comparison(make_clean_result("b")))


def test_one_story_is_told_with_its_diagram(tmp_path: Path) -> None:
    verdicts = {"redis-lock": (paused(tmp_path / "h.jsonl"),)}
    compared = make_comparison(make_result("redis-lock"), verdicts=verdicts)
    text = summary(compared)
    assert "<details><summary>What happened: redis-lock, Two runs of “report” at the same" in text
    assert "At 1.20 s w1 was paused" in text
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.S)
    assert all(GRAMMAR.fullmatch(line) for line in diagram.splitlines())


def test_the_story_is_that_of_an_expectation_not_met(tmp_path: Path) -> None:
    verdicts = {
        "a": (paused(tmp_path / "a.jsonl"),),
        "b": (paused(tmp_path / "b.jsonl"),),
    }
    compared = make_comparison(
        make_result("a"),
        make_result("b"),
        verdicts=verdicts,
        expect=(Expectation("b", "overlap", None, 0),),
    )
    assert "What happened: b," in summary(compared)
    assert "What happened: a," in summary(replace(compared, expect=()))


def test_where_nothing_went_wrong_no_story_is_told() -> None:
    compared = make_comparison(make_clean_result("queue"), verdicts={"queue": ()})
    assert "What happened" not in summary(compared)
    assert "mermaid" not in summary(compared)


def test_it_says_how_to_repeat_it(comparison: Comparison) -> None:
    assert "Repeat it (seed 7): `harness run worker-crash`" in summary(comparison)


def test_figures_and_reasons_are_there(comparison: Comparison) -> None:
    text = summary(comparison)
    for part in (
        "12 (3 %, 1.8-5.2)",
        "0 (< 0.95 %)",
        "skipped: no ZooKeeper here",
        "worker-1 was never ready",
        "1 of 3 trials invalid",
        "The machine was noisy.",
        "- command: harness run worker-crash",
        "- faults made by: signal",
    ):
        assert part in text


def test_text_from_outside_is_no_markup(hostile: Comparison) -> None:
    for text in (summary(hostile), summary_of_several([hostile, crowd(2)])):
        without_code = re.sub(r"```mermaid\n.*?```", "", text, flags=re.S)
        without_code = re.sub(r"`[^`\n]*`", "", without_code)
        assert not re.search(r"(?<!\\)<", OURS.sub("", without_code).replace("(<", "("))
        assert "@you" not in without_code
        assert "\x00" not in text
        assert text.count("<details>") == text.count("</details>") > 0
        assert text.encode()


def test_a_comment_has_room_for_it() -> None:
    for name in (HOSTILE, "|" * 500, "*" * 500):
        text = summary(crowd(20, name))
        assert len(text) <= LIMIT < COMMENT
        assert len(tables(text)[0]) == 22
        assert "Expectations not met" in text
    several = summary_of_several([crowd(20)] * 30)
    assert len(several) <= LIMIT
    assert len(tables(several)[0]) == 22
    assert "Left out for its length" in several
    assert "6 more scenarios found no place in the table." in several


def test_several_scenarios_are_a_table_of_badges(make: SimpleNamespace) -> None:
    bad = make.comparison(make.result("a"), held("b"), scenario="one")
    good = make.comparison(held("a"), held("c"), scenario="two")
    text = summary_of_several([bad, good])
    assert text.startswith("## 2 scenarios, 3 approaches\n\n**✗ 1 unsafe, ✓ 2 held**")
    head, _, a, b, c = tables(text)[0]
    assert head == "| approach | one | two |"
    assert re.fullmatch(r"\| `a` \| ✗ .+ \| ✓ .+ \|", a)
    assert re.fullmatch(r"\| `b` \| ✓ .+ \|  \|", b)
    assert re.fullmatch(r"\| `c` \|  \| ✓ .+ \|", c)
    assert "<details><summary>one</summary>" in text
    assert summary_of_several([bad]) == summary(bad)
    assert "Nothing was compared." in summary_of_several([])


def test_prose_means_just_itself() -> None:
    assert prose("a|b *c* [d](e) _f_") == r"a\|b \*c\* \[d\](e) \_f\_"
    assert prose("# no heading") == r"\# no heading"
    assert prose("1. no list") == r"1\. no list"
    assert prose("7.0.15") == "7.0.15"
    assert "@you" not in prose("@you")
    assert "https://" not in prose("https://example.org")
    assert prose("abcdef", 4) == "abc…"


def test_code_holds_in_a_table() -> None:
    assert code("a|b`c") == "`a\\|b'c`"
    assert code("") == "` `"


def test_nothing_to_compare_is_said(make: SimpleNamespace) -> None:
    assert "No approach was run." in summary(make.comparison())
    assert "No approach was run." in summary_of_several([make.comparison(), make.comparison()])
