from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml

from harness.gate.junit import junit_xml
from harness.gate.model import Case, Kind, Status

HOSTILE = "</testsuite><!-- ]]>\"'& \x00\x1b\ud800\u202e\ufffe\n" + "x" * 300

# What junit-10.xsd of Jenkins' xUnit plugin lets each element have: children, attributes.
ALLOWED = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase"},
        {"name", "tests", "failures", "errors", "skipped", "time"},
    ),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": (
        {"skipped", "error", "failure", "system-out"},
        {"name", "time", "classname"},
    ),
    **dict.fromkeys(("failure", "error", "skipped"), (set(), {"type", "message"})),
    "system-out": (set(), set()),
}


def case(**changes: Any) -> Case:
    given: dict[str, Any] = {
        "scenario": "gc-pause",
        "runtime": "sim",
        "approach": "redis-lock",
        "kind": Kind.EXPECTATION,
        "measure": "duplicate",
        "name": "duplicate at most 0",
        "status": Status.PASSED,
        "text": "duplicate is 0",
    }
    return Case(**{**given, **changes})


FAILED = case(
    status=Status.FAILED,
    text="duplicate is 3, expected at most 0",
    look_at="histories/redis-lock-7.jsonl",
    figures={"duplicate": 3.0, "share": 0.0125, "unknown": None},
)
ALL = [
    case(),
    FAILED,
    case(approach="b", kind=Kind.TRIALS, status=Status.ERROR, text="2 of 3 trials invalid"),
    case(approach="c", status=Status.SKIPPED, text="no ZooKeeper here"),
    case(runtime="process"),
]


def parsed(cases: list[Case]) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(cases).encode())


def test_there_is_a_suite_for_each_scenario_and_runtime_and_a_test_for_each_case() -> None:
    suites = list(parsed(ALL))
    assert [suite.get("name") for suite in suites] == ["gc-pause (sim)", "gc-pause (process)"]
    [first, *_] = suites[0].findall("testcase")
    assert first.get("classname") == "harness.gc-pause.redis-lock"
    assert first.get("name") == "duplicate at most 0"
    assert [len(suite.findall("testcase")) for suite in suites] == [4, 1]


def test_counts_are_those_of_the_cases() -> None:
    root = parsed(ALL)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "1", "1")
    counts = [root[0].get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["4", "1", "1", "1"]


def test_a_violation_is_a_failure_that_says_what_and_where_to_look() -> None:
    failure = parsed([FAILED]).find(".//failure")
    assert failure is not None
    assert failure.get("message") == FAILED.text
    assert failure.get("type") == "expectation"
    assert failure.text == (
        "look at: histories/redis-lock-7.jsonl\nduplicate: 3\nshare: 0.0125\nunknown: -"
    )


@pytest.mark.parametrize(
    ("status", "tag"),
    [(Status.FAILED, "failure"), (Status.ERROR, "error"), (Status.SKIPPED, "skipped")],
)
def test_each_status_has_its_element(status: Status, tag: str) -> None:
    [test] = parsed([case(status=status, text="why")]).iter("testcase")
    assert [child.tag for child in test if child.get("message") == "why"] == [tag]


def test_a_passed_test_shows_its_figures_too() -> None:
    output = parsed([case(figures={"duplicate": 0.0})]).findtext(".//system-out")
    assert output == "duplicate is 0\nduplicate: 0"


def test_two_of_one_name_are_told_apart() -> None:
    tests = parsed([case(), case(approach="other"), case()]).iter("testcase")
    assert [test.get("name") for test in tests] == [
        "duplicate at most 0",
        "duplicate at most 0",
        "duplicate at most 0 (2)",
    ]


def test_a_standard_reader_finds_the_same() -> None:
    read = JUnitXml.fromstring(junit_xml(ALL).encode())
    assert [len(suite) for suite in read] == [4, 1]
    [first, _] = read
    assert [test.is_passed for test in first] == [True, False, False, False]
    assert [test.is_failure for test in first] == [False, True, False, False]


@pytest.mark.parametrize("cases", [[], ALL], ids=["nothing", "something"])
def test_the_document_keeps_to_the_schema_of_jenkins(cases: list[Case]) -> None:
    for element in parsed(cases).iter():
        children, attributes = ALLOWED[element.tag]
        assert {child.tag for child in element} <= children, element.tag
        assert set(element.attrib) <= attributes, element.tag


def test_hostile_texts_stay_text() -> None:
    nasty = case(
        scenario=HOSTILE,
        runtime=HOSTILE,
        approach=HOSTILE,
        name=HOSTILE,
        text=HOSTILE,
        look_at=HOSTILE,
        figures={HOSTILE: 1.0},
        status=Status.FAILED,
    )
    text = junit_xml([nasty, nasty])
    root = ElementTree.fromstring(text.encode())
    assert len(root.findall(".//testcase")) == 2
    for element in root.iter():
        for value in element.attrib.values():
            assert value.isprintable()
    assert "</testsuite><!-- ]]>" in (root.findtext(".//failure") or "")
