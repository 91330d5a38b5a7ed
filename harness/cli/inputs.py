"""What a user gave, turned into what is meant; or one line that says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from harness.cli.app import CATALOG, REPORTS, SCENARIOS
from harness.report.phrases import clean
from harness.runtimes.calibration import Calibration, CalibrationError, read_calibration
from harness.scenario.duration import parse_duration
from harness.scenario.loading import load_scenario
from harness.scenario.model import Scenario
from harness.scenario.overrides import with_overrides
from harness.scenario.problem import ScenarioError
from harness.scenario.wording import hint
from harness.session import Exit, new_directory


def chosen_scenario(
    name: str,
    approaches: list[str] | None,
    workers: int | None = None,
    duration: str | None = None,
) -> Scenario:
    """The scenario of that file or name, with what the options change in it."""
    return with_overrides(
        load_scenario(scenario_path(name), CATALOG),
        CATALOG,
        workers=workers,
        duration=None if duration is None else seconds(duration),
        approaches=approaches,
    )


@contextmanager
def bad_input() -> Iterator[None]:
    """Turn what is wrong with the input into one line a problem, and exit 2."""
    try:
        yield
    except ScenarioError as error:
        fail([str(problem) for problem in error.problems], Exit.BAD_INPUT)


def scenario_path(name: str) -> Path:
    """The file of a scenario that is given by path, or by its name in scenarios/."""
    path = Path(name)
    if path.exists() or path.suffix:
        return path
    known = [one.stem for one in sorted(SCENARIOS.glob("*.yaml"))]
    if name not in known:
        fail(f"{name}: no such scenario in {SCENARIOS}/; {hint(name, known)}", Exit.BAD_INPUT)
    return SCENARIOS / f"{name}.yaml"


def seconds(text: str) -> float:
    """What --duration says."""
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"--duration: {error}", Exit.BAD_INPUT)


def fail(problems: str | Sequence[str], code: Exit) -> NoReturn:
    """Say what is wrong, each problem in one line that is harmless wherever it is shown, and end.

    A line break that came with a name could begin a command to a CI server.
    """
    for problem in [problems] if isinstance(problems, str) else problems:
        print(clean(problem), file=sys.stderr)
    raise typer.Exit(code) from None


def calibration(path: Path | None) -> Calibration | None:
    """What the file says; None where none is given."""
    if path is None:
        return None
    try:
        return read_calibration(path)
    except CalibrationError as error:
        fail(f"--calibration {error}", Exit.BAD_INPUT)


def report_directory(out: Path | None, scenario: str, first: str) -> Path:
    """Make the directory of a report, and the `first` one in it, which says that it is taken."""
    directory = out or REPORTS
    if out is not None and out.is_dir() and any(out.iterdir()):
        fail(f"{out} holds a run already, or something else; give another --out", Exit.BAD_INPUT)
    try:
        directory = out or new_directory(REPORTS, scenario)
        (directory / first).mkdir(parents=True)
    except OSError as error:
        fail(f"--out {directory}: {error.strerror}", Exit.BAD_INPUT)
    return directory
