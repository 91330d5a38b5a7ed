"""How approaches were set up, of a scenario, a history, and a report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from harness.report.configuration import Configuration, configurations, from_json, of_trial
from harness.scenario.model import ApproachChoice, CircuitBreaker, Retry
from harness.trial import Trial, trial_line
from tests.small_scenario import choice, small

MIX = replace(
    choice("redis-lock", "rollout", ttl=1.0),
    others=choice("postgres-advisory-lock"),
    circuit_breaker=CircuitBreaker(failures=2),
)


def both(chosen: ApproachChoice, **settings: Any) -> tuple[Configuration, Configuration]:
    """The approach's configuration, of the scenario and of a trial's first line."""
    scenario = small(approaches=(chosen,), **settings)
    trial = Trial(scenario=scenario, choice=chosen, seed=1, runtime="sim", extra={})
    line = trial_line(trial, ())
    return configurations(scenario)[chosen.name], of_trial(line)


def test_what_is_not_used_is_not_there() -> None:
    of_scenario, of_history = both(choice("redis-lock"))
    assert of_scenario == of_history
    assert of_scenario.as_json().keys() == {"algorithm", "parameters", "sink", "exclusive"}
    assert of_scenario.exclusive


def test_a_mix_names_both_and_promises_nothing() -> None:
    of_scenario, of_history = both(MIX, retry=Retry(attempts=4))
    assert of_scenario == of_history
    said = of_scenario.as_json()
    assert said["algorithm"] == "redis-lock"
    assert said["others"] == {
        "algorithm": "postgres-advisory-lock",
        "parameters": {"key": "job"},
    }
    assert said["exclusive"] is False
    assert said["retry"]["attempts"] == 4
    assert said["circuit_breaker"] == {"failures": 2, "open_for": 1.0}


def test_it_is_read_as_it_was_written() -> None:
    for one in both(MIX, retry=Retry()):
        assert from_json(json.loads(json.dumps(one.as_json()))) == one
    # What somebody else wrote there and is nothing of ours is left out.
    assert from_json({"algorithm": "a", "others": 3, "retry": None}).aside == {}
