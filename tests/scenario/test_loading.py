from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli.app import CATALOG
from harness.scenario.loading import load_scenario, parse_scenario
from harness.scenario.model import (
    ApproachChoice,
    Catalog,
    CircuitBreaker,
    Clocks,
    Expectation,
    Job,
    Layout,
    LogNormal,
    Retry,
    Scenario,
)
from harness.scenario.problem import ScenarioError
from harness.scenario.target import Form, Target

Parse = Callable[[str], Scenario]
Problems = Callable[[str], list[str]]

FULL = """
name: everything
description: All there is.
workers: 7
duration: 1m
grace: 3s
misfire_grace: 2s
max_instances: 2
request_timeout: 500ms
clocks: {spread: 100ms}
sink: dedup
jobs:
  - {name: report, every: 500ms, first: 0, takes: 150ms}
  - {name: billing, every: 1s, takes: {median: 200ms, sigma: 0.4}}
faults:
  - pause: {target: 2, for: 4s, every: 8s}
  - pause: {target: worker-7, for: 1s, when: {kind: run.started, after: 20ms}}
approaches:
  - redis-lock: {ttl: 1s, renew: true}
  - uncoordinated
  - redis-lock-short: {approach: redis-lock, sink: fencing, ttl: 500ms}
expect:
  all: {missed: 0}
  redis-lock: {duplicate: {min: 1}, failover_p95: 3s, overlap: {min: 2, max: 5}}
"""

SMALL = "duration: 10s\njobs: [{name: report, every: 1s}]\n"


def test_everything_that_a_scenario_can_say_is_read(parse: Parse, catalog: Catalog) -> None:
    scenario = parse(FULL)
    assert scenario.name == "everything"
    assert scenario.description == "All there is."
    assert (scenario.workers, scenario.duration, scenario.grace) == (7, 60.0, 3.0)
    assert (scenario.misfire_grace, scenario.max_instances) == (2.0, 2)
    assert (scenario.request_timeout, scenario.clocks) == (0.5, Clocks(spread=0.1))
    assert scenario.sink == "dedup"
    assert scenario.jobs == (
        Job(name="report", every=0.5, first=0.0, takes=0.15),
        Job(name="billing", every=1.0, first=1.0, takes=LogNormal(median=0.2, sigma=0.4)),
    )
    assert [fault.type for fault in scenario.faults] == ["pause", "pause"]
    first, second = (fault.params for fault in scenario.faults)
    assert (first.target, first.for_, first.every) == (Target(Form.COUNT, count=2), 4.0, 8.0)
    assert (second.target.worker, second.when.after) == ("worker-7", 0.02)
    lock = catalog.approaches["redis-lock"]
    assert scenario.approaches == (
        ApproachChoice(
            "redis-lock", "redis-lock", lock(ttl=1.0, renew=True), {"ttl": "1s", "renew": True}
        ),
        ApproachChoice("uncoordinated", "uncoordinated", catalog.approaches["uncoordinated"]()),
        ApproachChoice(
            "redis-lock-short", "redis-lock", lock(ttl=0.5), {"ttl": "500ms"}, "fencing"
        ),
    )
    assert type(scenario.approaches[0].params) is lock
    assert scenario.expect == (
        Expectation("all", "missed", maximum=0.0),
        Expectation("redis-lock", "duplicate", minimum=1.0),
        Expectation("redis-lock", "failover_p95", maximum=3.0),
        Expectation("redis-lock", "overlap", minimum=2.0, maximum=5.0),
    )


def test_what_is_left_out_has_a_default(parse: Parse) -> None:
    scenario = parse(SMALL)
    assert scenario == Scenario(
        name="small",
        description="",
        workers=5,
        duration=10.0,
        grace=2.0,
        misfire_grace=1.0,
        max_instances=1,
        request_timeout=1.0,
        clocks=Clocks(spread=0.0),
        sink="none",
        jobs=(Job(name="report", every=1.0, first=1.0, takes=0.0),),
        approaches=scenario.approaches,
    )
    assert [choice.name for choice in scenario.approaches] == [
        "redis-lock",
        "redis-watchdog",
        "uncoordinated",
    ]
    assert scenario.worker_names == ("worker-1", "worker-2", "worker-3", "worker-4", "worker-5")


