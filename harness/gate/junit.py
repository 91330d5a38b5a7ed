"""Cases as JUnit XML, the form in which CI servers show tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from harness.gate.model import Case, Status
from harness.report.phrases import clean

_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_RESULTS = {Status.FAILED: Failure, Status.ERROR: Error, Status.SKIPPED: Skipped}


def junit_xml(cases: Sequence[Case]) -> str:
    """A JUnit document: a suite for each scenario and runtime, a test for each case.

    failed is a failure, error an error, skipped a skipped one, each with where to look and the
    figures; those of one that passed are its output. Nothing took any time: judging does not.
    Keeps to the schema of Jenkins, junit-10.xsd of its xUnit plugin.
    """
    suites: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        suites.setdefault((clean(case.scenario), clean(case.runtime)), []).append(case)
    root = JUnitXml("harness")
    for (scenario, runtime), own in suites.items():
        root.add_testsuite(_suite(scenario, runtime, own))
    root.tests = len(cases)
    root.failures = sum(case.status is Status.FAILED for case in cases)
    root.errors = sum(case.status is Status.ERROR for case in cases)
    root.time = 0
    text: bytes = root.tostring()  # type: ignore[no-untyped-call]
    return f"{_HEAD}\n{text.decode()}\n"


def _suite(scenario: str, runtime: str, cases: Sequence[Case]) -> TestSuite:
    suite = TestSuite(f"{scenario} ({runtime})")
    suite.add_property("scenario", scenario)
    suite.add_property("runtime", runtime)
    suite.add_testcases(
        [_test(case, name) for case, name in zip(cases, _names(cases), strict=True)]
    )
    return suite


def _names(cases: Sequence[Case]) -> Iterator[str]:
    """The cases' names, numbered where they repeat: viewers take two of one name for one test."""
    seen: Counter[tuple[str, str]] = Counter()
    for case in cases:
        approach, name = clean(case.approach), clean(case.name)
        seen[approach, name] += 1
        number = seen[approach, name]
        yield name if number == 1 else f"{name} ({number})"


def _test(case: Case, name: str) -> TestCase:
    classname = f"harness.{clean(case.scenario)}.{clean(case.approach)}"
    test = TestCase(name=name, classname=classname, time=0.0)
    text, details = clean(case.text), _details(case)
    kind = _RESULTS.get(case.status)
    if kind is None:
        test.system_out = f"{text}\n{details}".strip()
    else:
        result = kind(text, case.kind.value)
        result.text = details
        test.result = result
    return test


def _details(case: Case) -> str:
    """Where to look, and the figures, a line each."""
    look_at = [] if case.look_at is None else [f"look at: {clean(case.look_at)}"]
    return "\n".join([*look_at, *_figures(case.figures)])


def _figures(figures: Mapping[str, float | None]) -> list[str]:
    return [
        f"{clean(name)}: {'-' if value is None else f'{value:.10g}'}"
        for name, value in figures.items()
    ]
