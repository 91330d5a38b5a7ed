"""The command line: what a person or a CI job may ask for. `harness --help` teaches it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, get_args, get_origin, get_type_hints

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.approaches import APPROACHES
from harness.comparison.request import Histories, Request, Runtime, misfit
from harness.coordinators.install import install as install_coordinators
from harness.coordinators.sources import locate
from harness.faults import FAULTS
from harness.faults.plan import plan_faults
from harness.gate import MEASURES
from harness.history.reading import History, HistoryError, read_history
from harness.report.model import Comparison
from harness.report.terminal import print_table
from harness.runtimes.calibration import Calibration, CalibrationError, read_calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import LauncherError, clean_stale
from harness.scenario.duration import format_duration, parse_duration
from harness.scenario.loading import load_scenario
from harness.scenario.model import Catalog, Scenario
from harness.scenario.overrides import with_overrides
from harness.scenario.problem import ScenarioError
from harness.scenario.wording import hint
from harness.session import Exit, Session, StopSignals, new_directory, point_latest, run_session
from harness.verdict.judge import judge
from harness.verdict.model import Verdict
from harness.verdict.result import result_as_json, summarize
from harness.verdict.tally import tally

CATALOG = Catalog(approaches=APPROACHES, faults=FAULTS, measures=MEASURES)
SCENARIOS = Path("scenarios")
REPORTS = Path("reports")

app = typer.Typer(
    help="Measure how approaches to distributed job scheduling behave when things break.",
    epilog="Start with: harness run scenarios/worker-crash.yaml",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Kind(StrEnum):
    """What can be listed."""

    SCENARIOS = "scenarios"
    APPROACHES = "approaches"
    FAULTS = "faults"


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="A scenario's file, or its name in scenarios/.")],
    approach: Annotated[
        list[str] | None, typer.Option(help="Only this approach; may be given several times.")
    ] = None,
    runtime: Annotated[Runtime, typer.Option(help="Where trials happen.")] = Runtime.PROCESS,
    repeat: Annotated[int, typer.Option(min=1, help="Trials of each approach.")] = 1,
    seed: Annotated[int, typer.Option(help="What all chance is drawn from.")] = 1,
    workers: Annotated[int | None, typer.Option(help="So many workers instead.")] = None,
    duration: Annotated[str | None, typer.Option(help="So long instead, e.g. 60s.")] = None,
    side_by_side: Annotated[
        int | None,
        typer.Option(min=1, help="Trials at once; by default as many as disturb nothing."),
    ] = None,
    histories: Annotated[
        str | None,
        typer.Option(
            help="Those to keep: all, failing (the first 20 an approach, and its first trial) or "
            "none. By default all live ones, and failing ones of a simulation."
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="What a simulation imitates; by default a usual machine.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the report goes; default reports/<scenario>-<time>.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json to stdout.")] = False,
) -> None:
    """Run a scenario, judge what happened, write the report."""
    progress = Console(stderr=True)
    with _bad_input():
        chosen = with_overrides(
            load_scenario(_scenario_path(scenario), CATALOG),
            CATALOG,
            workers=workers,
            duration=None if duration is None else _duration(duration),
            approaches=approach,
        )
        kept = _histories(histories, runtime)
        imitated = _calibration(calibration, runtime)
        directory = _report_directory(out, chosen.name)
    request = Request(
        scenario=chosen,
        runtime=runtime.value,
        seed=seed,
        repeat=repeat,
        directory=directory,
        at_once=side_by_side,
        histories=kept,
        calibration=imitated,
    )
    command = ["harness", *sys.argv[1:]]
    with StopSignals(progress) as stop:
        try:
            session = run_session(request, progress, stop, command, os.environ)
        except (LauncherError, TrialError) as error:
            _fail(str(error), Exit.ENVIRONMENT)
        try:
            _present(session, directory, progress, as_json)
            if out is None:
                point_latest(directory)
        except OSError as error:
            _fail(f"the report could not be written: {error}", Exit.ENVIRONMENT)
    late = stop.seen and session.code is not Exit.ENVIRONMENT
    raise typer.Exit(Exit.INTERRUPTED if late else session.code)


def _histories(which: str | None, runtime: Runtime) -> Histories:
    if which is None:
        return Histories.FAILING if runtime is Runtime.SIM else Histories.ALL
    if which not in list(Histories):
        _fail(f"--histories {which}: {hint(which, list(Histories))}", Exit.BAD_INPUT)
    return Histories(which)


def _calibration(path: Path | None, runtime: Runtime) -> Calibration | None:
    if path is None:
        return None
    if runtime is not Runtime.SIM:
        _fail(f"--calibration is for --runtime {Runtime.SIM} alone", Exit.BAD_INPUT)
    try:
        return read_calibration(path)
    except CalibrationError as error:
        _fail(f"--calibration {error}", Exit.BAD_INPUT)


def _report_directory(out: Path | None, scenario: str) -> Path:
    """Make the directory of the report, with room for the histories."""
    directory = out or REPORTS
    try:
        directory = out or new_directory(REPORTS, scenario)
        (directory / "histories").mkdir(parents=True)
    except FileExistsError:
        _fail(f"{directory} holds a run already, or is a file; give another --out", Exit.BAD_INPUT)
    except OSError as error:
        _fail(f"--out {directory}: {error.strerror}", Exit.BAD_INPUT)
    return directory


def _present(session: Session, directory: Path, progress: Console, as_json: bool) -> None:
    # The charts' libraries take a second to load: not before the trials, which they would disturb.
    from harness.report.document import results_json
    from harness.report.writing import write_report

    if as_json:
        print(json.dumps(results_json(session.comparison), indent=2))
    table = progress if as_json else Console()
    table.print()
    print_table(session.comparison, table)
    progress.print("writing the report")
    write_report(session.comparison, directory)
    table.print(Text(f"report: {directory / 'index.html'}"))


@app.command()
def check(
    history: Annotated[list[Path], typer.Argument(help="Histories, whoever wrote them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Judge histories, whoever wrote them."""
    histories = _read(history)
    verdicts = [judge(one) for one in histories]
    if as_json:
        rows = [_checked(one, verdict) for one, verdict in zip(histories, verdicts, strict=True)]
        print(json.dumps({"version": 1, "histories": rows}, indent=2))
    else:
        _print_checked(histories, verdicts)
    raise typer.Exit(Exit.OK if all(one.valid for one in verdicts) else Exit.INCONCLUSIVE)