def test_an_expectation_by_name_goes_before_one_of_all(parse: Parse) -> None:
    scenario = parse(
        SMALL + "expect: {all: {duplicate: 0, missed: 0}, uncoordinated: {duplicate: {min: 1}}}"
    )
    assert scenario.expectations("redis-lock") == (
        Expectation("all", "duplicate", maximum=0.0),
        Expectation("all", "missed", maximum=0.0),
    )
    assert scenario.expectations("uncoordinated") == (
        Expectation("uncoordinated", "duplicate", minimum=1.0),
        Expectation("all", "missed", maximum=0.0),
    )


def test_five_mistakes_are_five_lines(problems: Problems) -> None:
    text = """
name: five
durration: 10s
jobs:
  - {name: report, evry: 500ms}
  - {name: billing, every: 5}
faults:
  - paus: {target: all}
approaches:
  - redis-lock: {key: jobs}
"""
    assert problems(text) == [
        "3: durration: unknown key; did you mean 'duration'?",
        "5: jobs[0].evry: unknown key; did you mean 'every'?",
        "6: jobs[1].every: must be a duration, and 5 has no unit: give a unit, e.g. 2s",
        "8: faults[0].paus: unknown fault 'paus'; did you mean 'pause'?",
        "10: approaches[0].redis-lock.key: must be 'job' or 'run', not 'jobs'",
    ]


JOB = "  - {name: report, every: 1s"


