"""What a shell offers where a name is asked for.

Runs at each press of a key: it reads no more than it needs, and whatever is wrong with what is
typed so far, it says nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import typer

from harness.cli.app import CATALOG, SCENARIOS
from harness.comparison.request import Histories

_LONGEST = 60

Offer = tuple[str, str]
"""A word, and what shells that can show help say of it."""


def scenarios(incomplete: str) -> Iterator[str]:
    """The scenarios of the library, by name. The shell itself offers files, where none fits."""
    for path in sorted(SCENARIOS.glob("*.yaml")):
        if path.stem.startswith(incomplete):
            yield path.stem


def approaches(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """What the scenario calls its approaches, and all that there are; not those given already."""
    given = ctx.params.get("approach") or ()
    # Click gives up on a line that ends in an option, and leaves its arguments where they are.
    scenario = ctx.params.get("scenario") or next(iter(ctx.args), None)
    for name, said in _approaches(scenario).items():
        if name.startswith(incomplete) and name not in given:
            yield name, said


def histories(incomplete: str) -> Iterator[str]:
    """Which histories a run may keep."""
    for which in Histories:
        if which.startswith(incomplete):
            yield which.value


def _approaches(scenario: str | None) -> dict[str, str]:
    every = {name: _summary(kind) for name, kind in CATALOG.approaches.items()}
    if scenario is None:
        return every
    # Late: what reads scenarios takes a while to load.
    from harness.scenario.loading import load_scenario
    from harness.scenario.problem import ScenarioError

    path = Path(scenario)
    try:
        chosen = load_scenario(path if path.suffix else SCENARIOS / f"{scenario}.yaml", CATALOG)
    except ScenarioError:
        return every
    named = {choice.name: every[choice.approach] for choice in chosen.approaches}
    return named | every


def _summary(kind: type) -> str:
    # A line break in it would end the word, to some shells.
    return textwrap.shorten((kind.__doc__ or "").split("\n\n")[0], _LONGEST, placeholder=" …")
