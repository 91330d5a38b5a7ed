"""`harness schema`: what files hold, for editors and for programs that read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from harness.cli.app import CATALOG, app


class Document(StrEnum):
    """What has a schema."""

    RESULTS = "results"
    SCENARIO = "scenario"


@app.command()
def schema(
    document: Annotated[Document, typer.Argument(help="Of what.")],
) -> None:
    """Print the JSON Schema of results.json or of scenarios."""
    print(schema_text(document), end="")


def schema_text(document: Document) -> str:
    """A schema as its file in schemas/ holds it."""
    makers: Mapping[Document, Callable[[], dict[str, Any]]] = {
        Document.RESULTS: _results,
        Document.SCENARIO: _scenario,
    }
    return json.dumps(makers[document](), indent=2, ensure_ascii=False) + "\n"


def _results() -> dict[str, Any]:
    # Late, both: they load what no other command needs.
    from harness.report.schema import results_schema

    return results_schema()


def _scenario() -> dict[str, Any]:
    from harness.scenario.schema import scenario_schema

    return scenario_schema(CATALOG)