@pytest.mark.parametrize(
    ("line", "replacement", "problem"),
    [
        ("workers: 7", "wokers: 7", "4: wokers: unknown key; did you mean 'workers'?"),
        ("workers: 7", "workers: 0", "4: workers: must be 1 to 1000, not 0"),
        ("workers: 7", "workers: 1001", "4: workers: must be 1 to 1000, not 1001"),
        ("workers: 7", "workers: '7'", "4: workers: must be a whole number, not '7'"),
        ("workers: 7", "workers: true", "4: workers: must be a whole number, not true"),
        ("workers: 7", "workers: 7.5", "4: workers: must be a whole number, not 7.5"),
        ("name: everything", "name: Every Thing", "2: name: must be made of a-z, 0-9 and -"),
        ("name: everything", "name: 5", "2: name: must be a text, not 5"),
        ("max_instances: 2", "max_instances: 0", "8: max_instances: must be at least 1, not 0"),
        ("{spread: 100ms}", "{spred: 100ms}", "10: clocks.spred: unknown key; did you mean"),
        ("{spread: 100ms}", "100ms", "10: clocks: must be a mapping"),
        ("sink: dedup", "sink: dedupe", "11: sink: must be 'none', 'dedup', 'version' or 'fenc"),
        ("duration: 1m", "duration: 0", "5: duration: must be more than 0s"),
        ("duration: 1m", "duration: -1m", "5: duration: must not be negative"),
        ("duration: 1m\n", "", "2: duration: missing"),
        ("duration: 1m", "duration: 1m\nduration: 2m", "6: duration: stands twice here"),
        ("duration: 1m", "duration: 2s", "5: duration: 2s is too short: the first run is due at"),
        ("every: 1s,", "every: 1h,", "14: jobs[1]: 1m is too short: its first run is due at 1h"),
        ("every: 500ms", "every: 0s", "13: jobs[0].every: must be more than 0s"),
        ("every: 500ms", "every:", "13: jobs[0].every: must be a duration such as 2s"),
        ("takes: 150ms", "takes: 3", "13: jobs[0].takes: must be a duration, and 3 has no unit"),
        ("sigma: 0.4", "sigm: 0.4", "14: jobs[1].takes.sigm: unknown key; did you mean 'sigma'?"),
        ("sigma: 0.4", "sigma: -1", "14: jobs[1].takes: sigma must be 0 or more, not -1"),
        ("sigma: 0.4", "sigma: many", "14: jobs[1].takes.sigma: must be a number, not 'many'"),
        (", sigma: 0.4", "", "14: jobs[1].takes.sigma: missing"),
        ("name: billing", "name: report", "14: jobs[1].name: there is already a job named"),
        ("name: billing", "name: a/b", "14: jobs[1].name: must be made of letters"),
        ("name: billing,", "", "14: jobs[1].name: missing"),
        ("pause: {target: 2", "pose: {target: 2", "16: faults[0].pose: unknown fault 'pose'; did"),
        ("target: 2", "target: 8", "16: faults[0].pause.target: there are no 8 workers, only 7"),
        ("target: 2", "target: runing", "16: faults[0].pause.target: unknown target 'runing'"),
        ("target: worker-7", "target: worker-8", "17: faults[1].pause.target: there is no worker"),
        ("target: 2, ", "", "16: faults[0].pause.target: missing"),
        ("for: 4s", "fr: 4s", "16: faults[0].pause.fr: unknown key; did you mean 'for'?"),
        ("for: 4s", "for_: 4s", "16: faults[0].pause.for_: unknown key; did you mean 'for'?"),
        ("for: 4s", "for: 4", "16: faults[0].pause.for: must be a duration, and 4 has no unit"),
        (", every: 8s", "", "16: faults[0].pause: give a time: at, every or when"),
        ("after: 20ms", "aftr: 2ms", "17: faults[1].pause.when.aftr: unknown key; did you mean"),
        ("kind: run.started,", "", "17: faults[1].pause.when.kind: missing"),
        ("- pause: {target: 2, for: 4s, every: 8s}", "- 3", "16: faults[0]: must be the name of a"),
        ("- uncoordinated", "- uncordinated", "20: approaches[1]: unknown approach 'uncordinated"),
        ("- uncoordinated", "- redis-lock", "20: approaches[1]: there is already an approach na"),
        ("- uncoordinated", "- uncoordinated: 3", "20: approaches[1].uncoordinated: must be a map"),
        ("- uncoordinated", "- all: {approach: redis-lock}", "20: approaches[1].all: a name must"),
        ("- uncoordinated", "- A: {approach: redis-lock}", "20: approaches[1].A: a name must be"),
        ("ttl: 1s", "tl: 1s", "19: approaches[0].redis-lock.tl: unknown key; did you mean 'ttl'?"),
        ("ttl: 1s", "snk: none", "19: approaches[0].redis-lock.snk: unknown key; did you mean 'si"),
        ("renew: true", "renew: 1", "19: approaches[0].redis-lock.renew: must be true or false"),
        ("renew: true", "tries: 1.5", "19: approaches[0].redis-lock.tries: must be a whole numbe"),
        ("approach: redis-lock", "approach: redis-lok", "21: approaches[2].redis-lock-short.appr"),
        ("approach: redis-lock", "aproach: redis-lock", "21: approaches[2].redis-lock-short.apro"),
        ("sink: fencing", "sink: fence", "21: approaches[2].redis-lock-short.sink: must be 'none"),
        ("  all: {missed", "  al: {missed", "23: expect.al: no approach here has this name; did"),
        ("missed: 0", "mised: 0", "23: expect.all.mised: unknown measure; did you mean 'missed'?"),
        ("missed: 0", "missed: few", "23: expect.all.missed: must be a number, a duration such"),
        ("missed: 0", "missed: -1", "23: expect.all.missed: must be 0 or more, not -1"),
        ("missed: 0", "missed: .nan", "23: expect.all.missed: must be 0 or more"),
        ("missed: 0", "missed: {mx: 1}", "23: expect.all.missed.mx: unknown key; did you mean"),
        ("missed: 0", "missed: {}", "23: expect.all.missed: must have min, max or both"),
        ("max: 5", "max: 1", "24: expect.redis-lock.overlap: min must not be more than max"),
        ("{missed: 0}", "0", "23: expect.all: must be a mapping such as {duplicate: 0"),
    ],
)
def test_one_mistake_is_one_problem(
    problems: Problems, line: str, replacement: str, problem: str
) -> None:
    assert FULL.count(line) >= 1
    [found] = problems(FULL.replace(line, replacement, 1))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", " must be a mapping with at least the keys duration and jobs"),
        ("- a", "1: must be a mapping with at least the keys duration and jobs"),
        ("a: [", "1: not YAML: "),
        (SMALL + "faults: 3", "3: faults: must be a list of faults"),
        (SMALL + "faults:", "3: faults: must be a list of faults"),
        (SMALL + "approaches: []", "3: approaches: must have at least one"),
        (SMALL + "approaches: [{redis-lock: , ttl: 2s}]", "3: approaches[0]: must be the name of"),
        (SMALL + "expect: [0]", "3: expect: must be a mapping"),
        ("duration: 10s\njobs: []", "2: jobs: must have at least one job"),
        ("duration: 10s\njobs: {name: a}", "2: jobs: must be a list of jobs"),
        ("duration: 10s\njobs: [a]", "2: jobs[0]: must be a mapping"),
        ("duration: 10s", "1: jobs: missing"),
        ("duration: 10s\njob: [{name: a, every: 1s}]", "2: job: unknown key; did you mean 'jobs'"),
        (
            SMALL + "zzz: 1",
            "3: zzz: unknown key; known: approaches, circuit_breaker, clocks, coordi",
        ),
    ],
)
def test_a_wrong_shape_is_one_problem(problems: Problems, text: str, problem: str) -> None:
    [found] = problems(text)
    assert found.startswith(problem)


