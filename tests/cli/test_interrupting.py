"""Ctrl-C while Python still loads the command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.command import ROOT

pytestmark = pytest.mark.commands

# Interrupts itself at the moment at which a module is about to be loaded.
INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

# A shell's background jobs ignore it, and so do their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
sys.meta_path.insert(0, Interrupting())
sys.argv = ["harness", "list", "faults"]
from harness.cli import main
main()
"""


def interrupted(module: str, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(module=module, before=before)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "module", ["harness.cli.commands", "typer", "harness.session", "psycopg", "harness.cli.machine"]
)
def test_it_ends_at_once_and_without_a_word(module: str) -> None:
    done = interrupted(module)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_without_an_interrupt_the_command_runs() -> None:
    done = interrupted("no.such.module")
    assert done.returncode == 0
    assert "crash" in done.stdout


def test_who_ignores_it_is_left_alone() -> None:
    done = interrupted("psycopg", "signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert done.returncode == 0
    assert "crash" in done.stdout


def test_once_loaded_the_command_hears_of_it_itself() -> None:
    # The last thing before a command runs.
    before = """
import harness.cli.commands as commands
def app():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print("asked")
commands.app = app
"""
    done = interrupted("no.such.module", before)
    assert (done.returncode, done.stdout) == (0, "asked\n")
