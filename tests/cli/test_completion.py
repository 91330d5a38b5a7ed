"""What shells get when somebody presses the tabulator, asked for as they ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.approaches import APPROACHES
from harness.comparison.request import Histories, Runtime
from tests.command import ROOT, run_harness

pytestmark = pytest.mark.commands

LIBRARY = {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}


def offered(line: str) -> set[str]:
    """What bash gets for a line, whose last word is what is typed so far."""
    asked = {
        "_HARNESS_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    ran = run_harness(env=asked)
    assert (ran.code, ran.err) == (0, "")
    return set(ran.out.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("harness run ", LIBRARY),
        ("harness run gc", {"gc-pause"}),
        ("harness run ./gc", set()),
        ("harness run gc-pause --runtime ", set(Runtime)),
        ("harness run gc-pause --histories ", set(Histories)),
        ("harness list ", {"scenarios", "approaches", "faults"}),
        ("harness schema r", {"results"}),
        ("harness ru", {"run"}),
    ],
)
def test_names_are_offered(line: str, expected: set[str]) -> None:
    assert offered(line) == expected


@pytest.mark.parametrize("name", ["network-partition", "scenarios/network-partition.yaml"])
def test_approaches_are_those_of_the_scenario_too(name: str) -> None:
    found = offered(f"harness run {name} --approach zookeeper-leader")
    assert found == {"zookeeper-leader", "zookeeper-leader-ignore"}


@pytest.mark.parametrize("name", ["", "no-such", "Makefile", "README.md"])
def test_without_a_scenario_they_are_all_there_are(name: str) -> None:
    assert offered(f"harness run {name} --approach ".replace("  ", " ")) == set(APPROACHES)


def test_what_is_given_already_is_not_offered_again() -> None:
    line = "harness run gc-pause --approach zookeeper-lock --approach zookeeper-"
    assert offered(line) == {"zookeeper-leader"}


def test_shells_that_show_help_get_it_in_one_line_each() -> None:
    asked = {
        "_HARNESS_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "harness run gc-pause --approach ",
    }
    ran = run_harness(env=asked)
    assert len(ran.out.splitlines()) == len(APPROACHES)
    assert '"uncoordinated":"Every instance runs every job' in ran.out


def test_completion_can_be_installed(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ran = run_harness("--install-completion", "bash", env=home)
    assert (ran.code, ran.err) == (0, "")
    shell = "source ~/.bashrc; complete -p harness"
    done = subprocess.run(
        ["bash", "-c", shell],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.endswith(" harness\n"), done.stderr


def test_no_command_waits_for_what_draws_charts_and_tables() -> None:
    program = "import sys, harness.cli.commands; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "'typer'" in done.stdout
    for heavy in ("'matplotlib'", "'pandas'", "'scipy'", "'jinja2'", "'junitparser'"):
        assert heavy not in done.stdout
