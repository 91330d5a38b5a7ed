"""Reports to be judged: simulated ones, and made-up ones, written as `harness run` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.cli.app import CATALOG
from harness.comparison.request import Histories, Request
from harness.comparison.simulated import SimulatedComparison
from harness.gate.figures import Record, Report, record
from harness.report.configuration import Configuration, configurations
from harness.report.document import results_json
from harness.report.model import Comparison
from harness.report.reading import RESULTS, TRIALS, trials_jsonl
from harness.runtimes.calibration import default_calibration
from harness.scenario.loading import load_scenario
from harness.scenario.model import Scenario
from harness.scenario.setting import setting
from harness.verdict.result import skipped, summarize
from harness.verdict.tally import Tally
from tests.command import ROOT


class _Quiet:
    def simulating(self, trials: int, processes: int) -> None: ...

    def reached(self, over: int, under_way: float) -> None: ...


def library(name: str, approach: str, **parameters: Any) -> Scenario:
    """A scenario of the library with one of its approaches, its parameters changed as told."""
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml", CATALOG)
    choice = next(one for one in scenario.approaches if one.name == approach)
    changed = replace(choice, params=replace(choice.params, **parameters))
    return replace(scenario, approaches=(changed,))


def simulate(scenario: Scenario, directory: Path, repeat: int = 5, seed: int = 1) -> Path:
    """Simulate a scenario, and write what the gate reads of its report."""
    (directory / "histories").mkdir(parents=True)
    request = Request(
        scenario=scenario,
        runtime="sim",
        seed=seed,
        repeat=repeat,
        directory=directory,
        at_once=1,
        histories=Histories.FAILING,
    )
    run = SimulatedComparison(request, default_calibration(), _Quiet())
    measured = run.measured(run.run(lambda: False))
    comparison = Comparison(
        scenario=scenario.name,
        description="",
        runtime="sim",
        seed=seed,
        results=measured.results,
        tallies=measured.tallies,
        verdicts=measured.verdicts,
        about={"command": "harness run", "machine": "this one", **measured.about},
        expect=scenario.expect,
        setting=setting(scenario),
        configurations=configurations(scenario),
    )
    return write(comparison, directory)


def write(
    comparison: Comparison,
    directory: Path,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write what the gate reads of a report; `parameters` by approach, if not its own."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = {name: Configuration(name, given) for name, given in (parameters or {}).items()}
    configured = replace(comparison, configurations={**comparison.configurations, **changed})
    (directory / RESULTS).write_text(json.dumps(results_json(configured)), "utf-8")
    (directory / TRIALS).write_text(trials_jsonl(comparison), "utf-8")
    return directory


def comparison(tallies: Mapping[str, Sequence[Tally] | str], **changes: Any) -> Comparison:
    """A comparison of made-up trials; a text in their place is why an approach was skipped."""
    fields: dict[str, Any] = {
        "scenario": "made-up",
        "description": "",
        "runtime": "process",
        "seed": 1,
        "results": tuple(
            skipped(name, found) if isinstance(found, str) else summarize(name, found)
            for name, found in tallies.items()
        ),
        "tallies": {name: found for name, found in tallies.items() if not isinstance(found, str)},
        "verdicts": {},
        "about": {"machine": "this one", "redis": "Redis 7", "versions": "harness 1, Python 3"},
        "setting": {"workers": 3, "jobs": [{"name": "report", "every": 1.0}]},
    }
    return Comparison(**{**fields, **changes})


def report(
    tallies: Mapping[str, Sequence[Tally] | str],
    parameters: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Report:
    """A made-up report that lies nowhere."""
    one = comparison(tallies, **changes)
    return Report(Path("nowhere"), one, recorded(one, parameters))


def recorded(one: Comparison, parameters: Mapping[str, Any] | None = None) -> Record:
    """The record of it."""
    plain = {r.approach: Configuration(r.approach, parameters or {}) for r in one.results}
    return record(replace(one, configurations={**plain, **one.configurations}))
