from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from harness.approaches import APPROACHES
from harness.faults import FAULTS
from harness.faults.when import When
from harness.report.labels import NUMBERS, labels
from harness.report.model import Comparison
from harness.scenario.duration import Seconds
from harness.scenario.model import (
    CircuitBreaker,
    Clocks,
    Job,
    Layout,
    LogNormal,
    Retry,
    Scenario,
    Takes,
)
from tests.report.conftest import HOSTILE

SETTING = {
    "workers": 5,
    "duration": 30.0,
    "clocks": {"spread": 0.0},
    "jobs": [{"name": "report", "every": 1.0}],
    "faults": [{"type": "pause", "target": "running", "for": 4.0}],
}


def named(*comparisons: Comparison) -> list[str]:
    directories = [Path(f"runs/{number}") for number in range(len(comparisons))]
    return labels(comparisons, directories)


def made(make: SimpleNamespace, tuning: dict[str, Any] | None = None, **changes: Any) -> Comparison:
    verdict = make.verdict(trial=make.trial("redis-lock", 6.0, extra={"parameters": tuning or {}}))
    given = {"setting": SETTING, "verdicts": {"redis-lock": (verdict,)}, **changes}
    comparison: Comparison = make.comparison(make.result(), **given)
    return comparison


def test_different_scenarios_need_no_more_than_their_names(make: SimpleNamespace) -> None:
    assert named(made(make, scenario="a"), made(make, scenario="b")) == ["a", "b"]


def test_what_differs_is_named_and_nothing_else(make: SimpleNamespace) -> None:
    many = made(make, setting={**SETTING, "workers": 30}, runtime="sim")
    assert named(made(make), many) == [
        "worker-crash (runtime process, workers 5)",
        "worker-crash (runtime sim, workers 30)",
    ]


def test_durations_of_faults_jobs_and_approaches_are_told_with_their_unit(
    make: SimpleNamespace,
) -> None:
    longer = {**SETTING, "faults": [{"type": "pause", "target": "running", "for": 0.5}]}
    assert named(made(make), made(make, setting=longer)) == [
        "worker-crash (pause.for 4s)",
        "worker-crash (pause.for 500ms)",
    ]
    assert named(made(make, {"ttl": 1.0}), made(make, {"ttl": 2.0})) == [
        "worker-crash (redis-lock.ttl 1s)",
        "worker-crash (redis-lock.ttl 2s)",
    ]


def test_seed_and_date_are_named_only_if_nothing_else_tells_them_apart(
    make: SimpleNamespace,
) -> None:
    one = made(make, about={"when": "monday"})
    assert named(one, made(make, about={"when": "tuesday"})) == [
        "worker-crash (when monday)",
        "worker-crash (when tuesday)",
    ]
    assert named(one, made(make, seed=8, about={"when": "tuesday"})) == [
        "worker-crash (seed 7)",
        "worker-crash (seed 8)",
    ]


def test_the_same_twice_goes_by_its_directory(make: SimpleNamespace) -> None:
    one = made(make)
    assert labels([one, one], [Path("a/run"), Path("b/other")]) == [
        "worker-crash [run]",
        "worker-crash [other]",
    ]
    assert len(set(labels([one, one, one], [Path("a/run"), Path("b/run"), Path("c/run")]))) == 3


def test_hostile_names_become_harmless_lines_that_differ(make: SimpleNamespace) -> None:
    hostile = replace(make.comparison(make.result(HOSTILE)), scenario=HOSTILE)
    found = named(hostile, replace(hostile, runtime=HOSTILE))
    assert len(set(found)) == 2
    assert all(label.isprintable() for label in found)


def test_what_is_no_time_is_told_without_a_unit(make: SimpleNamespace) -> None:
    def tuned(factor: float, share: float) -> Comparison:
        retry = {"attempts": 3, "backoff": 0.1, "factor": factor, "jitter": share}
        faults = [{"type": "loss", "target": "all", "jitter": 0.5, "share": share}]
        return made(make, setting={**SETTING, "retry": retry, "faults": faults})

    assert named(tuned(2.0, 0.5), tuned(1.5, 0.25)) == [
        "worker-crash (loss.share 0.5, retry.factor 2, retry.jitter 0.5)",
        "worker-crash (loss.share 0.25, retry.factor 1.5, retry.jitter 0.25)",
    ]


def _plain_numbers(kind: type) -> Iterator[str]:
    """The fields of a class that have a fraction and are no times."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if get_origin(hint) is not ClassVar and _is_plain_number(hint):
            yield name


def _is_plain_number(hint: Any) -> bool:
    if hint is float:
        return True
    [time], args = Seconds.__metadata__, get_args(hint)
    if any(isinstance(one, type(time)) for one in args):
        return False
    # What is either a time or a distribution says so in a way of its own.
    return hint != Takes and any(map(_is_plain_number, args))


def test_every_number_that_is_no_time_is_known() -> None:
    owners = [Scenario, Job, LogNormal, CircuitBreaker, Layout, Clocks, When]
    owners += [*FAULTS.values(), *APPROACHES.values()]
    found = {name for owner in owners for name in _plain_numbers(owner)}
    assert found == NUMBERS - {"factor", "retry.jitter"}
    assert set(_plain_numbers(Retry)) == {"factor", "jitter"}