def test_a_misspelt_section_hides_no_other_mistake(problems: Problems) -> None:
    text = SMALL + "aproaches:\n  - redis-lock: {ttl: 2}\nexpect: {redis-lock: {missed: 0}}"
    assert problems(text) == [
        "3: aproaches: unknown key; did you mean 'approaches'?",
        "4: aproaches[0].redis-lock.ttl: must be a duration, and 2 has no unit: give a unit,"
        " e.g. 2s",
    ]


def test_what_is_expected_of_a_misspelt_approach_is_no_second_mistake(problems: Problems) -> None:
    text = SMALL + "approaches: [redis-lok]\nexpect: {redis-lock: {missed: 0}}"
    assert len(problems(text)) == 1


def test_a_file_names_its_scenario(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "gc-pause.yaml"
    path.write_text(SMALL)
    assert load_scenario(path, catalog).name == "gc-pause"


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, catalog: Catalog) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: caf\xe9")
    for path, message in [
        (tmp_path / "none.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (latin, "not UTF-8 text"),
    ]:
        with pytest.raises(ScenarioError) as error:
            load_scenario(path, catalog)
        assert str(error.value) == f"{path}: {message}"


def test_the_text_of_the_error_is_all_its_problems(parse: Parse) -> None:
    with pytest.raises(ScenarioError) as error:
        parse("duration: 5\njobs: [{name: a}]")
    assert str(error.value).splitlines() == [
        "scenarios/small.yaml:1: duration: must be a duration, and 5 has no unit: give a unit,"
        " e.g. 2s",
        "scenarios/small.yaml:2: jobs[0].every: missing",
    ]


_WORDS = st.sampled_from(
    "name duration jobs faults approaches expect all redis-lock pause target for every takes"
    " median first missed min running 1s 0s 50% report approach sink clocks workers".split()
)
_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_WORDS, inner, max_size=4)
        | st.fixed_dictionaries(
            {"duration": st.just("10s"), "jobs": inner, "faults": inner, "approaches": inner}
        )
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_ANYTHING)
def test_whatever_a_file_holds_is_read_or_explained(catalog: Catalog, data: Any) -> None:
    try:
        parse_scenario(yaml.safe_dump(data), catalog, "f.yaml")
        return
    except ScenarioError as error:
        problems = error.problems
    assert problems
    assert all("\n" not in str(problem) for problem in problems)


def test_a_fault_that_would_never_happen_is_a_problem(problems: Problems) -> None:
    text = """
duration: 10s
jobs: [{name: report, every: 1s}]
faults: [{pause: {target: running, for: 1s, at: 10s}}]
"""
    assert problems(text) == [
        "4: faults[0].pause: would never happen within 10s",
    ]


def test_what_workers_do_about_failures_and_what_coordinators_are_made_of(parse: Parse) -> None:
    scenario = parse(
        SMALL
        + "retry: {attempts: 5, backoff: 50ms}\n"
        + "circuit_breaker: {open_for: 3s}\n"
        + "coordinators: {redis: {replicas: 1}, zookeeper: {nodes: 3}}\n"
    )
    assert scenario.retry == Retry(attempts=5, backoff=0.05)
    assert scenario.circuit_breaker == CircuitBreaker(failures=5, open_for=3.0)
    assert scenario.coordinators == {"redis": Layout(replicas=1), "zookeeper": Layout(nodes=3)}


def test_without_them_nothing_is_tried_again_and_coordinators_are_one_server(parse: Parse) -> None:
    for text in (SMALL, SMALL + "retry:\ncircuit_breaker: null\n"):
        scenario = parse(text)
        assert (scenario.retry, scenario.circuit_breaker) == (None, None)
        assert scenario.coordinators == {}


