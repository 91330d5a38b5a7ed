"""All commands, loaded in the order in which `harness --help` shows them."""

from harness.cli import run  # isort: skip
from harness.cli import sweep, compare  # isort: skip
from harness.cli import judging, listing  # isort: skip
from harness.cli import gate  # isort: skip
from harness.cli import fidelity, machine, schema  # isort: skip
from harness.cli.app import app

__all__ = [
    "app",
    "compare",
    "fidelity",
    "gate",
    "judging",
    "listing",
    "machine",
    "run",
    "schema",
    "sweep",
]
