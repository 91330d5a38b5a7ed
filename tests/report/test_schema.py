from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.cli.schema import Document, schema_text
from harness.report.document import results_json
from harness.report.model import Comparison
from harness.report.schema import results_schema
from harness.scenario.model import Expectation
from harness.verdict.model import INTERVALS
from tests.command import ROOT, run_scenario

VALIDATOR = Draft202012Validator(results_schema())


def wrong(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def fields(schema: dict[str, Any], document: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every field of the document, and what the schema says of it; what is free is left out."""
    if "$ref" in schema:
        schema = results_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")] | schema
    if isinstance(document, list):
        for item in document:
            yield from fields(schema.get("items") or {}, item, f"{path}[]")
    elif isinstance(document, dict) and "properties" in schema:
        for name, inner in document.items():
            yield f"{path}.{name}", schema["properties"].get(name)
            yield from fields(schema["properties"].get(name, {}), inner, f"{path}.{name}")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(results_schema())


def test_the_published_schema_is_up_to_date() -> None:
    published = (ROOT / "schemas" / "results.schema.json").read_text("utf-8")
    assert published == schema_text(Document.RESULTS), (
        "to renew it: harness schema results > schemas/results.schema.json"
    )


def test_every_kind_of_result_is_valid(comparison: Comparison, hostile: Comparison) -> None:
    whole = tuple(one for one in comparison.results if set(one.intervals) == set(INTERVALS))
    assert len(whole) > 3
    assert wrong(results_json(replace(comparison, results=whole))) == []
    assert wrong(results_json(hostile)) == []


def test_results_of_nothing_are_valid(make: SimpleNamespace) -> None:
    assert wrong(results_json(make.comparison())) == []


@pytest.mark.commands
def test_a_real_run_is_valid_and_all_its_fields_are_described(tmp_path: Path) -> None:
    options = ("--runtime", "sim", "--approach", "redis-lock", "--approach", "postgres-queue")
    ran = run_scenario("gc-pause", tmp_path / "out", *options)
    assert wrong(ran.document) == []
    known = dict(fields(results_schema(), ran.document, ""))
    assert ".results[].failover.p95" in known
    # Parameters of a fault beside those that all have are its own.
    unknown = {path for path, schema in known.items() if not (schema or {}).get("description")}
    assert unknown == {".setting.faults[].for"}


def test_all_fields_of_a_result_are_required(comparison: Comparison) -> None:
    document = results_json(comparison)
    for name in document:
        assert wrong({key: value for key, value in document.items() if key != name}), name
    for name in document["results"][0]:
        lacking = copy.deepcopy(document)
        del lacking["results"][0][name]
        assert wrong(lacking), name


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("version",), 2),
        (("seed",), "1"),
        (("results", 0, "duplicate"), -1),
        (("results", 0, "duplicate"), 1.5),
        (("results", 0, "missed"), 3),
        (("results", 0, "failover", "p50"), "1s"),
        (("results", 0, "intervals", "missed"), [0.1]),
        (("expect", 0, "measure"), "duplicates"),
    ],
)
def test_what_is_no_result_is_refused(
    make: SimpleNamespace, where: tuple[str | int, ...], value: object
) -> None:
    expect = (Expectation("all", "duplicate", maximum=0),)
    document = results_json(make.comparison(make.result(), expect=expect))
    assert wrong(document) == []
    place: Any = document
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    assert wrong(json.loads(json.dumps(document)))