def test_a_job_may_end_before_the_scenario_does(parse: Parse) -> None:
    scenario = parse(
        "duration: 10s\njobs: [{name: report, every: 1s, until: 4s}, {name: b, every: 2s}]"
    )
    assert [job.until for job in scenario.jobs] == [4.0, None]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("retry: {attempts: 0}", "3: retry: attempts must be 1 or more, not 0"),
        ("retry: {attempts: 2.5}", "3: retry.attempts: must be a whole number, not 2.5"),
        ("retry: {factor: 0.5}", "3: retry: factor must be 1 or more, not 0.5"),
        ("retry: {factor: .inf}", "3: retry: factor must be 1 or more, not inf"),
        ("retry: {jitter: 2}", "3: retry.jitter: must be at most 1 (100%), not 2"),
        ("retry: {jitter: -1%}", "3: retry.jitter: must be at least 0, not -1%"),
        ("retry: {jitter: half}", "3: retry.jitter: must be a share such as 0.3 or 30%, not 'half"),
        ("retry: {backoff: 1}", "3: retry.backoff: must be a duration, and 1 has no unit"),
        ("retry: {attempt: 2}", "3: retry.attempt: unknown key; did you mean 'attempts'?"),
        ("retry: 3", "3: retry: must be a mapping such as {key: value}, not 3"),
        ("circuit_breaker: {failures: 0}", "3: circuit_breaker: failures must be 1 or more"),
        ("circuit_breaker: {open_for: 0s}", "3: circuit_breaker.open_for: must be more than 0s"),
        ("coordinators: [redis]", "3: coordinators: must be a mapping such as {redis: {rep"),
        ("coordinators: {redi: {}}", "3: coordinators.redi: unknown coordinator; did you mean"),
        ("coordinators: {redis: 3}", "3: coordinators.redis: must be a mapping"),
        ("coordinators: {redis: {replicas: 4}}", "3: coordinators.redis.replicas: must be 0 to 3"),
        ("coordinators: {redis: {replica: 1}}", "3: coordinators.redis.replica: unknown key; did"),
        (
            "coordinators: {zookeeper: {foo: 1}}",
            "3: coordinators.zookeeper.foo: unknown key; known: nodes",
        ),
        (
            "coordinators: {redis: {nodes: 3}}",
            "3: coordinators.redis.nodes: redis cannot have this: an approach that needs indepen",
        ),
        (
            "coordinators: {zookeeper: {replicas: 1}}",
            "3: coordinators.zookeeper.replicas: zookeeper cannot have this: an ensemble has nod",
        ),
        (
            "coordinators: {zookeeper: {nodes: 4}}",
            "3: coordinators.zookeeper.nodes: must be odd: of 4, no more may fail than of 3",
        ),
        (
            "coordinators: {zookeeper: {nodes: 9}}",
            "3: coordinators.zookeeper.nodes: must be 1 to 7",
        ),
        (
            "coordinators: {postgres: {nodes: 3}}",
            "3: coordinators.postgres.nodes: postgres cannot have this: it has one primary",
        ),
        (
            "coordinators: {postgres: {persistent: true}}",
            "3: coordinators.postgres.persistent: postgres cannot have this: it always keeps",
        ),
    ],
)
def test_what_cannot_be_is_one_problem(problems: Problems, text: str, problem: str) -> None:
    [found] = problems(SMALL + text)
    assert found.startswith(problem)


def test_a_job_that_ends_before_it_begins_is_a_problem(problems: Problems) -> None:
    [found] = problems("duration: 10s\njobs: [{name: report, every: 2s, until: 2s}]")
    assert found == "2: jobs[0]: until must be after its first due time, 2s, not 2s"


def test_all_that_is_wrong_with_coordinators_is_said_at_once(problems: Problems) -> None:
    text = "coordinators: {redis: {nodes: 2, replicas: 9}, zookeeper: {nodes: 2}, etcd: {}}"
    places = [found.split(":")[1].strip() for found in problems(SMALL + text)]
    assert places == [
        "coordinators.redis.nodes",
        "coordinators.redis.replicas",
        "coordinators.zookeeper.nodes",
        "coordinators.etcd",
    ]


