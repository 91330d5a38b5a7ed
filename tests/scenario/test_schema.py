from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.cli.app import CATALOG
from harness.cli.schema import Document, schema_text
from harness.scenario.document import read_document
from harness.scenario.duration import parse_duration
from harness.scenario.loading import parse_scenario
from harness.scenario.model import Catalog, Scenario
from harness.scenario.problem import ScenarioError
from harness.scenario.schema import scenario_schema
from harness.scenario.target import Form, parse_target
from harness.verdict.measures import MEASURES
from tests.command import ROOT

LIBRARY = sorted((ROOT / "scenarios").glob("*.yaml"))
SCHEMA = scenario_schema(CATALOG)
VALIDATOR = Draft202012Validator(SCHEMA)

HEAD = "duration: 20s\njobs:\n  - {name: report, every: 1s}\n"


def part(name: str) -> Draft202012Validator:
    """A validator of one of the definitions."""
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def valid(text: str, validator: Draft202012Validator = VALIDATOR) -> bool:
    return bool(validator.is_valid(read_document(text, "small").data))


def loads(text: str) -> Scenario | None:
    try:
        return parse_scenario(text, CATALOG, "small.yaml")
    except ScenarioError:
        return None


def accepts(parse: Callable[[Any], object], written: object) -> bool:
    try:
        parse(written)
    except ValueError:
        return False
    return True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_published_schema_is_up_to_date() -> None:
    published = (ROOT / "schemas" / "scenario.schema.json").read_text("utf-8")
    assert published == schema_text(Document.SCENARIO), (
        "to renew it: harness schema scenario > schemas/scenario.schema.json"
    )


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_library_is_valid_and_editors_find_the_schema(path: Path) -> None:
    text = path.read_text("utf-8")
    assert [error.message for error in VALIDATOR.iter_errors(read_document(text, "").data)] == []
    first, _, _ = text.partition("\n")
    before, _, link = first.partition("$schema=")
    assert before == "# yaml-language-server: "
    assert (path.parent / link).resolve() == ROOT / "schemas" / "scenario.schema.json"


