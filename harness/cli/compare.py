"""`harness compare`: a report from runs made before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness.cli.app import REPORTS, app
from harness.cli.inputs import fail
from harness.report.documents import ReportError
from harness.report.points import SWEEP, Sweep, is_sweep, read_sweep
from harness.session import Exit, new_directory, point_latest

if TYPE_CHECKING:
    from harness.report.page.entry import Entry

_TITLE = "Approaches compared"


@app.command()
def compare(
    directory: Annotated[
        list[Path], typer.Argument(help="Directories of runs or sweeps, as --out named them.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the report goes; default reports/compare-<time>, or, with one directory, "
            "that one."
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="What stands over a page of several runs.")
    ] = None,
) -> None:
    """Write one report from runs made before; from a single run or sweep, write its own anew."""
    console = Console(stderr=True)
    console.print(f"reading {len(directory)} director{'y' if len(directory) == 1 else 'ies'}")
    sweeps, entries = _read(directory)
    try:
        if len(directory) == 1 and not sweeps and title is not None:
            fail("--title is for a page of several runs", Exit.BAD_INPUT)
        target = out or (directory[0] if len(directory) == 1 else None)
        if out is not None:
            _check_free(out, entries)
        if target is None:
            target = new_directory(REPORTS, "compare")
        _write(directory, sweeps, entries, target, title)
        if out is None and len(directory) > 1:
            point_latest(target)
    except OSError as error:
        fail(f"the report could not be written: {error}", Exit.ENVIRONMENT)
    Console().print(Text(f"report: {target / 'index.html'}"), soft_wrap=True)


def _read(directories: Sequence[Path]) -> tuple[list[Sweep], list[Entry]]:
    """The sweeps among the directories, and all reports in them; ends where there is a problem."""
    from harness.report.page.entry import Entry
    from harness.report.reading import read_report
    from harness.report.sweep import entries_of

    first = {path.resolve(): path for path in reversed(directories)}
    times = Counter(path.resolve() for path in directories)
    problems = [f"{first[one]} is given {count} times" for one, count in times.items() if count > 1]
    sweeps, entries = [], []
    for path in (first[one] for one in times):
        try:
            if is_sweep(path):
                sweep = read_sweep(path)
                sweeps.append(sweep)
                entries += entries_of(sweep, path)
            else:
                entries.append(Entry(path.name, read_report(path), path))
        except ReportError as error:
            problems.append(str(error))
    if problems:
        fail(problems, Exit.BAD_INPUT)
    return sweeps, entries


def _check_free(out: Path, entries: Sequence[Entry]) -> None:
    """End where `out` holds anything but such a report as is to be written, or what it is of."""
    from harness.report.several import FILES

    if not out.is_dir():
        return
    inside = [entry.directory.resolve() for entry in entries]
    ours = {*FILES, SWEEP}
    others = [
        one.name
        for one in out.iterdir()
        if one.name not in ours and not any(one.resolve() in (i, *i.parents) for i in inside)
    ]
    if others:
        fail(f"{out} holds something else ({min(others)}); give another --out", Exit.BAD_INPUT)


def _write(
    directories: Sequence[Path],
    sweeps: Sequence[Sweep],
    entries: Sequence[Entry],
    target: Path,
    title: str | None,
) -> None:
    from harness.report.charts.scaling import scaling_charts
    from harness.report.labels import labels
    from harness.report.several import write_several
    from harness.report.sweep import write_sweep_report
    from harness.report.writing import write_report

    if len(directories) == 1 and sweeps:
        write_sweep_report(sweeps[0], entries, target, title)
    elif len(directories) == 1:
        write_report(entries[0].comparison, target)
    else:
        comparisons = [entry.comparison for entry in entries]
        names = labels(comparisons, [entry.directory for entry in entries])
        labelled = [replace(one, label=name) for one, name in zip(entries, names, strict=True)]
        write_several(title or _TITLE, labelled, target, scaling_charts(comparisons))