def _read(paths: list[Path]) -> list[History]:
    histories, problems = [], []
    for path in paths:
        try:
            histories.append(read_history(path))
        except HistoryError as error:
            problems.append(str(error))
    if problems:
        _fail("\n".join(problems), Exit.BAD_INPUT)
    return histories


def _checked(history: History, verdict: Verdict) -> dict[str, Any]:
    return {
        "history": str(history.path),
        "torn": history.torn,
        "partial": verdict.partial,
        **result_as_json(summarize(history.trial.approach, [tally(verdict)])),
    }


def _print_checked(histories: list[History], verdicts: list[Verdict]) -> None:
    console = Console()
    for history, verdict in zip(histories, verdicts, strict=True):
        trial = history.trial
        notes = ["the last line is torn and was left out"] if history.torn else []
        comparison = Comparison(
            scenario=trial.scenario,
            description=str(history.path),
            runtime=trial.runtime,
            seed=trial.seed,
            results=(summarize(trial.approach, [tally(verdict)]),),
            tallies={trial.approach: [tally(verdict)]},
            verdicts={trial.approach: [verdict]},
            about={},
            notes=tuple(notes),
        )
        print_table(comparison, console)


@app.command("list")
def list_(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; all by default.")] = None,
) -> None:
    """List scenarios, approaches and faults, with their parameters."""
    console = Console()
    for one in [kind] if kind else list(Kind):
        table = Table(box=None, pad_edge=False, title=one.value, title_justify="left")
        rows = _scenario_rows() if one is Kind.SCENARIOS else _class_rows(one)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        console.print()


