from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.scenario.model import Catalog, CircuitBreaker, Layout, LogNormal, Retry
from harness.scenario.problem import ScenarioError
from harness.scenario.variation import MOST_POINTS, Parameter, Point, vary

TEXT = """
description: Small.
duration: 10s
clocks: {spread: 0}
jobs: [{name: report, every: 1s, first: 500ms, takes: 10ms}, {name: import, every: 5s}]
faults: [pause: {target: worker-2, for: 1s, at: 3s}, pause: {target: running, for: 2s, at: 5s}]
approaches: [uncoordinated, redis-lock: {ttl: 1s}, short: {approach: redis-lock, ttl: 100ms}]
expect: {all: {missed: 0}}
"""

Vary = Callable[..., list[Point]]
Refused = Callable[..., list[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def points(path: Path, catalog: Catalog) -> Vary:
    def points(*options: str, approaches: list[str] | None = None) -> list[Point]:
        return list(vary(path, catalog, options, approaches)[1])

    return points


@pytest.fixture
def refused(path: Path, catalog: Catalog) -> Refused:
    """The lines that say what is wrong with the options."""

    def refused(*options: str, approaches: list[str] | None = None) -> list[str]:
        with pytest.raises(ScenarioError) as error:
            vary(path, catalog, options, approaches)
        return str(error.value).splitlines()

    return refused


def names(point: Point) -> list[str]:
    return [choice.name for choice in point.scenario.approaches]


def test_a_setting_takes_each_value_for_all_approaches(points: Vary) -> None:
    found = points("workers=3,10")
    assert [dict(point.values) for point in found] == [{"workers": "3"}, {"workers": "10"}]
    assert [point.scenario.workers for point in found] == [3, 10]
    assert all(names(point) == ["uncoordinated", "redis-lock", "short"] for point in found)


def test_the_rest_of_the_scenario_stays_but_for_what_was_expected(points: Vary) -> None:
    [point] = points("grace=1s")
    assert point.scenario.description == "Small."
    assert point.scenario.name == "small"
    assert [job.name for job in point.scenario.jobs] == ["report", "import"]
    assert point.scenario.expect == ()


def test_clocks_jobs_and_faults_are_named_by_what_they_are(points: Vary) -> None:
    [point] = points("clocks.spread=20ms", "report.takes=30ms", "import.every=2s", "pause.for=3s")
    assert point.scenario.clocks.spread == 0.02
    assert [job.takes for job in point.scenario.jobs] == [0.03, 0.0]
    assert [job.every for job in point.scenario.jobs] == [1.0, 2.0]
    assert [fault.params.for_ for fault in point.scenario.faults] == [3.0, 3.0]


def test_a_value_may_be_a_mapping_with_commas_in_it(points: Vary) -> None:
    found = points("report.takes={median: 1s, sigma: 0.2},10ms")
    assert [point.scenario.jobs[0].takes for point in found] == [LogNormal(1.0, 0.2), 0.01]


def test_what_is_within_a_value_can_be_named(points: Vary) -> None:
    [point] = points("report.takes={median: 1s, sigma: 0.2}")
    assert isinstance(point.scenario.jobs[0].takes, LogNormal)


def test_an_approach_is_varied_under_the_name_it_has_here(points: Vary) -> None:
    found = points("short.ttl=1s,2s")
    ran = {tuple(names(point)): dict(point.values) for point in found}
    assert ran == {("uncoordinated", "redis-lock"): {}, ("short",): {"short.ttl": "2s"}}
    assert [point.scenario.approaches[0].params.ttl for point in found[1:]] == [1.0, 2.0]
    assert all(point.scenario.approaches[0].approach == "redis-lock" for point in found[1:])


def test_what_is_done_about_failures_is_varied_for_all_or_for_one(points: Vary) -> None:
    found = points("retry.attempts=1,5", "circuit_breaker.open_for=2s", "short.retry.jitter=0,1")
    policies = [point.scenario.retry for point in found if names(point) != ["short"]]
    assert policies == [Retry(attempts=1), Retry(attempts=5)]
    assert {point.scenario.circuit_breaker for point in found} == {CircuitBreaker(open_for=2.0)}
    own = [point.scenario.approaches[0].retry for point in found if names(point) == ["short"]]
    assert own == [Retry(jitter=0.0), Retry(jitter=1.0)] * 2


def test_what_coordinators_are_made_of_and_when_a_job_ends_is_varied(points: Vary) -> None:
    found = points("coordinators.redis.replicas=0,1", "report.until=4s,5s")
    made = [(point.scenario.coordinators.get("redis", Layout()).replicas, point) for point in found]
    assert [(count, point.scenario.jobs[0].until) for count, point in made] == [
        (0, 4.0),
        (0, 5.0),
        (1, 4.0),
        (1, 5.0),
    ]


def test_the_others_of_a_mix_are_varied(points: Vary) -> None:
    found = points("short.others=uncoordinated,redis-watchdog")
    mixes = [point.scenario.approaches[0] for point in found if names(point) == ["short"]]
    assert [mix.others and mix.others.approach for mix in mixes] == [
        "uncoordinated",
        "redis-watchdog",
    ]


def test_what_is_one_approachs_own_does_not_run_the_others_again(points: Vary) -> None:
    found = points("redis-lock.ttl=1s,2s", "short.ttl=1s,2s,3s", "workers=3,4")
    shared, lock, short = (
        [point for point in found if names(point) == [name]]
        for name in ("uncoordinated", "redis-lock", "short")
    )
    assert [dict(point.values) for point in shared] == [{"workers": "3"}, {"workers": "4"}]
    assert [tuple(point.values.values()) for point in lock] == [
        ("1s", "3"),
        ("1s", "4"),
        ("2s", "3"),
        ("2s", "4"),
    ]
    assert len(short) == 6
    assert len(found) == 12


def test_every_point_has_what_its_label_says(points: Vary) -> None:
    for point in points("redis-lock.ttl=1s,2s", "workers=3,4", "pause.for=1s,2s"):
        assert point.scenario.workers == int(point.values["workers"])
        assert f"{point.scenario.faults[0].params.for_:g}s" == point.values["pause.for"]
        if names(point) == ["redis-lock"]:
            given = point.scenario.approaches[0].params.ttl
            assert f"{given:g}s" == point.values["redis-lock.ttl"]


def test_only_chosen_approaches_run_also_such_as_the_scenario_has_not(points: Vary) -> None:
    found = points("redis-watchdog.ttl=1s", approaches=["redis-watchdog"])
    assert [names(point) for point in found] == [["redis-watchdog"]]
    assert found[0].scenario.approaches[0].params.ttl == 1.0


def test_jobs_are_copies_of_the_first_spread_over_its_period(points: Vary) -> None:
    one, four = points("jobs=1,4", "report.takes=20ms")
    assert [job.name for job in one.scenario.jobs] == ["job-1"]
    assert [job.name for job in four.scenario.jobs] == ["job-1", "job-2", "job-3", "job-4"]
    assert [job.first for job in four.scenario.jobs] == [0.5, 0.75, 1.0, 1.25]
    assert {(job.every, job.takes) for job in four.scenario.jobs} == {(1.0, 0.02)}


def test_parameters_keep_what_was_written(path: Path, catalog: Catalog) -> None:
    parameters, _ = vary(path, catalog, ["workers = 3, 10 "])
    assert parameters == (Parameter("workers", ("3", "10")),)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("workers", "--param workers: must be a name and its values, such as workers=3,10,30"),
        ("=3", "--param =3: must be a name and its values, such as workers=3,10,30"),
        ("workers=", "--param workers=: must be a name and its values, such as workers=3,10,30"),
        ("workers=3,3", "--param workers: 3 stands twice"),
        ("worker=3", "--param worker: no setting of a scenario; did you mean 'workers'?"),
        ("name=x", "--param name: no setting of a scenario; known: circuit_breaker.failures, "),
        ("redis-lok.ttl=1s", "nothing here is called 'redis-lok'; did you mean 'redis-lock'?"),
        ("redis-watchdog.ttl=1s", "the approach 'redis-watchdog' is not among those that run here"),
        ("redis-lock=1s", "--param redis-lock: of 'redis-lock', say what: redis-lock.NAME"),
        ("redis-lock.tt=1s,2s", "--param redis-lock.tt: unknown key; did you mean 'ttl'?"),
        ("redis-lock.ttl=abc", "--param redis-lock.ttl=abc: must be a duration such as 2s"),
        ("redis-lock.ttl=1s,2", "--param redis-lock.ttl=2: must be a duration, and 2 has no unit"),
        ("clocks.spred=1s", "no setting of a scenario; did you mean 'clocks.spread'?"),
        ("retry.attempt=1", "no setting of a scenario; did you mean 'retry.attempts'?"),
        ("retry=3", "--param retry: no setting of a scenario; "),
        ("retry.attempts=0", "--param retry.attempts=0: retry: attempts must be 1 or more, not 0"),
        ("coordinators.redis.nodes=3", "no setting of a scenario; "),
        (
            "coordinators.zookeeper.nodes=2,3",
            "--param coordinators.zookeeper.nodes=2: must be odd: of 2, no more may fail than of 1",
        ),
        ("redis-lock.retry.attempt=1", "--param redis-lock.retry.attempt=1: unknown key; did"),
        ("redis-lock.others=redis-lok", "--param redis-lock.others=redis-lok: unknown approach"),
        ("report.until=500ms", "--param report.until=500ms: jobs[0]: until must be after its"),
        ("workers=0", "--param workers=0: must be 1 to 1000, not 0"),
        ("workers=1", "--param workers=1: faults[0].pause.target: there is no worker-2 among 1"),
        ("duration=1s", "--param duration=1s: 1s is too short"),
        ("jobs=0", "--param jobs=0: must be a whole number from 1 to 1000, not 0"),
        ("jobs=yes", "--param jobs=yes: must be a whole number from 1 to 1000, not true"),
        ("sink=[", "--param sink=[: not YAML"),
        ("pause.target=somebody", "--param pause.target=somebody: unknown target 'somebody'"),
    ],
)
def test_a_mistake_gets_one_line_that_names_the_option(
    refused: Refused, option: str, said: str
) -> None:
    lines = refused(option)
    assert len(lines) == 1, lines
    assert said in lines[0]


