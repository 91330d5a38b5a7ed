"""The JSON Schema of scenarios, made from what the loader reads them with.

A new approach, fault or measure is in it by itself. Whatever the loader accepts, it accepts; it
does not see what depends on several places, such as a target among too few workers.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from harness.scenario.duration import format_duration
from harness.scenario.fitting import MOST_WORKERS
from harness.scenario.model import ALL, SLUG, Catalog, Clocks, Job, Scenario, Sink
from harness.scenario.target import Form, parse_target

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

# Where the generator leaves a type of ours, to be replaced by a reference.
_OURS = "x-harness"
_SECTIONS = ("jobs", "faults", "approaches", "expect")
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
    "jobs": "What is to run, and when.",
    "faults": "What breaks, whom it hits, and when.",
    "approaches": "The approaches to compare; left out, all there are.",
    "expect": "Bounds for measures, by approach or for `all`.",
}
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
}


def scenario_schema(catalog: Catalog) -> Schema:
    """The schema of a scenario that names what is in the catalog, as JSON can hold it."""
    kinds = get_type_hints(Scenario, include_extras=True)
    settings = {name: _setting(name, kind) for name, kind in kinds.items() if name not in _SECTIONS}
    sections: Mapping[str, Schema] = {
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


def _setting(name: str, kind: Any) -> Schema:
    made = {**_made(kind), "description": _SAID.get(name) or _said_of(Scenario, name)}
    default = next(field.default for field in fields(Scenario) if field.name == name)
    if isinstance(default, int | float | str) and default != "":
        made["default"] = _written(default, made)
    limits: Mapping[str, Schema] = {
        "name": _NAME,
        "workers": {"minimum": 1, "maximum": MOST_WORKERS},
        "max_instances": {"minimum": 1},
    }
    return made | limits.get(name, {})


def _definitions(catalog: Catalog) -> Schema:
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
        "target": _target(),
        "job": _job(),
        "fault": _fault(catalog.faults),
        "approach": _approach(catalog),
        "variant": _variant(catalog.approaches),
        "expect": _expect(catalog),
        "bounds": _bounds(catalog.measures),
        "allowed": _allowed(),
        "bound": {"anyOf": [{"type": "number", "minimum": 0}, {"$ref": "#/$defs/duration"}]},
        **{
            f"fault-{name}": {"title": name, **_made(kind)} for name, kind in catalog.faults.items()
        },
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


def _job() -> Schema:
    made = _made(Job)
    for name, said in _SAID_OF_JOBS.items():
        made["properties"][name] |= {"description": said}
    made["properties"]["name"] |= {"pattern": "^[A-Za-z0-9_-]+$"}
    return made


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
    made = _made(kind)
    made["properties"] = {
        **made.get("properties", {}),
        "approach": {
            "type": "string",
            "description": "Which approach it is, where its name here is another one.",
        },
        "sink": {**_made(Sink), "description": "Instead of the scenario's sink."},
    }
    return made


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


class _Generator(GenerateJsonSchema):
    """Pydantic's, with a mark where a type has a validator of ours, of which it knows nothing."""

    def function_plain_schema(
        self, schema: core_schema.PlainValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """Durations and targets."""
        validator: Any = schema["function"]["function"]
        if validator is parse_target:
            return {_OURS: "target"}
        return {_OURS: "positive-duration" if validator.__self__.positive else "duration"}


def _made(kind: Any) -> Schema:
    """The schema of a type that the loader checks with pydantic; references to ours in it."""
    # In a list, and strict about keys, as harness.scenario.mistakes checks it.
    adapter = TypeAdapter(list[kind], config=ConfigDict(extra="forbid"))
    made = adapter.json_schema(schema_generator=_Generator)
    plain: Schema = _plain(made["items"], made.get("$defs", {}))
    for name, field in plain.get("properties", {}).items():
        said = _said_of(kind, name)
        if said:
            field.setdefault("description", said)
    return plain


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Pydantic's schema in one piece, without its titles, with defaults as a file writes them."""
    if isinstance(node, list):
        return [_plain(inner, definitions) for inner in node]
    if not isinstance(node, dict):
        return node
    if _OURS in node:
        node = {"$ref": f"#/$defs/{node[_OURS]}", **{k: node[k] for k in node if k != _OURS}}
    elif "$ref" in node:
        named = definitions[node["$ref"].removeprefix("#/$defs/")]
        node = named | {key: value for key, value in node.items() if key != "$ref"}
    plain = {
        key: {name: _plain(inner, definitions) for name, inner in value.items()}
        if key == "properties"
        else _plain(value, definitions)
        for key, value in node.items()
        if key not in ("title", "default")
    }
    default = _written(node.get("default"), plain)
    return plain if default is None else {**plain, "default": default}


def _written(default: Any, schema: Schema) -> Any:
    """A default as a file would write it; None where it cannot, or need not."""
    if not isinstance(default, float):
        return default
    if not math.isfinite(default):
        return None
    kinds = (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()))
    takes_time = any("duration" in kind.get("$ref", "") for kind in kinds)
    return format_duration(default) if takes_time else default


def _said_of(kind: Any, name: str) -> str:
    """What the docstring of a class, or of what it is made from, says of a field."""
    mention = re.compile(rf"`{re.escape(name)}\b[^`]*`")
    for owner in getattr(kind, "__mro__", ()):
        text = " ".join((owner.__dict__.get("__doc__") or "").split())
        said = [one for one in re.split(r"(?<=[.;]) ", text) if mention.search(one)]
        if said:
            return _sentence(" ".join(said))
    return ""


def _sentence(text: str) -> str:
    """Words cut out of a longer sentence, as one of their own."""
    return text[:1].upper() + text[1:].removesuffix(";").removesuffix(".") + "."
