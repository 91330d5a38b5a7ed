"""Which approaches a scenario makes sense for, in which runtime, and why not for the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.comparison.misfit import misfit
from harness.comparison.request import Runtime
from harness.faults import FAULTS
from harness.faults.when import When
from harness.scenario.model import CircuitBreaker, FaultChoice, Layout
from harness.scenario.target import parse_target
from tests.small_scenario import choice, small

COORDINATED = "acts on what it has with a coordinator, and it needs none"


def of(name: str, target: str | None = None, **more: Any) -> FaultChoice:
    """A fault at 1 s, or `when`; with what it cannot be without."""
    needed: dict[str, dict[str, Any]] = {
        "pause": {"for": 1.0},
        "partition": {"for": 1.0},
        "loss": {"share": 0.1},
        "coordinator-outage": {"for": 1.0},
    }
    time = {} if "when" in more else {"at": 1.0}
    aim = {} if target is None else {"target": parse_target(target)}
    return FaultChoice(name, FAULTS[name](**{**needed.get(name, {}), **time, **aim, **more}))


def why(approach: str, *faults: FaultChoice, runtime: str = "process", **more: Any) -> str | None:
    return misfit(choice(approach), small(faults=faults, **more), runtime)


@pytest.mark.parametrize(
    ("approach", "sink", "reason"),
    [
        ("redis-lock", "none", None),
        ("uncoordinated", "none", None),
        ("redis-lock", "dedup", None),
        ("zookeeper-lock", "fencing", None),
        (
            "redis-lock",
            "fencing",
            "the sink asks for fencing tokens, and its leases carry none",
        ),
    ],
)
def test_a_sink_may_ask_for_what_leases_do_not_have(
    approach: str, sink: str, reason: str | None
) -> None:
    assert why(approach, sink=sink) == reason


def test_an_approach_with_a_sink_of_its_own_is_judged_by_that() -> None:
    scenario = small(sink="fencing")
    assert misfit(choice("redis-lock", sink="dedup"), scenario, "process") is None
    assert misfit(choice("redis-lock", sink="fencing"), small(), "process") is not None


@pytest.mark.parametrize(
    ("approach", "faults", "reason"),
    [
        ("uncoordinated", [of("crash", "running")], None),
        ("uncoordinated", [of("pause", "random")], None),
        ("uncoordinated", [of("clock-skew", "random", jump=1.0)], None),
        ("uncoordinated", [of("partition", "random")], f"partition {COORDINATED}"),
        ("uncoordinated", [of("reset", "random")], f"reset {COORDINATED}"),
        ("uncoordinated", [of("expire", "random")], f"expire {COORDINATED}"),
        ("uncoordinated", [of("coordinator-restart")], f"coordinator-restart {COORDINATED}"),
        (
            "uncoordinated",
            [of("clock-skew", "coordinator", jump=1.0)],
            f"clock-skew {COORDINATED}",
        ),
        (
            "uncoordinated",
            [of("crash", "running"), of("pause", "holder")],
            f"pause {COORDINATED}",
        ),
        ("redis-lock", [of("pause", "holder")], None),
        ("zookeeper-leader", [of("pause", "leader")], None),
        ("redis-lock", [of("pause", "leader")], "pause is aimed at a leader, and it has none"),
        ("uncoordinated", [of("crash", "leader")], "crash is aimed at a leader, and it has none"),
    ],
)
def test_a_fault_may_act_on_what_an_approach_does_not_have(
    approach: str, faults: list[FaultChoice], reason: str | None
) -> None:
    assert why(approach, *faults) == reason


@pytest.mark.parametrize(
    ("approach", "when", "reason"),
    [
        ("uncoordinated", {"kind": "run.started"}, None),
        ("redis-lock", {"kind": "lease.lost"}, None),
        (
            "uncoordinated",
            {"kind": "lease.lost"},
            "crash waits for lease.lost, and it needs no coordinator",
        ),
        (
            "uncoordinated",
            {"kind": "run.started", "worker": parse_target("holder")},
            f"crash {COORDINATED}",
        ),
        (
            "redis-lock",
            {"kind": "run.started", "worker": parse_target("leader")},
            "crash waits for a leader, and it has none",
        ),
        (
            "redis-lock",
            {"kind": "circuit.opened"},
            "crash waits for circuit.opened, and it has no circuit breaker",
        ),
        (
            "uncoordinated",
            {"kind": "circuit.opened"},
            "crash waits for circuit.opened, and it needs no coordinator",
        ),
        ("redis-lock", {"kind": "lease.denied", "job": "report"}, None),
        ("redis-leader", {"kind": "lease.granted"}, None),
        (
            "redis-leader",
            {"kind": "lease.granted", "job": "report"},
            "crash waits for lease.granted of the job report, and a leader's lease is on all jobs",
        ),
        (
            "redis-lock",
            {"kind": "effect.rejected"},
            "crash waits for effect.rejected, and its sink rejects nothing",
        ),
        *(
            (
                approach,
                {"kind": f"lease.{what}"},
                f"crash waits for lease.{what}, and its leases are never {what}",
            )
            for approach, what in (
                ("redis-streams", "requested"),
                ("postgres-queue", "requested"),
                ("postgres-queue", "denied"),
                ("zookeeper-leader", "denied"),
                ("consistent-hash", "denied"),
                ("redis-setnx", "lost"),
            )
        ),
    ],
)
def test_an_event_may_be_one_that_never_comes(
    approach: str, when: dict[str, Any], reason: str | None
) -> None:
    assert why(approach, of("crash", when=When(**when))) == reason


def test_whether_an_event_never_comes_may_depend_on_parameters() -> None:
    waiting = small(faults=(of("crash", when=When(kind="lease.released")),))
    assert misfit(choice("redis-lock"), waiting, "sim") is None
    assert misfit(choice("redis-lock", key="run"), waiting, "sim") == (
        "crash waits for lease.released, and its leases are never released"
    )


def test_of_a_mix_one_is_enough_for_an_event_to_come() -> None:
    waiting = small(faults=(of("crash", when=When(kind="lease.denied")),))
    alone, other = choice("redis-streams"), choice("redis-lock")
    assert misfit(alone, waiting, "sim") is not None
    assert misfit(replace(alone, others=other), waiting, "sim") is None


def test_a_sink_of_ones_own_may_reject() -> None:
    waiting = of("crash", when=When(kind="effect.rejected"))
    assert why("redis-lock", waiting, sink="dedup") is None
    assert misfit(choice("redis-lock", sink="dedup"), small(faults=(waiting,)), "sim") is None


def test_a_circuit_breaker_may_be_the_scenarios_or_the_approachs_own() -> None:
    waiting = of("crash", when=When(kind="circuit.opened"))
    assert why("redis-lock", waiting, circuit_breaker=CircuitBreaker()) is None
    own = replace(choice("redis-lock"), circuit_breaker=CircuitBreaker())
    assert misfit(own, small(faults=(waiting,)), "process") is None


@pytest.mark.parametrize(
    ("approach", "coordinators", "reason"),
    [
        ("redis-lock", {}, "give the scenario `coordinators: {redis: {replicas: 1}}`"),
        ("redis-lock", {"redis": Layout(replicas=1)}, None),
        ("postgres-queue", {}, "give the scenario `coordinators: {postgres: {replicas: 1}}`"),
        ("postgres-queue", {"postgres": Layout(replicas=2)}, None),
        ("postgres-queue", {"redis": Layout(replicas=1)}, "postgres: {replicas: 1}"),
        ("zookeeper-lock", {}, "give the scenario `coordinators: {zookeeper: {nodes: 3}}`"),
        ("zookeeper-lock", {"zookeeper": Layout(nodes=3)}, None),
    ],
)
def test_a_failover_needs_a_node_that_takes_over(
    approach: str, coordinators: dict[str, Layout], reason: str | None
) -> None:
    found = why(approach, of("coordinator-failover"), coordinators=coordinators)
    assert found is None if reason is None else reason in (found or "")


def test_there_must_be_as_many_nodes_as_are_to_be_hit() -> None:
    two = of("coordinator-outage", nodes=2)
    assert why("redis-lock", two) == "coordinator-outage hits 2 nodes, and its redis has 1"
    assert why("redis-lock", two, coordinators={"redis": Layout(replicas=1)}) is None


@pytest.mark.parametrize("approach", ["postgres-queue", "zookeeper-lock"])
def test_only_redis_has_a_clock_that_can_be_shifted(approach: str) -> None:
    skew = of("clock-skew", "coordinator", jump=-1.0)
    assert why("redis-lock", skew) is None
    assert "can shift the clock of Redis only" in (why(approach, skew) or "")
    assert why(approach, of("clock-skew", "random", jump=-1.0)) is None


def test_a_runtime_says_what_it_cannot_do() -> None:
    assert why("redis-lock", of("loss", "random"), runtime=Runtime.SIM) is None
    assert why("redis-lock", of("loss", "random"), runtime=Runtime.PROCESS) == (
        "loss is not possible here: a proxy can lose nothing of a TCP connection; --runtime sim can"
    )


def test_of_a_mix_both_must_fit() -> None:
    def mixed(*faults: FaultChoice) -> str | None:
        both = replace(choice("zookeeper-leader"), others=choice("uncoordinated"))
        return misfit(both, small(faults=faults), "process")

    assert mixed(of("crash", "leader")) is None
    assert mixed(of("pause", "holder")) is None
    assert mixed(of("partition", "random")) == f"partition {COORDINATED}"
