"""The application that commands are added to, and where they find things."""

from pathlib import Path
from typing import Annotated

import typer

from harness import __version__
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
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    pass