def test_all_mistakes_are_said_at_once(refused: Refused) -> None:
    lines = refused("redis-lock.ttl=abc,1s", "workers=0,3", "wrkers=3", "jobs=0,2")
    assert {line.partition(": ")[0] for line in lines} == {
        "--param jobs=0",
        "--param redis-lock.ttl=abc",
        "--param workers=0",
        "--param wrkers",
    }
    assert len(lines) == 4


def test_what_only_a_combination_makes_wrong_names_the_combination(refused: Refused) -> None:
    lines = refused("workers=3,10", "pause.target=8,2", "grace=1s,2s")
    assert lines == [
        f"--param workers=3 --param pause.target=8: faults[{number}].pause.target: "
        "there are no 8 workers, only 3"
        for number in (0, 1)
    ]


def test_a_value_that_fits_with_others_alone_is_no_mistake(points: Vary) -> None:
    assert len(points("workers=10", "pause.target=8")) == 1


def test_one_thing_cannot_be_varied_twice(refused: Refused) -> None:
    assert refused("pause.for=1s", "faults.pause.for=2s") == [
        "--param faults.pause.for: is varied already"
    ]


def test_what_could_be_two_things_is_told_apart_by_its_section(
    refused: Refused, points: Vary, path: Path
) -> None:
    path.write_text(TEXT.replace("import", "pause"))
    [line] = refused("pause.every=2s")
    assert "give faults.pause.every or jobs.pause.every" in line
    assert points("jobs.pause.every=2s")[0].scenario.jobs[1].every == 2.0


def test_too_many_combinations_are_refused(refused: Refused) -> None:
    values = ",".join(f"{number}ms" for number in range(100, 120))
    options = [f"{name}={values}" for name in ("grace", "misfire_grace", "request_timeout")]
    assert refused(*options) == [
        f"--param: these are 8000 combinations, and at most {MOST_POINTS} can be run"
    ]


def test_a_scenario_that_is_wrong_itself_is_told_as_ever(refused: Refused, path: Path) -> None:
    path.write_text(TEXT.replace("every: 5s", "evry: 5s"))
    lines = refused("workers=3")
    assert any("did you mean 'every'" in line and f"{path}:5" in line for line in lines)


def test_an_unknown_approach_is_told_with_the_rest(refused: Refused) -> None:
    lines = refused("workers=0", approaches=["redis-lok"])
    assert any("unknown approach 'redis-lok'" in line for line in lines)
    assert any("--param workers=0" in line for line in lines)
