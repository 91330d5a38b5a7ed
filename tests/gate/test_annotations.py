from __future__ import annotations

import re
from typing import Any

import pytest

from harness.gate.annotations import annotations as annotated
from harness.gate.model import Case, Kind, Status

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\n\r]*)::([^\n\r]*)")


def case(**changes: Any) -> Case:
    given: dict[str, Any] = {
        "scenario": "gc-pause",
        "runtime": "sim",
        "approach": "redis-lock",
        "kind": Kind.EXPECTATION,
        "measure": "duplicate",
        "name": "duplicate at most 0",
        "status": Status.FAILED,
        "text": "duplicate is 3",
    }
    return Case(**{**given, **changes})


def titles(*cases: Case) -> list[str]:
    return [read(line)[1] for line in annotated(cases)]


def read(line: str) -> tuple[str, str, str]:
    """A command as GitHub reads it."""
    match = COMMAND.fullmatch(line)
    assert match, line
    level, title, message = match.groups()
    for escape, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        title = title.replace(escape, sign)
        message = message.replace(escape, sign) if sign not in ":," else message
    return level, title, message


def test_a_violation_is_an_error_that_says_what_where_and_where_to_look() -> None:
    [line] = annotated([case(look_at="histories/redis-lock-7.jsonl")])
    assert line == (
        "::error title=gc-pause%2C redis-lock (sim)%3A duplicate at most 0"
        "::duplicate is 3; look at histories/redis-lock-7.jsonl"
    )


@pytest.mark.parametrize(
    ("status", "notable", "level"),
    [
        (Status.FAILED, False, "error"),
        (Status.ERROR, False, "error"),
        (Status.PASSED, True, "warning"),
        (Status.SKIPPED, False, "notice"),
    ],
)
def test_each_status_has_its_level(status: Status, notable: bool, level: str) -> None:
    [line] = annotated([case(status=status, notable=notable)])
    assert read(line)[0] == level


def test_what_passed_is_not_spoken_of() -> None:
    assert annotated([case(status=Status.PASSED)]) == []


def test_the_most_important_come_first() -> None:
    order = [
        case(name="a count that is expected"),
        case(name="a time that is expected", measure="failover_p95"),
        case(name="a count that changed", kind=Kind.BASELINE),
        case(name="a time that changed", kind=Kind.BASELINE, measure="failover_p95"),
        case(name="an invalid trial", kind=Kind.TRIALS, status=Status.ERROR),
        case(name="skipped", status=Status.SKIPPED),
    ]
    assert titles(*reversed(order)) == titles(*order)
    assert [title.partition(": ")[2] for title in titles(*order)] == [one.name for one in order]


def test_ten_of_a_level_are_shown_as_they_are() -> None:
    assert len(annotated([case()] * 10)) == 10


def test_of_more_than_ten_the_last_says_how_many_are_not_shown() -> None:
    broken = case(status=Status.ERROR, kind=Kind.TRIALS)
    lines = annotated([broken] * 3 + [case()] * 11 + [case(status=Status.SKIPPED)] * 12)
    assert [read(line)[0] for line in lines] == ["error"] * 10 + ["notice"] * 10
    assert read(lines[9]) == ("error", "and 5 more", "not shown here: 2 failed, 3 error")
    assert read(lines[19]) == ("notice", "and 3 more", "not shown here: 3 skipped")


@pytest.mark.parametrize(
    "text",
    ["100% sure, yes: 3::error::x", "%0A::error::gotcha", "a\r\n::set-output name=x::y"],
)
def test_texts_cannot_be_commands(text: str) -> None:
    [line] = annotated([case(scenario=text, name=text, text=text, look_at=text)])
    level, title, message = read(line)
    plain = text.replace("\r", " ").replace("\n", " ")
    assert level == "error"
    assert title.startswith(plain)
    assert message == f"{plain}; look at {plain}"


def test_hostile_texts_can_be_printed() -> None:
    [line] = annotated([case(approach="\x00\x1b[2J\ud800\u202e")])
    assert line.encode().decode().isprintable()