ACCEPTED = {
    "bare zeros": "grace: 0\nmisfire_grace: '0'\nclocks: {spread: 0.0}\n",
    "a parameter that is null": "faults:\n  - crash: {target: 2, at: 1s, restart_after: null}\n",
    "log-normal": "workers: 3\n",
    "a name and nothing": "approaches:\n  - redis-lock:\n  - uncoordinated\n",
    "another name": "approaches:\n  - short: {approach: redis-lock, ttl: 1s, sink: dedup}\n",
    "one name for another": "approaches:\n  - redis-lock: {approach: zookeeper-lock, key: run}\n",
    "bounds": "expect:\n  all: {duplicate: 0, failover_p95: 3s, overlap: {min: 1, max: 3}}\n",
    "no bounds": "faults: []\nexpect: {}\n",
    "what workers do about failures": (
        "retry: {attempts: 2, backoff: 0, factor: 1, longest: 1s, jitter: 1}\n"
        "circuit_breaker: {failures: 1, open_for: 1.5s}\n"
    ),
    "nothing about failures": "retry:\ncircuit_breaker: null\n",
    "more than one server": (
        "coordinators: {redis: {replicas: 3, persistent: true}, zookeeper: {nodes: 5}}\n"
    ),
    "nothing about failures of an approach": (
        "approaches:\n  - redis-lock: {retry: , circuit_breaker: null}\n"
    ),
    "aside": "approaches:\n  - redis-lock: {retry: {}, circuit_breaker: {}, others: redis-lock}\n",
    "a mix": (
        "approaches:\n"
        "  - rollout: {approach: redis-lock, others: {zookeeper-lock: {session_timeout: 3s}}}\n"
        "  - redis-lock: {others: {redis-watchdog: }}\n"
    ),
    "parts of a whole": (
        "retry: {jitter: 20%}\nfaults:\n  - failing-job: {at: 1s, share: 30%}\n"
        "  - clock-skew: {target: all, at: 1s, drift: ' -0.5 % '}\n"
        "  - loss: {target: all, at: 1s, share: 0.3}\n"
    ),
    "a share": "faults:\n  - pause: {target: ' 50 % ', at: 1 s, for: 0s, every: 2.5s}\n",
}
BROKEN = {
    "unknown key": "worker: 3\n",
    "unknown approach": "approaches:\n  - redis-lok\n",
    "unknown approach with parameters": "approaches:\n  - redis-lok: {ttl: 1s}\n",
    "unknown approach behind a name": "approaches:\n  - short: {approach: redis-lok}\n",
    "a parameter of another approach": "approaches:\n  - postgres-queue: {ttl: 1s}\n",
    "a parameter of another one behind a name": (
        "approaches:\n  - redis-lock: {approach: postgres-queue, ttl: 1s}\n"
    ),
    "unknown choice": "approaches:\n  - redis-lock: {key: jobs}\n",
    "unknown sink": "sink: no\n",
    "unknown fault": "faults:\n  - crush: {target: running, at: 1s}\n",
    "fault without parameters": "faults:\n  - crash\n",
    "two faults in one": (
        "faults:\n  - {crash: {target: all, at: 1s}, expire: {target: all, at: 1s}}\n"
    ),
    "unknown target": "faults:\n  - crash: {target: worker-0, at: 1s}\n",
    "missing parameter": "faults:\n  - pause: {target: running, at: 1s}\n",
    "no unit": "grace: 2\n",
    "wrong unit": "grace: 2sec\n",
    "negative": "grace: -2s\n",
    "nothing where more is needed": "request_timeout: 0s\n",
    "a fraction of a worker": "workers: 2.5\n",
    "too many workers": "workers: 1001\n",
    "workers in words": "workers: three\n",
    "no approach": "approaches: []\n",
    "approach named all": "approaches:\n  - all: {approach: redis-lock}\n",
    "name with capitals": "name: Small\n",
    "unknown measure": "expect:\n  all: {duplicates: 0}\n",
    "neither min nor max": "expect:\n  all: {duplicate: {}}\n",
    "negative bound": "expect:\n  all: {duplicate: -1}\n",
    "nothing at all": "faults:\n",
    "no attempt": "retry: {attempts: 0}\n",
    "shorter and shorter": "retry: {factor: 0.5}\n",
    "more than all": "retry: {jitter: 1.1}\n",
    "a share in words": "retry: {jitter: half}\n",
    "less than nothing": "retry: {jitter: -1%}\n",
    "all of it": "faults:\n  - loss: {target: all, at: 1s, share: 1}\n",
    "none of it": "faults:\n  - failing-job: {at: 1s, share: 0}\n",
    "too slow": "faults:\n  - clock-skew: {target: all, at: 1s, drift: -1}\n",
    "a name that no job may have": (
        "faults:\n  - load-spike: {at: 1s, jobs: 1, every: 1s, for: 5s, name: a b}\n"
    ),
    "no node": "faults:\n  - coordinator-outage: {at: 1s, for: 1s, nodes: 0}\n",
    "waiting for calls": "faults:\n  - crash: {when: {kind: coordinator.calls}}\n",
    "retry with an unknown key": "retry: {attempt: 2}\n",
    "no failure": "circuit_breaker: {failures: 0}\n",
    "unknown coordinator": "coordinators: {etcd: {}}\n",
    "an even ensemble": "coordinators: {zookeeper: {nodes: 2}}\n",
    "too many replicas": "coordinators: {redis: {replicas: 4}}\n",
    "nodes of postgres": "coordinators: {postgres: {nodes: 1}}\n",
    "replicas of zookeeper": "coordinators: {zookeeper: {replicas: 0}}\n",
    "unknown others": "approaches:\n  - redis-lock: {others: redis-lok}\n",
    "a parameter that the others do not have": (
        "approaches:\n  - redis-lock: {others: {uncoordinated: {ttl: 1s}}}\n"
    ),
    "a sink of the others": "approaches:\n  - redis-lock: {others: {redis-lock: {sink: none}}}\n",
    "two others": ("approaches:\n  - redis-lock: {others: {redis-lock: {}, uncoordinated: {}}}\n"),
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_right_is_accepted_by_both(text: str) -> None:
    assert loads(HEAD + text) is not None
    assert valid(HEAD + text)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_refused_by_both(text: str) -> None:
    assert loads(HEAD + text) is None
    assert not valid(HEAD + text)


@pytest.mark.parametrize(
    "jobs",
    ["[]", "[{name: a b, every: 1s}]", "[{name: a}]", "[{name: a, every: 0s}]", "{name: a}"],
)
def test_jobs_that_are_none_are_refused_by_both(jobs: str) -> None:
    text = f"duration: 20s\njobs: {jobs}\n"
    assert loads(text) is None
    assert not valid(text)


def test_everything_in_the_catalog_is_in_the_schema() -> None:
    definitions = SCHEMA["$defs"]
    for name, kind in CATALOG.approaches.items():
        said = definitions[f"approach-{name}"]
        assert said["description"].startswith((kind.__doc__ or "").split("\n")[0])
    assert set(definitions["fault"]["properties"]) == set(CATALOG.faults)
    assert set(definitions["bounds"]["properties"]) == set(MEASURES)


def test_a_new_approach_and_fault_are_in_it_by_themselves(catalog: Catalog) -> None:
    made = Draft202012Validator(scenario_schema(catalog))
    right = HEAD + (
        "approaches:\n  - redis-lock: {ttl: 1s, renew: true, tries: 2}\n"
        "faults:\n  - pause: {target: all, for: 1s, when: {kind: started, after: 5ms}}\n"
        "expect:\n  all: {overlap: 0}\n"
    )
    assert parse_scenario(right, catalog, "small.yaml")
    assert valid(right, made)
    for wrong in ("tries: 2.5", "renew: 1", "renews: true"):
        assert not valid(f"{HEAD}approaches:\n  - redis-lock: {{{wrong}}}\n", made)
    assert not valid(HEAD + "faults:\n  - pause: {target: all, for: 1s, when: {knd: x}}\n", made)


def test_defaults_are_written_as_in_a_file_and_would_be_accepted() -> None:
    found = {
        name: field["default"]
        for name, field in SCHEMA["$defs"]["approach-zookeeper-leader"]["properties"].items()
        if "default" in field
    }
    assert found["session_timeout"] == "2s"
    text = f"{HEAD}approaches:\n  - zookeeper-leader: {json.dumps(found)}\n"
    scenario = loads(text)
    assert scenario is not None
    assert scenario.approaches[0].params == CATALOG.approaches["zookeeper-leader"]()


def test_parameters_and_settings_are_explained() -> None:
    for name, field in SCHEMA["properties"].items():
        assert field.get("description"), name
    for name, definition in SCHEMA["$defs"].items():
        for key, field in definition.get("properties", {}).items():
            assert field.get("description") or field.get("$ref"), (name, key)


DURATIONS = st.one_of(
    st.from_regex(r"\A\s?-?[0-9]{1,3}(\.[0-9]{1,2})?\s?(us|ms|s|m|h|sec)?\s?\Z"),
    st.text("0.1sm -", max_size=5),
    st.integers(-2, 2),
    st.sampled_from([0.0, -0.0, 1.5, 1e-9, True, False, None]),
)


@given(DURATIONS)
def test_durations_are_accepted_as_the_loader_does(written: object) -> None:
    assert part("duration").is_valid(written) == accepts(parse_duration, written)
    more = accepts(parse_duration, written) and parse_duration(written) > 0
    assert part("positive-duration").is_valid(written) == more


TARGETS = st.one_of(
    st.sampled_from([form.value for form in Form] + [" all", "worker-1", "worker-01", "worker-"]),
    st.from_regex(r"\A\s?[0-9]{1,2}(\.[0-9])?\s?%\s?\Z"),
    st.integers(-2, 5),
    st.sampled_from([1.5, True, None, "", "3", "%"]),
)


@given(TARGETS)
def test_targets_that_the_loader_accepts_are_accepted(written: object) -> None:
    known = part("target").is_valid(written)
    # A share is a number to the schema: it does not see that it is none, or more than all.
    assert known == accepts(parse_target, written) or (known and "%" in str(written))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_scenarios_that_the_loader_accepts_are_accepted(data: st.DataObject) -> None:
    text = yaml.safe_dump(data.draw(_scenarios()), sort_keys=False)
    if loads(text) is not None:
        assert valid(text), text


def _scenarios() -> st.SearchStrategy[dict[str, Any]]:
    # Mostly right ones: a scenario with a mistake says nothing here.
    right = st.sampled_from(["5ms", "1s", "1.5s", " 2 s", "3s", "10s"])
    odd = st.sampled_from(["0s", "0", 0, 0.0, 2, None, "x"])
    duration = st.one_of(right, right, right, right, odd)
    target = st.sampled_from([*_words(), "worker-2", 1, 2, "50%"])
    fault = st.dictionaries(
        st.sampled_from(sorted(CATALOG.faults)),
        st.fixed_dictionaries(
            {"target": target, "at": duration},
            optional={"for": duration, "every": duration, "jitter": duration},
        ),
        min_size=1,
        max_size=1,
    )
    counts = st.sampled_from([0, 1, 2, 3, 7, 8])
    retry = st.fixed_dictionaries(
        {},
        optional={
            "attempts": st.sampled_from([1, 3, 0, 2.5]),
            "backoff": duration,
            "factor": st.sampled_from([1, 1.5, 2, 0]),
            "longest": duration,
            "jitter": st.sampled_from([0, 0.5, 1, 2, "20%"]),
        },
    )
    breaker = st.fixed_dictionaries(
        {}, optional={"failures": st.sampled_from([1, 5, 0]), "open_for": duration}
    )
    parameters = st.fixed_dictionaries(
        {},
        optional={
            "ttl": duration,
            "key": st.sampled_from(["job", "run"]),
            "approach": st.sampled_from(sorted(CATALOG.approaches)),
            "sink": st.sampled_from(["none", "dedup", None]),
            "retry": retry | st.none(),
            "circuit_breaker": breaker | st.none(),
            "others": st.sampled_from([*CATALOG.approaches, {"redis-lock": {"ttl": "1s"}}, None]),
        },
    )
    name = st.sampled_from([*CATALOG.approaches, "mine", "all"])
    approach = st.one_of(name, st.dictionaries(name, st.none() | parameters, max_size=1))
    bound = st.one_of(duration, st.dictionaries(st.sampled_from(["min", "max"]), duration))
    expect = st.dictionaries(
        st.sampled_from([*CATALOG.approaches, "all", "all"]),
        st.dictionaries(st.sampled_from(sorted(MEASURES)), bound, max_size=2),
        max_size=1,
    )
    return st.fixed_dictionaries(
        {"duration": st.just("60s"), "jobs": st.lists(_jobs(duration), min_size=1, max_size=2)},
        optional={
            "workers": st.integers(1, 4),
            "grace": duration,
            "faults": st.lists(fault, max_size=2),
            "approaches": st.lists(approach, max_size=3),
            "expect": expect,
            "retry": retry | st.none(),
            "circuit_breaker": breaker | st.none(),
            "coordinators": st.dictionaries(
                st.sampled_from(["redis", "zookeeper", "postgres"]),
                st.fixed_dictionaries({}, optional={"nodes": counts, "replicas": counts}),
            ),
        },
    )


def _words() -> list[str]:
    return [form.value for form in Form if form not in (Form.WORKER, Form.COUNT, Form.SHARE)]


def _jobs(duration: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    takes = st.fixed_dictionaries(
        {"median": duration, "sigma": st.sampled_from([0, 0.5, 1, -1, "1"])}
    )
    return st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b-1", "c_2", "D"]), "every": duration},
        optional={"first": duration, "takes": duration | takes, "until": duration},
    )
