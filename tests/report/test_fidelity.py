from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from math import inf, nan
from pathlib import Path

import pytest
from rich.console import Console

from harness.fidelity.agreement import compare
from harness.fidelity.model import Bias, Estimate, Fidelity, Finding, Row, Unit
from harness.report.fidelity import (
    biased,
    disagreements,
    fidelity_json,
    fidelity_markdown,
    print_fidelity,
    summary_line,
    write_fidelity,
)
from harness.verdict.model import Outcome
from tests.fidelity.building import make_tally, samples, trials
from tests.report.conftest import HOSTILE

ABOUT = {"machine": "two cores"}


@pytest.fixture(scope="module")
def differing() -> Fidelity:
    """Two approaches; the simulation has their failover the wrong way round, and more twice."""
    live = {"redis-lock": trials(8, 1), "zookeeper-leader": trials(8, 2, slower=2.5)}
    simulated = {
        "redis-lock": trials(60, 3, slower=2.5, duplicates=0.3),
        "zookeeper-leader": trials(60, 4),
    }
    return compare(live, simulated, "worker-crash")


@pytest.fixture(scope="module")
def agreeing() -> Fidelity:
    """One approach, the same on both sides; some failovers never end."""
    same = [
        make_tally(failover=samples([0.03, 40], end=30), takeover=samples([40, 40], end=30))
    ] * 30
    return compare({"redis-lock": same}, {"redis-lock": same}, "worker-crash")


def printed(fidelity: Fidelity, width: int = 100) -> str:
    target = StringIO()
    print_fidelity(fidelity, Console(file=target, width=width))
    return target.getvalue()


def test_at_100_columns_each_metric_has_one_line(differing: Fidelity) -> None:
    lines = printed(differing).splitlines()
    assert all(len(line) <= 100 for line in lines)
    for row in differing.rows:
        findings = ("agrees", "agrees*", "differs", "too small", "too little")
        whole = [one for one in lines if one.startswith(row.metric)]
        assert sum(one.rstrip().endswith(findings) for one in whole) == 2


