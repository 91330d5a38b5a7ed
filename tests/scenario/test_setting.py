"""A scenario as plain data: what two results must have in common to be compared."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from harness.cli.app import CATALOG
from harness.scenario.loading import load_scenario, parse_scenario
from harness.scenario.model import Scenario
from harness.scenario.setting import setting
from tests.command import ROOT

BASELINE = json.loads((ROOT / "reports" / "baseline" / "sim.json").read_text("utf-8"))
SMALL = "duration: 20s\njobs: [{name: report, every: 1s}]\n"


@pytest.mark.parametrize("report", BASELINE["reports"], ids=lambda report: report["scenario"])
def test_the_library_is_what_the_baseline_was_made_of(report: dict[str, object]) -> None:
    scenario = load_scenario(ROOT / "scenarios" / f"{report['scenario']}.yaml", CATALOG)
    assert setting(scenario) == report["setting"]


def test_what_is_not_used_is_left_out(parse: Callable[[str], Scenario]) -> None:
    said = setting(parse(SMALL + "retry:\ncoordinators: {}\n"))
    assert said.keys().isdisjoint({"retry", "circuit_breaker", "coordinators", "approaches"})
    assert said["jobs"] == [{"name": "report", "every": 1.0, "first": 1.0, "takes": 0.0}]


@pytest.mark.parametrize(
    "made_of", ["{redis: {}}", "{zookeeper: {nodes: 1}, redis: {replicas: 0}}"]
)
def test_one_server_is_what_there_is_anyway(parse: Callable[[str], Scenario], made_of: str) -> None:
    assert setting(parse(f"{SMALL}coordinators: {made_of}\n")) == setting(parse(SMALL))


def test_a_share_is_the_same_however_it_is_written(parse: Callable[[str], Scenario]) -> None:
    one, other = (parse(f"{SMALL}retry: {{jitter: {share}}}\n") for share in ("0.07", "7%"))
    assert setting(one) == setting(other)


def test_what_is_used_is_there_with_its_defaults(parse: Callable[[str], Scenario]) -> None:
    said = setting(
        parse(
            "duration: 20s\njobs: [{name: report, every: 1s, until: 4s}]\n"
            "retry: {}\ncircuit_breaker: {failures: 2}\ncoordinators: {redis: {replicas: 1}}\n"
        )
    )
    assert said["retry"] == {
        "attempts": 3,
        "backoff": 0.1,
        "factor": 2.0,
        "longest": 10.0,
        "jitter": 0.5,
    }
    assert said["circuit_breaker"] == {"failures": 2, "open_for": 1.0}
    assert said["coordinators"] == {"redis": {"nodes": 1, "replicas": 1, "persistent": False}}
    assert said["jobs"][0]["until"] == 4.0
    assert json.loads(json.dumps(said)) == said


def test_what_a_fault_waits_for_is_part_of_it() -> None:
    fault = "  - crash: {when: {kind: run.started, nth: 3, after: 20ms, worker: leader}}\n"
    [said] = setting(parse_scenario(f"{SMALL}faults:\n{fault}", CATALOG, "small.yaml"))["faults"]
    assert said["target"] == "subject"
    when = said["when"]
    assert (when["kind"], when["nth"], when["after"]) == ("run.started", 3, 0.02)
    assert when["worker"] == "leader"
    [plain] = setting(
        parse_scenario(f"{SMALL}faults:\n  - crash: {{target: all, at: 1s}}\n", CATALOG, "s.yaml")
    )["faults"]
    assert "when" not in plain
