from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.scenario.model import ApproachChoice, Catalog, FaultChoice, Scenario
from harness.scenario.overrides import with_overrides
from harness.scenario.problem import ScenarioError

TEXT = """
duration: 10s
jobs: [{name: report, every: 1s}, {name: import, every: 5s}]
faults: [pause: {target: worker-4, for: 1s, at: 3s}]
approaches: [redis-lock: {ttl: 1s}, redis-lock-short: {approach: redis-lock, ttl: 100ms}]
expect: {all: {missed: 0}, redis-lock: {duplicate: 0}, redis-lock-short: {overlap: {min: 1}}}
"""


@pytest.fixture
def scenario(parse: Callable[[str], Scenario]) -> Scenario:
    return parse(TEXT)


LATE = {"target": "running", "for": 1.0, "at": 30.0}


def test_nothing_given_changes_nothing(scenario: Scenario, catalog: Catalog) -> None:
    assert with_overrides(scenario, catalog) == scenario
    assert with_overrides(scenario, catalog, approaches=[]) == scenario


def test_workers_and_duration_are_replaced(scenario: Scenario, catalog: Catalog) -> None:
    changed = with_overrides(scenario, catalog, workers=9, duration=60.0)
    assert (changed.workers, changed.duration) == (9, 60.0)
    assert changed.jobs == scenario.jobs


def test_only_the_approaches_given_are_left(scenario: Scenario, catalog: Catalog) -> None:
    changed = with_overrides(scenario, catalog, approaches=["redis-lock-short"])
    assert changed.approaches == scenario.approaches[1:]
    assert [bound.approach for bound in changed.expect] == ["all", "redis-lock-short"]


def test_an_approach_that_the_file_does_not_have_comes_with_its_defaults(
    scenario: Scenario, catalog: Catalog
) -> None:
    names = ["uncoordinated", "redis-lock", "uncoordinated"]
    changed = with_overrides(scenario, catalog, approaches=names)
    nothing = catalog.approaches["uncoordinated"]()
    assert changed.approaches == (
        ApproachChoice("uncoordinated", "uncoordinated", nothing),
        scenario.approaches[0],
    )


def test_every_override_that_does_not_fit_is_a_problem(
    scenario: Scenario, catalog: Catalog
) -> None:
    with pytest.raises(ScenarioError) as error:
        with_overrides(
            scenario, catalog, workers=3, duration=4.0, approaches=["redis-lok", "redis-lock"]
        )
    assert str(error.value).splitlines() == [
        "--workers: faults[0].pause.target: there is no worker-4 among 3 workers",
        "--duration: jobs[1]: 4s is too short: its first run is due at 5s and has 2s of grace",
        "--approach: unknown approach 'redis-lok'; did you mean 'redis-lock'?",
    ]


def test_a_trial_has_workers_and_room_for_a_run(scenario: Scenario, catalog: Catalog) -> None:
    with pytest.raises(ScenarioError, match="--workers: must be 1 to 1000, not 0"):
        with_overrides(scenario, catalog, workers=0)
    with pytest.raises(ScenarioError, match="--duration: 1s is too short: the first run"):
        with_overrides(scenario, catalog, duration=1.0)


def test_a_duration_leaves_room_for_every_fault(scenario: Scenario, catalog: Catalog) -> None:
    late = replace(scenario, faults=(FaultChoice("pause", catalog.faults["pause"](**LATE)),))
    assert with_overrides(late, catalog, duration=31.0).duration == 31.0
    with pytest.raises(ScenarioError, match=r"--duration: faults\[0\]\.pause: would never happen"):
        with_overrides(late, catalog, duration=30.0)


def test_a_mix_needs_two_workers(parse: Callable[[str], Scenario], catalog: Catalog) -> None:
    text = TEXT.replace("worker-4", "worker-1").replace("{ttl: 1s}", "{others: uncoordinated}")
    assert with_overrides(parse(text), catalog, workers=2).workers == 2
    with pytest.raises(ScenarioError) as error:
        with_overrides(parse(text), catalog, workers=1)
    assert str(error.value) == (
        "--workers: approaches[0].redis-lock.others: needs 2 workers or more:"
        " the second half of them runs it"
    )
