"""The application that commands are added to, and where they find things."""

from pathlib import Path

import typer

from harness.approaches import APPROACHES
from harness.faults import FAULTS
from harness.scenario.model import Catalog
from harness.verdict.measures import MEASURES

CATALOG = Catalog(approaches=APPROACHES, faults=FAULTS, measures=MEASURES)
SCENARIOS = Path("scenarios")
REPORTS = Path("reports")

app = typer.Typer(
    help="Measure how approaches to distributed job scheduling behave when things break.",
    epilog="Start with: harness run scenarios/worker-crash.yaml",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
