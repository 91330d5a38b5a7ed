from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from harness.report import writing
from harness.report.charts.all import charts
from harness.report.model import Comparison
from harness.report.writing import write_report

# Whole reports are written.
pytestmark = pytest.mark.commands

FILES = [
    *("index.html", "metrics.txt", "results.csv", "results.json", "summary.md", "trials.jsonl"),
]


@pytest.fixture(autouse=True)
def _one_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is enough to see how they are written; all of them take a second."""
    monkeypatch.setattr(writing, "charts", lambda comparison: charts(comparison)[:1])


def contents(directory: Path) -> dict[str, bytes]:
    """The files by name, without the charts."""
    paths = [path for path in sorted(directory.iterdir()) if path.is_file()]
    return {path.name: path.read_bytes() for path in paths}


def drawn(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((directory / "charts").iterdir())}


def test_all_files_are_written(comparison: Comparison, tmp_path: Path) -> None:
    write_report(comparison, tmp_path / "new" / "report")
    assert list(contents(tmp_path / "new" / "report")) == FILES


@pytest.mark.parametrize("approach", ["zookeeper-lock", "none"])
def test_what_was_not_measured_is_in_every_file(
    comparison: Comparison, tmp_path: Path, approach: str
) -> None:
    write_report(comparison, tmp_path)
    for name, content in contents(tmp_path).items():
        assert approach.encode() in content or name == "trials.jsonl", name


def test_the_reason_for_skipping_is_in_every_file(comparison: Comparison, tmp_path: Path) -> None:
    write_report(comparison, tmp_path)
    for name, content in contents(tmp_path).items():
        assert b"no ZooKeeper here" in content or name == "trials.jsonl", name


def test_the_same_comparison_gives_the_same_bytes(comparison: Comparison, tmp_path: Path) -> None:
    write_report(comparison, tmp_path / "a")
    write_report(comparison, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert drawn(tmp_path / "a") == drawn(tmp_path / "b")


def test_charts_are_files_of_their_own(comparison: Comparison, tmp_path: Path) -> None:
    write_report(comparison, tmp_path)
    found = drawn(tmp_path)
    names = [chart.name for chart in charts(comparison)[:1]]
    assert names
    assert sorted(found) == sorted(f"{name}.{kind}" for name in names for kind in ("png", "svg"))
    for name in names:
        assert ElementTree.fromstring(found[f"{name}.svg"]).tag.endswith("svg")
        assert found[f"{name}.png"].startswith(b"\x89PNG")


def test_charts_do_not_say_when_they_were_drawn(comparison: Comparison, tmp_path: Path) -> None:
    write_report(comparison, tmp_path)
    for name, content in drawn(tmp_path).items():
        for date in (b"dc:date", b"tEXtCreation", b"tIME"):
            assert date not in content, name


def test_charts_of_an_older_report_go(comparison: Comparison, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "old.svg").touch()
    (tmp_path / "charts" / "old.png").touch()
    (tmp_path / "charts" / "notes.txt").touch()
    write_report(comparison, tmp_path)
    assert "old.svg" not in drawn(tmp_path)
    assert "old.png" not in drawn(tmp_path)
    assert "notes.txt" in drawn(tmp_path)


def test_another_date_changes_the_date_alone(comparison: Comparison, tmp_path: Path) -> None:
    later = replace(comparison, about={**comparison.about, "date": "2031-12-31"})
    write_report(comparison, tmp_path / "a")
    write_report(later, tmp_path / "b")
    before, after = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert before != after
    assert {name: text.replace(b"2030-01-01", b"2031-12-31") for name, text in before.items()} == (
        after
    )


def test_an_older_report_is_replaced(make: SimpleNamespace, tmp_path: Path) -> None:
    write_report(make.comparison(make.result("old-one")), tmp_path)
    write_report(make.comparison(make.result("new-one")), tmp_path)
    assert b"old-one" not in b"".join(contents(tmp_path).values())


def test_hostile_texts_can_be_written(hostile: Comparison, tmp_path: Path) -> None:
    write_report(hostile, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["results"]


def test_nothing_to_compare_still_makes_a_report(make: SimpleNamespace, tmp_path: Path) -> None:
    write_report(make.comparison(), tmp_path)
    assert list(contents(tmp_path)) == FILES
