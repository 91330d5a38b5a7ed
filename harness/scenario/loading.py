"""Reading a scenario, and saying everything that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

from harness.scenario.checker import Checker, Part
from harness.scenario.choices import approaches_of, check_names, faults_of
from harness.scenario.document import read_document
from harness.scenario.expectations import expectations_of
from harness.scenario.fitting import plan_misfits, too_short, workers_misfit
from harness.scenario.layouts import coordinators_of
from harness.scenario.model import SLUG, Catalog, FaultChoice, Job, Scenario
from harness.scenario.problem import Problem, ScenarioError, Where

_SECTIONS = ("coordinators", "jobs", "faults", "approaches", "expect")
_SETTINGS = {field.name: field for field in fields(Scenario) if field.name not in _SECTIONS}
_JOB_NAME = re.compile(r"[A-Za-z0-9_-]+")


def load_scenario(path: Path, catalog: Catalog) -> Scenario:
    """Read a scenario file. Raises ScenarioError with all its problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ScenarioError([Problem(str(path), None, "", reason)]) from None
    except UnicodeDecodeError:
        raise ScenarioError([Problem(str(path), None, "", "not UTF-8 text")]) from None
    return parse_scenario(text, catalog, str(path))


def parse_scenario(text: str, catalog: Catalog, source: str) -> Scenario:
    """Read a scenario from YAML text; `source` is what messages call it, and its default name.

    Raises ScenarioError with all its problems, by line.
    """
    document = read_document(text, source)
    checker = Checker(document, source)
    if not isinstance(document.data, dict):
        checker.report((), "must be a mapping with at least the keys duration and jobs")
        raise ScenarioError(checker.problems)
    scenario = _scenario(checker, catalog, Part(document.data, ()), Path(source).stem)
    if checker.problems or scenario is None:
        raise ScenarioError(sorted(checker.problems, key=lambda problem: problem.line or 0))
    return scenario


def _scenario(checker: Checker, catalog: Catalog, top: Part, stem: str) -> Scenario | None:
    sections = checker.sections(top, (*_SETTINGS, *_SECTIONS))
    settings = _settings(checker, sections, stem)
    jobs = _jobs(checker, sections.get("jobs"))
    crowded: dict[Where, str] = {}
    if jobs and "duration" in settings and "grace" in settings:
        crowded = too_short(jobs, settings["duration"], settings["grace"])
        for where, message in crowded.items():
            checker.report(where, message)
    faults = faults_of(
        checker,
        catalog,
        sections.get("faults"),
        settings.get("workers"),
        # One that is too short for the jobs is problem enough.
        None if crowded else settings.get("duration"),
    )
    approaches, names = approaches_of(
        checker, catalog, sections.get("approaches"), settings.get("workers")
    )
    coordinators = coordinators_of(checker, sections.get("coordinators"))
    expect = expectations_of(checker, catalog, sections.get("expect"), names)
    if not checker.problems:
        _check_brought(checker, jobs, faults)
        brought = [job.name for fault in faults for job in fault.params.brings]
        check_names(checker, {*brought, *(job.name for job in jobs if job is not None)}, faults)
    if not checker.problems:
        for number, inside, message in plan_misfits(faults, settings["duration"]):
            checker.report(("faults", number, faults[number].type, *inside), message)
    if checker.problems:
        return None
    return Scenario(
        **settings,
        coordinators=coordinators,
        jobs=tuple(job for job in jobs if job is not None),
        faults=faults,
        approaches=approaches,
        expect=expect,
    )


def _settings(checker: Checker, sections: dict[str, Part], stem: str) -> dict[str, Any]:
    """The scenario's plain values by name, without those that have a problem."""
    sections = {"name": Part(stem, ("name",)), **sections}
    kinds = get_type_hints(Scenario, include_extras=True)
    settings = {}
    for name, field in _SETTINGS.items():
        part = sections.get(name)
        if part is None:
            if field.default is MISSING:
                checker.report((name,), "missing")
            else:
                settings[name] = field.default
            continue
        value = checker.value(kinds[name], part)
        misfit = None if value is None else _misfit(name, value)
        if misfit is not None:
            checker.report(part.where, misfit)
        elif value is not None:
            settings[name] = value
    return settings


def _misfit(name: str, value: Any) -> str | None:
    if name == "name" and not SLUG.fullmatch(value):
        return f"must be made of a-z, 0-9 and -, not '{value}'"
    if name == "workers":
        return workers_misfit(value)
    if name == "max_instances" and value < 1:
        return f"must be at least 1, not {value}"
    return None


def _jobs(checker: Checker, part: Part | None) -> list[Job | None]:
    """The jobs, None for each that has a problem."""
    if part is None:
        checker.report(("jobs",), "missing")
        return []
    items = checker.items(part, "a list of jobs, each such as {name: report, every: 1s}")
    if part.data == []:
        checker.report(part.where, "must have at least one job")
    jobs: list[Job | None] = []
    names: set[str] = set()
    for item in items:
        job: Job | None = checker.value(Job, item)
        jobs.append(job)
        # Taken from the data: a job with another mistake still has its name.
        name = item.data.get("name") if isinstance(item.data, dict) else None
        if not isinstance(name, str):
            continue
        if not _JOB_NAME.fullmatch(name):
            checker.report(
                (*item.where, "name"), f"must be made of letters, 0-9, - and _, not '{name}'"
            )
        if name in names:
            checker.report((*item.where, "name"), f"there is already a job named '{name}'")
        names.add(name)
    return jobs


def _check_brought(
    checker: Checker, jobs: Sequence[Job | None], faults: Sequence[FaultChoice]
) -> None:
    """Say which jobs that faults bring along are called as others are."""
    names = {job.name for job in jobs if job is not None}
    for number, fault in enumerate(faults):
        brought = [job.name for job in fault.params.brings]
        twice = next((name for name in brought if name in names), None)
        if twice is not None:
            where = ("faults", number, fault.type)
            checker.report(where, f"brings a job '{twice}', and there is one of that name already")
        names.update(brought)
