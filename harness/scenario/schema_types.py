"""The JSON Schema of a type that the loader checks with pydantic."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from harness.scenario.duration import format_duration
from harness.scenario.target import Target, parse_target

Schema = dict[str, Any]

# Where the generator leaves a type of ours, to be replaced by a reference.
_OURS = "x-harness"
_REF = "#/$defs/"


class _Generator(GenerateJsonSchema):
    """Pydantic's, with a mark where a type has a validator of ours, of which it knows nothing."""

    def function_plain_schema(
        self, schema: core_schema.PlainValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """Durations and targets."""
        validator: Any = schema["function"]["function"]
        if validator is parse_target:
            return {_OURS: "target"}
        if validator.__self__.signed:
            return {_OURS: "signed-duration"}
        return {_OURS: "positive-duration" if validator.__self__.positive else "duration"}

    def encode_default(self, dft: Any) -> Any:
        """A target as a file has it."""
        return str(dft) if isinstance(dft, Target) else super().encode_default(dft)


def made(kind: Any, shared: dict[str, Schema] | None = None) -> Schema:
    """The schema of a type; in it, references to the definitions of our own ones.

    The types that it is made of are part of it; where `shared` is given they go there instead,
    each under its name in lower case, and it refers to them.
    """
    # In a list, and strict about keys, as harness.scenario.mistakes checks it.
    adapter = TypeAdapter(list[kind], config=ConfigDict(extra="forbid"))
    whole = adapter.json_schema(schema_generator=_Generator)
    items, definitions = whole["items"], whole.get("$defs", {})
    if "$ref" in items:
        items = definitions[items["$ref"].removeprefix(_REF)]
    plain: Schema = _plain(items, definitions, shared)
    for name, field in plain.get("properties", {}).items():
        said = said_of(kind, name)
        if said:
            field.setdefault("description", said)
    return plain


def _plain(node: Any, definitions: Mapping[str, Any], shared: dict[str, Schema] | None) -> Any:
    """Pydantic's schema without its titles, and with defaults as a file writes them."""
    if isinstance(node, list):
        return [_plain(inner, definitions, shared) for inner in node]
    if not isinstance(node, dict):
        return node
    if _OURS in node:
        node = {"$ref": f"{_REF}{node[_OURS]}", **{k: node[k] for k in node if k != _OURS}}
    elif "$ref" in node:
        node = _resolved(node, definitions, shared)
    plain = {
        key: {name: _plain(inner, definitions, shared) for name, inner in value.items()}
        if key == "properties"
        else _plain(value, definitions, shared)
        for key, value in node.items()
        if key not in ("title", "default")
    }
    default = written(node.get("default"), plain)
    return plain if default is None else {**plain, "default": default}


def _resolved(
    node: Schema, definitions: Mapping[str, Any], shared: dict[str, Schema] | None
) -> Schema:
    """What stands for a type that this one is made of."""
    name = node["$ref"].removeprefix(_REF)
    beside = {key: value for key, value in node.items() if key != "$ref"}
    if shared is None:
        return {**definitions[name], **beside}
    if name.lower() not in shared:
        made_of = _plain(definitions[name], definitions, shared)
        for key, field in made_of.get("properties", {}).items():
            if said := _said_in(made_of.get("description", ""), key):
                field.setdefault("description", said)
        shared[name.lower()] = made_of
    return {"$ref": f"{_REF}{name.lower()}", **beside}


def written(default: Any, schema: Schema) -> Any:
    """A default as a file would write it; None where it cannot, or need not."""
    if not isinstance(default, float):
        return default
    if not math.isfinite(default):
        return None
    kinds = (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()))
    takes_time = any("duration" in kind.get("$ref", "") for kind in kinds)
    return format_duration(default) if takes_time else default


def said_of(kind: Any, name: str) -> str:
    """What the docstring of a class, or of what it is made from, says of a field."""
    owners = getattr(kind, "__mro__", ())
    said = (_said_in(owner.__dict__.get("__doc__") or "", name) for owner in owners)
    return next(filter(None, said), "")


def _said_in(text: str, name: str) -> str:
    """The sentences that mention it."""
    mention = re.compile(rf"`{re.escape(name)}\b[^`]*`")
    parts = re.split(r"(?<=[.;]) ", " ".join(text.split()))
    said = " ".join(one for one in parts if mention.search(one))
    # Words cut out of a longer sentence, as one of their own.
    return said[:1].upper() + said[1:].removesuffix(";").removesuffix(".") + "." if said else ""
