"""How an approach was set up: what must be the same for two results of it to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history.trial import TrialLine
from harness.scenario.model import ApproachChoice, Scenario
from harness.scenario.setting import plain

_ASIDE = ("retry", "circuit_breaker", "others")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The algorithm behind an approach's name, its parameters in seconds, and its sink.

    `exclusive` says whether it promises that no two runs of a job meet; without word of it, it
    does. `sink` is None where nothing is known of it. `aside` is what else is used, each of it only
    where it is: `retry`, `circuit_breaker`, and of a mix the `others`.
    """

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sink: str | None = None
    exclusive: bool = True
    aside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The configuration as JSON has it."""
        return {
            "algorithm": self.algorithm,
            "parameters": dict(self.parameters),
            "sink": self.sink,
            "exclusive": self.exclusive,
            **self.aside,
        }


def configurations(scenario: Scenario) -> dict[str, Configuration]:
    """Those of all approaches that the scenario asks for, by the names that it gives them."""
    return {choice.name: _chosen(choice, scenario) for choice in scenario.approaches}


def of_trial(trial: TrialLine) -> Configuration:
    """What a history's first line says of it."""
    return from_json({"algorithm": trial.approach, **trial.extra})


def from_json(row: Mapping[str, Any]) -> Configuration:
    """Read what `as_json` wrote, or somebody else; what it does not know is left out."""
    given, sink = row.get("parameters"), row.get("sink")
    return Configuration(
        algorithm=str(row["algorithm"]),
        parameters=given if isinstance(given, Mapping) else {},
        sink=sink if isinstance(sink, str) else None,
        exclusive=row.get("exclusive") is not False,
        aside={name: row[name] for name in _ASIDE if isinstance(row.get(name), Mapping)},
    )


def _chosen(choice: ApproachChoice, scenario: Scenario) -> Configuration:
    others = choice.others
    aside = {
        "retry": scenario.retry_of(choice),
        "circuit_breaker": scenario.circuit_breaker_of(choice),
        "others": others and {"algorithm": others.approach, "parameters": plain(others.params)},
    }
    return Configuration(
        algorithm=choice.approach,
        parameters=plain(choice.params),
        sink=choice.sink or scenario.sink,
        # Who agrees through one thing excludes nobody who agrees through another.
        exclusive=choice.params.exclusive and others is None,
        aside={name: plain(one) for name, one in aside.items() if one is not None},
    )
