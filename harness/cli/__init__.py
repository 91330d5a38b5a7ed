"""The command line: what a person or a CI job may ask for. `harness --help` teaches it."""

# In the order in which `harness --help` shows them.
from harness.cli import run  # isort: skip
from harness.cli import judging, listing  # isort: skip
from harness.cli import fidelity, machine  # isort: skip
from harness.cli.app import app

__all__ = ["fidelity", "judging", "listing", "machine", "main", "run"]


def main() -> None:
    """Run the command line."""
    app()
