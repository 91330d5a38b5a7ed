"""`harness doctor`, `calibrate` and `clean`: the machine that it all runs on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.calibrate import run_calibration
from harness.cli.app import app
from harness.cli.inputs import fail
from harness.coordinators.install import install as install_coordinators
from harness.coordinators.server import ServerError
from harness.coordinators.sources import locate
from harness.runtimes.calibration import write_calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import LauncherError, clean_stale
from harness.session import Exit


@app.command()
def doctor(
    install: Annotated[
        bool, typer.Option("--install", help="Get what is missing, where that is possible.")
    ] = False,
) -> None:
    """Say what this machine can run, and what to install."""
    if install:
        found = install_coordinators(lambda line: print(line, flush=True), os.environ)
    else:
        found = locate(os.environ)
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in found:
        ok = one.source is not None
        state = Text("ok", "green") if ok else Text("missing", "yellow")
        what = " ".join(filter(None, (one.version, f"({one.source})"))) if ok else one.remedy
        table.add_row(Text(one.name), state, Text(f"{what}" if ok else f"to get it: {what}"))
    linux = sys.platform == "linux"
    table.add_row(
        Text("runtime process"),
        Text("ok", "green") if linux else Text("missing", "yellow"),
        Text("" if linux else "needs Linux"),
    )
    forks = hasattr(os, "fork")
    table.add_row(
        Text("runtime sim"),
        Text("ok", "green") if forks else Text("missing", "yellow"),
        Text("" if forks else "needs a system that can fork"),
    )
    Console().print(table)
    able = linux and any(one.source for one in found)
    raise typer.Exit(Exit.OK if able else Exit.ENVIRONMENT)


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("calibration.json"),
) -> None:
    """Measure how long coordinators take on this machine, for `run --runtime sim` to imitate."""
    if out.exists():
        fail(f"--out {out}: is there already; give another name", Exit.BAD_INPUT)
    try:
        out.touch(exist_ok=False)
    except OSError as error:
        fail(f"--out {out}: {error.strerror}", Exit.BAD_INPUT)
    try:
        measured = run_calibration(os.environ, lambda line: print(line, file=sys.stderr))
    except (LauncherError, TrialError, ServerError) as error:
        out.unlink()
        fail(str(error), Exit.ENVIRONMENT)
    except KeyboardInterrupt:
        out.unlink()
        fail("interrupted: nothing was written", Exit.INTERRUPTED)
    for note in measured.notes:
        print(note, file=sys.stderr)
    try:
        write_calibration(measured, out)
    except OSError as error:
        fail(f"--out {out}: {error.strerror}", Exit.BAD_INPUT)
    print(out)


@app.command()
def clean() -> None:
    """Remove what runs that were killed have left behind."""
    removed = clean_stale()
    for path in removed:
        print(f"removed {path}")
    if not removed:
        print("nothing was left behind")