def _scenario_rows() -> Iterator[tuple[str, str]]:
    for path in sorted(SCENARIOS.glob("*.yaml")):
        with _bad_input():
            scenario = load_scenario(path, CATALOG)
        yield scenario.name, " ".join(scenario.description.split())


def _class_rows(kind: Kind) -> Iterator[tuple[str, str, str]]:
    classes = APPROACHES if kind is Kind.APPROACHES else FAULTS
    for name, cls in classes.items():
        summary = (cls.__doc__ or "").split("\n\n")[0]
        yield name, " ".join(summary.split()), _parameters(cls)


def _parameters(cls: type) -> str:
    shown = []
    kinds = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name = field.name.rstrip("_")
        default = field.default
        if get_origin(kinds[field.name]) is Literal:
            others = [value for value in get_args(kinds[field.name]) if value != default]
            shown.append(f"{name}: {' | '.join([str(default), *others])}")
        elif default is dataclasses.MISSING:
            shown.append(f"{name}: required")
        elif default is not None and "Seconds" in str(field.type):
            shown.append(f"{name}: {format_duration(default)}")
        elif default is not None:
            shown.append(f"{name}: {default}")
        else:
            shown.append(name)
    return ", ".join(shown)


@app.command()
def validate(
    scenario: Annotated[list[str], typer.Argument(help="Scenarios' files, or their names.")],
    seed: Annotated[int, typer.Option(help="The seed to draw the faults from.")] = 1,
) -> None:
    """Check scenarios, and say what running them would do."""
    problems: list[str] = []
    for name in scenario:
        try:
            _describe(load_scenario(_scenario_path(name), CATALOG), seed)
        except ScenarioError as error:
            problems += [str(problem) for problem in error.problems]
    for line in problems:
        print(line, file=sys.stderr)
    raise typer.Exit(Exit.BAD_INPUT if problems else Exit.OK)


def _describe(scenario: Scenario, seed: int) -> None:
    faults = plan_faults(
        [(choice.type, choice.params) for choice in scenario.faults], seed, scenario.duration
    )
    jobs = ", ".join(f"{job.name} every {format_duration(job.every)}" for job in scenario.jobs)
    print(f"{scenario.name}: {scenario.workers} workers for {format_duration(scenario.duration)}")
    print(f"  jobs: {jobs}")
    for fault in faults:
        print(f"  at {fault.at:g} s: {fault.id}, target {fault.fault.target}")
    for choice in scenario.approaches:
        why = misfit(choice, scenario)
        print(f"  {choice.name}" + (f": skipped, {why}" if why else ""))


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
def clean() -> None:
    """Remove what runs that were killed have left behind."""
    removed = clean_stale()
    for path in removed:
        print(f"removed {path}")
    if not removed:
        print("nothing was left behind")


@contextmanager
def _bad_input() -> Iterator[None]:
    """Turn what is wrong with the input into one line a problem, and exit 2."""
    try:
        yield
    except ScenarioError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        raise typer.Exit(Exit.BAD_INPUT) from None


def _scenario_path(name: str) -> Path:
    """The file of a scenario that is given by path, or by its name in scenarios/."""
    path = Path(name)
    if path.exists() or path.suffix:
        return path
    known = [one.stem for one in sorted(SCENARIOS.glob("*.yaml"))]
    if name not in known:
        _fail(f"{name}: no such scenario in {SCENARIOS}/; {hint(name, known)}", Exit.BAD_INPUT)
    return SCENARIOS / f"{name}.yaml"


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        _fail(f"--duration: {error}", Exit.BAD_INPUT)


def _fail(line: str, code: Exit) -> NoReturn:
    print(line, file=sys.stderr)
    raise typer.Exit(code)
