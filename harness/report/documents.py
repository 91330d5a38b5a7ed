"""JSON documents of ours read back: what they must look like is checked before they are used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from harness.history.event import is_number

Schema = Mapping[str, Any]

# Ours are nested a third as deep; what walks through deeper ones would run out of stack.
_DEEPEST = 30


class ReportError(Exception):
    """A directory that holds no report, or one that cannot be read; says why in one line."""


def read_json(path: Path, wanted: str = "") -> Any:
    """What a JSON file holds. Raises ReportError; `wanted` is added where there is no such file."""
    try:
        found = parse_json(path.read_text("utf-8"))
        _refuse_depth(found)
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}{wanted and f'; {wanted}'}") from None
    except ValueError as error:
        raise ReportError(f"{path}: not JSON: {error}") from None
    return found


def parse_json(text: str) -> Any:
    """What a JSON text says. Raises ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check(value: Any, schema: Schema) -> None:
    """Raise ValueError, in one line, where a value is not what its schema says.

    It knows as much of JSON Schema as the schemas of ours need. Fields that the schema does not
    know may be anything.
    """
    for place, why in _problems(value, schema, schema.get("$defs", {}), ""):
        raise ValueError(f"{place} {why}" if place else f"it {why}")


def _problems(
    value: Any, schema: Schema, known: Mapping[str, Schema], place: str
) -> Iterator[tuple[str, str]]:
    if "$ref" in schema:
        schema = {**known[schema["$ref"].removeprefix("#/$defs/")], **schema}
    if "const" in schema and not (
        value == schema["const"] and type(value) is type(schema["const"])
    ):
        yield place, f"is {shortened(value)}, not {schema['const']}"
    elif "enum" in schema and value not in schema["enum"]:
        yield place, f"is {shortened(value)}, which is not known here"
    elif "type" in schema and not any(_is(value, kind) for kind in _kinds(schema)):
        yield place, f"must be {' or '.join(_kinds(schema))}, not {shortened(value)}"
    elif isinstance(value, dict):
        yield from _problems_of_fields(value, schema, known, place)
    elif isinstance(value, list):
        yield from _problems_of_items(value, schema, known, place)
    elif "minimum" in schema and value is not None and value < schema["minimum"]:
        yield place, f"must be at least {schema['minimum']}, not {shortened(value)}"


def _problems_of_fields(
    value: Mapping[str, Any], schema: Schema, known: Mapping[str, Schema], place: str
) -> Iterator[tuple[str, str]]:
    for name in schema.get("required", ()):
        if name not in value:
            yield place, f"has no '{name}'"
    fields, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name, inner in value.items():
        yield from _problems(inner, fields.get(name, others), known, f"{place}.{name}".lstrip("."))


def _problems_of_items(
    value: list[Any], schema: Schema, known: Mapping[str, Schema], place: str
) -> Iterator[tuple[str, str]]:
    first, others = schema.get("prefixItems", ()), schema.get("items") or {}
    if len(value) < schema.get("minItems", 0):
        yield place, f"must have at least {schema['minItems']}, not {len(value)}"
    for number, inner in enumerate(value):
        expected = first[number] if number < len(first) else others
        yield from _problems(inner, expected, known, f"{place}[{number}]")


def _kinds(schema: Schema) -> list[str]:
    kinds = schema["type"]
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            # Ours have no infinity, nor what is too large for a float.
            return is_number(value)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        raise ValueError("nested too deeply")