@pytest.mark.parametrize("width", [60, 80, 160])
def test_it_fits_other_widths(differing: Fidelity, width: int) -> None:
    text = printed(differing, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "allowed  " in printed(differing, 160)


def test_each_disagreement_says_by_how_much(differing: Fidelity) -> None:
    lines = disagreements(differing)
    assert len(lines) == len(differing.found(Finding.DIFFERS)) + 1
    (failover,) = [one for one in lines if one.startswith("redis-lock: failover p50")]
    found = next(row for row in differing.rows if row.metric == "failover p50")
    assert f"{found.live.value:.2f} s live, {found.simulated.value:.2f} s simulated" in failover
    assert " times; allowed " in failover
    assert failover.endswith(" s")
    (twice,) = [one for one in lines if one.startswith("redis-lock: duplicate")]
    assert f"duplicate {sum(t.outcomes[Outcome.DUPLICATE] for t in trials(8, 1))} in all" in twice
    assert lines[-1] == (
        "ranking by failover p50: redis-lock has less than zookeeper-leader live, "
        "and more simulated"
    )
    text = " ".join(printed(differing).split())
    assert all(" ".join(line.split()) in text for line in lines)


def test_the_summary_counts_what_agrees(differing: Fidelity, agreeing: Fidelity) -> None:
    line = summary_line(differing)
    assert line.startswith(f"{len(differing.found(Finding.AGREES))} of 20 metrics agree")
    assert f"{len(differing.found(Finding.DIFFERS))} differ" in line
    assert line.endswith("ranking differs")
    assert "; 4 more are too small to tell; " in line
    assert summary_line(agreeing) == (
        "3 of 3 metrics agree; 5 more are too small to tell; nothing to rank"
    )
    small = replace(agreeing, rows=agreeing.found(Finding.TOO_SMALL))
    assert summary_line(small) == "5 metrics are too small to tell; nothing to rank"
    one = replace(agreeing, rows=agreeing.found(Finding.AGREES) + small.rows[-1:])
    assert "1 more is too small to tell" in summary_line(one)
    assert summary_line(compare({}, {}, "worker-crash")) == "nothing to compare"
    same = {name: trials(30, name, slower=slower) for name, slower in (("a", 1), ("b", 3))}
    assert summary_line(compare(same, same, "x")).endswith("; ranking agrees")


def test_what_is_too_small_says_so(agreeing: Fidelity) -> None:
    (line,) = [one for one in printed(agreeing).splitlines() if one.startswith("overlaps")]
    assert line.rstrip().endswith("too small")
    document = fidelity_json(agreeing, {})
    assert (document["agreeing"], document["too_small"]) == (3, 5)
    findings = {one["metric"]: one["finding"] for one in document["metrics"]}
    assert findings["failover p50"] == findings["missed"] == "too small"
    assert "| too small |" in fidelity_markdown(agreeing, {})


@pytest.mark.parametrize(
    ("ratio", "words"),
    [((0.958, 0.971), "3-4 % lower"), ((1.16, 2.06), "16-106 % higher"), ((1.1, 1.1), "10 % hi")],
)
def test_a_bias_is_said_in_one_line(
    agreeing: Fidelity, ratio: tuple[float, float], words: str
) -> None:
    bias = Bias("calls per run", ratio, ("a", "b", "c"), 4)
    fidelity = replace(agreeing, biases=(bias,))
    line = biased(bias)
    assert line.startswith(f"bias: calls per run is {words}")
    assert line.endswith(" live in 3 of 4 approaches")
    assert line in printed(fidelity).splitlines()
    assert f"### Bias\n\n- {line}\n" in fidelity_markdown(fidelity, {})
    assert fidelity_json(fidelity, {})["biases"] == [
        {
            "metric": "calls per run",
            "live": "lower" if ratio[0] < 1 else "higher",
            "ratio": list(ratio),
            "approaches": ["a", "b", "c"],
            "compared": 4,
        }
    ]


def test_without_a_bias_none_is_said(agreeing: Fidelity) -> None:
    assert "bias" not in printed(agreeing) + fidelity_markdown(agreeing, {}).lower()


def test_what_lies_beyond_the_end_says_so(agreeing: Fidelity) -> None:
    (line,) = [one for one in printed(agreeing).splitlines() if one.startswith("takeover p50")]
    assert line.split("  ")[0] == "takeover p50, s"
    assert line.count("> end") == 3
    (row,) = [one for one in fidelity_json(agreeing, {})["metrics"] if "takeover" in one["metric"]]
    assert row["live"]["value"] is None
    assert row["live"]["beyond_end"] is True
    assert row["live"]["censored"] == 60
    assert row["ratio"] is None


def test_short_times_are_in_milliseconds(agreeing: Fidelity) -> None:
    assert "failover p50, ms  30.0" in printed(agreeing)


def test_a_value_that_one_side_lacks_is_a_dash(agreeing: Fidelity) -> None:
    row = replace(
        agreeing.rows[0],
        live=Estimate(nan, (nan, nan), 0),
        allowed=(nan, nan),
        finding=Finding.DIFFERS,
    )
    fidelity = replace(agreeing, rows=(row,))
    assert "failover p50 - live, 30.0 ms simulated" in printed(fidelity)
    json.dumps(fidelity_json(fidelity, {}), allow_nan=False)


def test_an_interval_without_an_end_is_shown_open() -> None:
    estimate = Estimate(2.0, (1.0, inf), 3)
    row = Row(
        approach="a",
        metric="calls per run",
        unit=Unit.PER_RUN,
        live=estimate,
        simulated=Estimate(2.0, (0.0, inf), 1),
        ratio=None,
        allowed=(1.8, 2.2),
        excess=None,
        finding=Finding.AGREES,
        wide=True,
    )
    fidelity = replace(compare({"a": trials(1, 1)}, {"a": trials(1, 2)}, "x"), rows=(row,))
    text = printed(fidelity)
    assert "2.00 (1.00-…)" in text
    assert "agrees*" in text
    assert "* the interval reaches out" in text


def test_what_was_left_out_is_named(agreeing: Fidelity) -> None:
    fidelity = replace(agreeing, left_out={"b": "no postgres here"}, notes=("1 of 3 left out",))
    for text in (printed(fidelity), fidelity_markdown(fidelity, ABOUT)):
        assert "b: not compared: no postgres here" in text
        assert "1 of 3 left out" in text


def test_the_json_holds_everything_and_the_files_are_written(
    differing: Fidelity, tmp_path: Path
) -> None:
    write_fidelity(differing, tmp_path, ABOUT)
    document = json.loads((tmp_path / "fidelity.json").read_text("utf-8"))
    assert document["version"] == 1
    assert document["finding"] == document["ranking"] == "differs"
    assert len(document["metrics"]) == 24
    assert all(row["why"] for row in document["metrics"])
    assert document["trials"]["redis-lock"] == {"live": 8, "simulated": 60}
    assert document["about"] == ABOUT
    (order,) = [one for one in document["orders"] if one["metric"] == "failover p50"]
    assert order["swapped"] == [{"less_live": "redis-lock", "less_simulated": "zookeeper-leader"}]
    assert order["tau"] == -1
    markdown = (tmp_path / "fidelity.md").read_text("utf-8")
    assert "### What differs" in markdown
    assert "- machine: two cores" in markdown
    assert markdown.count("| failover p50, s |") == 2


def test_hostile_names_harm_nothing(agreeing: Fidelity, tmp_path: Path) -> None:
    rows = tuple(replace(row, approach=HOSTILE, finding=Finding.DIFFERS) for row in agreeing.rows)
    fidelity = replace(
        agreeing,
        scenario=HOSTILE,
        trials={HOSTILE: agreeing.trials["redis-lock"]},
        rows=rows,
        left_out={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
    )
    assert "\x1b" not in printed(fidelity)
    write_fidelity(fidelity, tmp_path, {HOSTILE: HOSTILE})
    markdown = (tmp_path / "fidelity.md").read_text("utf-8")
    assert "<script" not in markdown.replace("\\<script", "").replace("`</svg><script>", "")
