"""The JSON Schema of scenarios, made from what the loader reads them with.

A new approach, fault or measure is in it by itself. Whatever the loader accepts, it accepts; it
does not see what depends on several places, such as a target among too few workers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from harness.scenario.choices import ASIDE
from harness.scenario.fitting import MOST_WORKERS
from harness.scenario.layouts import MADE_OF, MOST_REPLICAS
from harness.scenario.model import (
    ALL,
    MOST_NODES,
    SLUG,
    Catalog,
    CircuitBreaker,
    Clocks,
    Job,
    Layout,
    Retry,
    Scenario,
    Sink,
)
from harness.scenario.schema_types import Schema, made, said_of, written
from harness.scenario.target import Form

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_SECTIONS = ("retry", "circuit_breaker", "coordinators", "jobs", "faults", "approaches", "expect")
_SINGLE: Schema = {"minProperties": 1, "maxProperties": 1}
_NAME: Schema = {"type": "string", "pattern": f"^{SLUG.pattern}$"}
_NUMBER = r"[0-9]+(\.[0-9]+)?"
_DURATION = rf"{_NUMBER}\s*(us|ms|s|m|h)"
_ZERO = r"-?0+(\.0+)?"

# What the docstrings do not say.
_SAID = {
    "name": "What reports call it: a-z, 0-9 and -. By default the file's name.",
    "description": "What happens, and what to look for.",
    "workers": f"Instances of the service, worker-1 and so on: 1 to {MOST_WORKERS}.",
    "duration": "How long new runs start; runs in progress may finish after it.",
    "clocks": inspect.getdoc(Clocks) or "",
    "sink": "What the sink does about effects that should not be.",
    "retry": inspect.getdoc(Retry) or "",
    "circuit_breaker": inspect.getdoc(CircuitBreaker) or "",
    "coordinators": "What those coordinators are made of that are more than one server.",
    "jobs": "What is to run, and when.",
    "faults": "What breaks, whom it hits, and when.",
    "approaches": "The approaches to compare; left out, all there are.",
    "expect": "Bounds for measures, by approach or for `all`.",
}
_INSTEAD = "Instead of the scenario's; null for none."
_SAID_OF_JOBS = {
    "name": "Letters, 0-9, - and _.",
    "every": "Its period.",
    "takes": "How long a run takes; by default no time at all.",
}
_FORMS = {
    Form.RUNNING: "Whoever is in a run at that moment.",
    Form.HOLDER: "Whoever holds a lease at that moment.",
    Form.LEADER: "Whoever leads at that moment.",
    Form.RANDOM: "Any worker, by the seed.",
    Form.ALL: "Every worker.",
    Form.SUBJECT: "Whom the event is about that a fault waits for.",
    Form.COORDINATOR: "Not a worker, but what they agree through.",
}


def scenario_schema(catalog: Catalog) -> Schema:
    """The schema of a scenario that names what is in the catalog, as JSON can hold it."""
    kinds = get_type_hints(Scenario, include_extras=True)
    settings = {name: _setting(name, kind) for name, kind in kinds.items() if name not in _SECTIONS}
    sections: Mapping[str, Schema] = {
        "retry": _or_none("retry"),
        "circuit_breaker": _or_none("circuit_breaker"),
        "coordinators": {"$ref": "#/$defs/coordinators"},
        "jobs": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/job"}},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/fault"}},
        "approaches": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/approach"}},
        "expect": {"$ref": "#/$defs/expect"},
    }
    return {
        "$schema": DRAFT,
        "title": "Scenario",
        "description": "What happens to a service whose instances share scheduled jobs.",
        "type": "object",
        "required": ["duration", "jobs"],
        "additionalProperties": False,
        "properties": {
            **settings,
            **{name: {**one, "description": _SAID[name]} for name, one in sections.items()},
        },
        "$defs": _definitions(catalog),
    }


def _or_none(policy: str) -> Schema:
    return {"anyOf": [{"$ref": f"#/$defs/{policy}"}, {"type": "null"}]}


def _setting(name: str, kind: Any) -> Schema:
    schema = {**made(kind), "description": _SAID.get(name) or said_of(Scenario, name)}
    default = next(field.default for field in fields(Scenario) if field.name == name)
    if isinstance(default, int | float | str) and default != "":
        schema["default"] = written(default, schema)
    limits: Mapping[str, Schema] = {
        "name": _NAME,
        "workers": {"minimum": 1, "maximum": MOST_WORKERS},
        "max_instances": {"minimum": 1},
    }
    return schema | limits.get(name, {})


def _definitions(catalog: Catalog) -> Schema:
    shared: dict[str, Schema] = {}
    faults = {
        f"fault-{name}": {"title": name, **made(kind, shared)}
        for name, kind in catalog.faults.items()
    }
    return {
        "duration": {
            "description": "A number with a unit: us, ms, s, m or h; or 0.",
            "anyOf": [
                {"type": "string", "pattern": rf"^\s*({_DURATION}|{_ZERO})\s*$"},
                {"const": 0},
            ],
        },
        "positive-duration": {
            "description": "A number with a unit: us, ms, s, m or h; more than 0.",
            "type": "string",
            "pattern": rf"^\s*(?=[0-9.]*[1-9]){_DURATION}\s*$",
        },
        "signed-duration": {
            "description": "A number with a unit: us, ms, s, m or h; less than 0 for backwards.",
            "anyOf": [
                {"type": "string", "pattern": rf"^\s*(-?{_DURATION}|{_ZERO})\s*$"},
                {"const": 0},
            ],
        },
        "target": _target(),
        "retry": _retry(),
        "circuit_breaker": _limited(CircuitBreaker, failures={"minimum": 1}),
        "coordinators": _coordinators(),
        "job": _job(),
        "fault": _fault(catalog.faults),
        "approach": _approach(catalog),
        "variant": _variant(catalog.approaches),
        "others": _others(catalog.approaches),
        "parameter": {"not": {"enum": list(ASIDE)}},
        "expect": _expect(catalog),
        "bounds": _bounds(catalog.measures),
        "allowed": _allowed(),
        "bound": {"anyOf": [{"type": "number", "minimum": 0}, {"$ref": "#/$defs/duration"}]},
        **shared,
        **faults,
        **{
            f"approach-{name}": {"title": name, **_parameters(kind)}
            for name, kind in catalog.approaches.items()
        },
    }


def _target() -> Schema:
    words = "|".join(
        form.value for form in Form if form not in (Form.WORKER, Form.COUNT, Form.SHARE)
    )
    return {
        "description": "Whom it hits: a role, a worker's name, a count, or a share such as 50%.",
        "anyOf": [
            *({"const": form.value, "description": said} for form, said in _FORMS.items()),
            {
                "type": "string",
                "pattern": rf"^\s*({words}|worker-[1-9][0-9]*|{_NUMBER}\s*%)\s*$",
            },
            {"type": "integer", "minimum": 1},
        ],
    }


def _limited(kind: type, **limits: Schema) -> Schema:
    """The schema of a class, its fields within what the class itself checks."""
    schema = made(kind)
    for name, limit in limits.items():
        schema["properties"][name] |= limit
    return schema


def _retry() -> Schema:
    return _limited(Retry, attempts={"minimum": 1}, factor={"minimum": 1})


def _coordinators() -> Schema:
    schema = _limited(
        Layout,
        nodes={"enum": list(range(1, MOST_NODES + 1, 2))},
        replicas={"minimum": 0, "maximum": MOST_REPLICAS},
    )
    parts = schema["properties"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {
                "description": f"What {name} is made of.",
                "type": "object",
                "additionalProperties": False,
                "properties": {key: parts[key] for key in keys},
            }
            for name, keys in MADE_OF.items()
        },
    }


def _job() -> Schema:
    schema = made(Job)
    for name, said in _SAID_OF_JOBS.items():
        schema["properties"][name] |= {"description": said}
    schema["properties"]["name"] |= {"pattern": "^[A-Za-z0-9_-]+$"}
    return schema


def _fault(faults: Mapping[str, type]) -> Schema:
    return {
        "description": "One fault and its parameters, such as crash: {target: running, at: 5s}.",
        "type": "object",
        **_SINGLE,
        "additionalProperties": False,
        "properties": {name: _named("fault", name, kind) for name, kind in faults.items()},
    }


def _approach(catalog: Catalog) -> Schema:
    """A name alone, a name with parameters, or a name of one's own for an approach."""
    own = {"required": ["approach"]}
    named = {
        name: {
            "description": _doc(kind),
            "if": {"type": "object", **own},
            "then": {"$ref": "#/$defs/variant"},
            # No `anyOf`: of one, editors tell the mistake in the wrong branch.
            "else": {
                "type": ["object", "null"],
                "if": {"type": "object"},
                "then": {"$ref": f"#/$defs/approach-{name}"},
            },
        }
        for name, kind in catalog.approaches.items()
    }
    return {
        "description": "An approach, by its name alone or with parameters: redis-lock: {ttl: 2s}.",
        "anyOf": [
            *(
                {"const": name, "description": _doc(kind)}
                for name, kind in catalog.approaches.items()
            ),
            {
                "type": "object",
                **_SINGLE,
                "propertyNames": {**_NAME, "not": {"const": ALL}},
                "properties": named,
                "additionalProperties": {"$ref": "#/$defs/variant"},
            },
        ],
    }


