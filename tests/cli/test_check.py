"""`harness check` takes histories, or directories of them; `--version` says which harness it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import __version__
from harness.cli.commands import app
from harness.history.journal import Journal
from harness.history.trial import JobLine, TrialLine
from harness.session import Exit

TRIAL = TrialLine(
    scenario="s",
    approach="a",
    runtime="process",
    seed=1,
    workers=("w",),
    duration=3.0,
    grace=1.0,
    jobs=(JobLine("report", 1.0, 1.0),),
)


@pytest.mark.parametrize("inside", ["", "histories"])
def test_a_directory_stands_for_its_histories(tmp_path: Path, inside: str) -> None:
    place = tmp_path / inside
    place.mkdir(exist_ok=True)
    for name in ("a-1.jsonl", "a-2.jsonl"):
        with Journal(place / name, TRIAL):
            pass
    done = CliRunner().invoke(app, ["check", str(tmp_path), "--json"])
    assert done.stdout.count('"history"') == 2


def test_a_directory_without_histories_is_bad_input(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert done.exit_code == Exit.BAD_INPUT
    assert "no histories (*.jsonl) in it" in done.output


def test_it_says_its_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"harness {__version__}\n"