def test_what_is_said_beside_the_parameters_of_an_approach(parse: Parse) -> None:
    [choice] = parse(
        SMALL + "approaches: [redis-lock: {ttl: 1s, sink: dedup, retry: {attempts: 2},"
        " circuit_breaker: {failures: 1}, others: {redis-watchdog: {ttl: 3s}}}]"
    ).approaches
    assert (choice.given, choice.sink) == ({"ttl": "1s"}, "dedup")
    assert (choice.retry, choice.circuit_breaker) == (
        Retry(attempts=2),
        CircuitBreaker(failures=1),
    )
    others = choice.others
    assert others is not None
    assert (others.name, others.approach, others.given) == (
        "redis-watchdog",
        "redis-watchdog",
        {"ttl": "3s"},
    )
    assert others.params.ttl == 3.0


def test_an_approach_may_have_no_retry_and_no_circuit_breaker(parse: Parse) -> None:
    scenario = parse(
        SMALL + "retry: {attempts: 2}\ncircuit_breaker: {failures: 1}\n"
        "approaches: [redis-lock: {retry: null, circuit_breaker: }, uncoordinated]"
    )
    without, plain = scenario.approaches
    assert scenario.retry_of(without) is scenario.circuit_breaker_of(without) is None
    assert scenario.retry_of(plain) == Retry(attempts=2)
    assert scenario.circuit_breaker_of(plain) == CircuitBreaker(failures=1)


def test_the_others_of_a_mix_may_be_a_name_alone(parse: Parse) -> None:
    [choice] = parse(
        SMALL + "approaches: [rollout: {approach: redis-lock, others: uncoordinated}]"
    ).approaches
    assert (choice.name, choice.approach) == ("rollout", "redis-lock")
    assert choice.others is not None
    assert choice.others.approach == "uncoordinated"


@pytest.mark.parametrize(
    ("aside", "problem"),
    [
        ("retry: {attempts: 0}", "retry: attempts must be 1 or more, not 0"),
        ("retry: 3", "retry: must be a mapping such as {key: value}, not 3"),
        ("retri: {}", "retri: unknown key; did you mean 'retry'?"),
        ("circuit_breaker: 3", "circuit_breaker: must be a mapping such as {key: value}, not 3"),
        ("others: redis-lok", "others: unknown approach 'redis-lok'; did you mean 'redis-lock'?"),
        ("others: [redis-lock]", "others: must be the name of an approach"),
        ("others: {redis-lock: {tll: 1s}}", "others.redis-lock.tll: unknown key; did you mean"),
        ("others: {redis-lock: {sink: none}}", "others.redis-lock.sink: unknown key; known: key"),
        ("others: {redis-lock: 3}", "others.redis-lock: must be a mapping"),
    ],
)
def test_what_is_wrong_beside_the_parameters_is_one_problem(
    problems: Problems, aside: str, problem: str
) -> None:
    [found] = problems(SMALL + f"approaches: [redis-lock: {{{aside}}}]")
    assert found.startswith(f"3: approaches[0].redis-lock.{problem}")


def test_a_single_worker_cannot_be_split(problems: Problems) -> None:
    mix = "approaches: [redis-lock: {others: uncoordinated}]\n"
    [found] = problems(SMALL + "workers: 1\n" + mix)
    assert found.startswith("4: approaches[0].redis-lock.others: needs 2 workers or more")
    assert problems(SMALL + "workers: 2\n" + mix) == []


def test_no_fault_brings_a_job_that_is_there_already() -> None:
    def problems(names: str, *spikes: str) -> list[str]:
        head = f"duration: 20s\njobs: [{{name: {names}, every: 1s}}]\nfaults:\n"
        text = head + "".join(
            f"  - load-spike: {{at: 2s, for: 2s, every: 1s, jobs: 2{more}}}\n" for more in spikes
        )
        try:
            parse_scenario(text, CATALOG, "small.yaml")
        except ScenarioError as error:
            return [
                f"{problem.line}: {problem.path}: {problem.message}" for problem in error.problems
            ]
        return []

    assert problems("report", "", ", name: rush") == []
    assert problems("spike-2", "") == [
        "4: faults[0].load-spike: brings a job 'spike-2', and there is one of that name already"
    ]
    assert problems("report", "", "") == [
        "5: faults[1].load-spike: brings a job 'spike-1', and there is one of that name already"
    ]
