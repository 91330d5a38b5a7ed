"""What pydantic found wrong, in the words of the scenario."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

from harness.scenario.problem import Where
from harness.scenario.wording import hint, nearest, shown

_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
_WHOLE = "must be a whole number"
_MAPPING = "must be a mapping such as {{key: value}}"
_PLAIN = {
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "dataclass_type": _MAPPING,
    "dict_type": _MAPPING,
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}


class Mistakes(ValueError):
    """What is wrong with a value: places within it, and a message for each."""

    def __init__(self, found: Mapping[Where, str]) -> None:
        self.found = found
        super().__init__("; ".join(found.values()))


def checked(kind: Any, given: Any, also: Collection[str] = ()) -> Any:
    """`given`, plain data of a file, as an instance of the type `kind`, taken strictly.

    Unknown keys are mistakes; `also` are keys to suggest that are dealt with elsewhere. Raises
    Mistakes.
    """
    # Within a list, even a standard dataclass takes the configuration. As JSON, a file's data
    # is told apart from what code may pass, and a strict check still takes mappings.
    adapter = TypeAdapter(list[kind], config=ConfigDict(extra="forbid"))
    try:
        return adapter.validate_json(to_json([given]), strict=True)[0]
    except ValidationError as error:
        found = list(_found(kind, given, error.errors(include_url=False), also))
    merged: dict[Where, str] = {}
    for where, message in found:
        # Several for one place are the alternatives of a union.
        merged[where] = f"{merged[where]}, or {message}" if where in merged else message
    raise Mistakes(merged)


def _found(
    kind: Any, given: Any, errors: list[ErrorDetails], also: Collection[str]
) -> Iterator[tuple[Where, str]]:
    meant = set()
    rest = []
    for error in errors:
        loc = error["loc"][1:]
        if error["type"] not in _UNKNOWN:
            rest.append(error)
            continue
        where = _place(given, loc)
        known = [*_keys_at(kind, loc[:-1]), *(also if len(where) == 1 else ())]
        name = str(where[-1])
        meant.add((*where[:-1], nearest(name, known)))
        yield where, f"unknown key; {hint(name, known)}"
    for error in rest:
        loc = error["loc"][1:]
        where = _place(given, loc)
        if error["type"] in _MISSING:
            where = (*where, loc[-1])
            # Its name is there, misspelt: one mistake, not two.
            if where in meant:
                continue
        yield where, _message(error)


def _place(given: Any, loc: Where) -> Where:
    """Where in the data a pydantic location is; it also names branches of unions, left out."""
    where: list[str | int] = []
    for step in loc:
        inside = (isinstance(given, dict) and step in given) or (
            isinstance(given, list) and isinstance(step, int) and step < len(given)
        )
        if inside:
            given = given[step]
            where.append(step)
    return tuple(where)


def _keys_at(kind: Any, loc: Where) -> list[str]:
    """The keys that a file may write at a location."""
    for step in loc:
        owner = _dataclass_in(kind)
        if owner is not None and step in _keys(owner):
            kind = _kind_of(owner, str(step))
    owner = _dataclass_in(kind)
    return _keys(owner) if owner is not None else []


def _keys(owner: type) -> list[str]:
    known = getattr(owner, "__pydantic_fields__", {})
    return [
        getattr(known.get(field.name), "alias", None) or field.name
        for field in dataclasses.fields(owner)
    ]


def _kind_of(owner: type, key: str) -> Any:
    for name, field in getattr(owner, "__pydantic_fields__", {}).items():
        if key in (name, field.alias):
            return field.annotation
    return get_type_hints(owner)[key]


def _dataclass_in(kind: Any) -> type | None:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind
    return next(filter(None, map(_dataclass_in, get_args(kind))), None)


def _message(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _MISSING:
        return "missing"
    if kind == "value_error":
        return str(context["error"])
    plain = _PLAIN.get(kind)
    if plain is None:
        return error["msg"]
    return f"{plain.format_map(context)}, not {shown(error['input'])}"