def _others(approaches: Mapping[str, type]) -> Schema:
    """An approach without what is said aside of its parameters: that is the whole mix's."""
    name_of_one = {"$ref": "#/$defs/parameter"}
    return {
        "description": (
            "The approach that the second half of the workers runs, by its name alone or with"
            " parameters; the first half, rounded up, runs this one. So it is while a service is"
            " moved from one to the other."
        ),
        "anyOf": [
            {"enum": list(approaches)},
            {
                "type": "object",
                **_SINGLE,
                "additionalProperties": False,
                "properties": {
                    name: {
                        "type": ["object", "null"],
                        "if": {"type": "object"},
                        "then": {"$ref": f"#/$defs/approach-{name}", "propertyNames": name_of_one},
                    }
                    for name in approaches
                },
            },
        ],
    }


def _variant(approaches: Mapping[str, type]) -> Schema:
    return {
        "description": "An approach under another name, with parameters of its own.",
        "type": "object",
        "required": ["approach"],
        "properties": {"approach": {"enum": list(approaches), "description": "Which one it is."}},
        "allOf": [
            {
                "if": {"properties": {"approach": {"const": name}}},
                "then": {"$ref": f"#/$defs/approach-{name}"},
            }
            for name in approaches
        ],
    }


def _parameters(kind: type) -> Schema:
    schema = made(kind)
    schema["properties"] = {
        **schema.get("properties", {}),
        "approach": {
            "type": "string",
            "description": "Which approach it is, where its name here is another one.",
        },
        "sink": {**made(Sink), "description": "Instead of the scenario's sink."},
        "retry": {**_or_none("retry"), "description": _INSTEAD},
        "circuit_breaker": {**_or_none("circuit_breaker"), "description": _INSTEAD},
        "others": {"$ref": "#/$defs/others"},
    }
    return schema


def _expect(catalog: Catalog) -> Schema:
    bounds = {"$ref": "#/$defs/bounds"}
    return {
        "type": "object",
        "propertyNames": _NAME,
        "properties": dict.fromkeys((ALL, *catalog.approaches), bounds),
        "additionalProperties": bounds,
    }


def _bounds(measures: Iterable[str]) -> Schema:
    return {
        "description": "Measures, and what is allowed of each.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"$ref": "#/$defs/allowed"} for name in sorted(measures)},
    }


def _allowed() -> Schema:
    bound = {"$ref": "#/$defs/bound"}
    both = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "min": {**bound, "description": "The least that is allowed."},
            "max": {**bound, "description": "The most that is allowed."},
        },
    }
    return {
        "description": "The most that is allowed, a number or a duration; or {min: …, max: …}.",
        "anyOf": [bound, both],
    }


def _named(what: str, name: str, kind: type) -> Schema:
    return {"$ref": f"#/$defs/{what}-{name}", "description": _doc(kind)}


def _doc(kind: type) -> str:
    return inspect.getdoc(kind) or ""
