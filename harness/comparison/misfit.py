"""Which approaches a scenario makes sense for, in which runtime."""

from __future__ import annotations

from collections.abc import Iterator

from harness.approaches import APPROACHES
from harness.approaches.leader import Leader
from harness.faults.fault import Fault
from harness.scenario.model import ApproachChoice, Layout, Scenario
from harness.scenario.target import Form
from harness.trial import systems_of

# Of which systems a fault can shift the clock.
_OWN_CLOCK = frozenset({"redis"})


def misfit(choice: ApproachChoice, scenario: Scenario, runtime: str) -> str | None:
    """Why this scenario makes no sense for the approach, or not there; None where it does.

    Of a mix of two approaches, whatever does not fit one of them does not fit.
    """
    sink = choice.sink or scenario.sink
    if sink == "fencing" and not all(APPROACHES[name].fenced for name in _approaches(choice)):
        return "the sink asks for fencing tokens, and its leases carry none"
    for fault in scenario.faults:
        for reason in _misfits(fault.type, fault.params, choice, scenario, runtime):
            return reason
    return None


def _misfits(
    name: str, fault: Fault, choice: ApproachChoice, scenario: Scenario, runtime: str
) -> Iterator[str]:
    """What is against this fault."""
    if runtime in fault.impossible:
        yield f"{name} is not possible here: {fault.impossible[runtime]}"
    coordinated = [APPROACHES[one].coordinator is not None for one in _approaches(choice)]
    if (fault.needs_coordinator or fault.hits_nodes) and not all(coordinated):
        yield f"{name} acts on what it has with a coordinator, and it needs none"
    awaited = None if fault.when is None or fault.when.worker is None else fault.when.worker.form
    if Form.HOLDER in (fault.target.form, awaited) and not any(coordinated):
        yield f"{name} acts on what it has with a coordinator, and it needs none"
    if fault.target.form is Form.LEADER and not _leads(choice):
        yield f"{name} is aimed at a leader, and it has none"
    if awaited is Form.LEADER and not _leads(choice):
        yield f"{name} waits for a leader, and it has none"
    if fault.when is not None:
        yield from _never_seen(name, fault.when.kind, choice, scenario)
    if fault.hits_nodes:
        for system in systems_of(choice, scenario):
            yield from _nodes_misfits(name, fault, system.name, system.layout)


def _never_seen(name: str, kind: str, choice: ApproachChoice, scenario: Scenario) -> Iterator[str]:
    """Why the event that it waits for cannot come."""
    family = kind.partition(".")[0]
    uncoordinated = all(APPROACHES[one].coordinator is None for one in _approaches(choice))
    if family in ("lease", "coordinator") and uncoordinated:
        yield f"{name} waits for {kind}, and it needs no coordinator"
    if family == "circuit" and (choice.circuit_breaker or scenario.circuit_breaker) is None:
        yield f"{name} waits for {kind}, and it has no circuit breaker"


def _nodes_misfits(name: str, fault: Fault, system: str, layout: Layout) -> Iterator[str]:
    """Why a coordinator that is made like this cannot be hit so."""
    nodes = layout.nodes + layout.replicas
    if isinstance(fault.chosen_nodes, int) and fault.chosen_nodes > nodes:
        yield f"{name} hits {fault.chosen_nodes} nodes, and its {system} has {nodes}"
    if fault.shifts_clock and system not in _OWN_CLOCK:
        yield f"{name} can shift the clock of Redis only, and its coordinator is {system}"
    if fault.needs_successor and (lacking := _no_successor(system, layout)) is not None:
        yield f"{name} needs a node that takes over: {lacking}"


def _no_successor(system: str, layout: Layout) -> str | None:
    """Why nobody takes over where the leading node dies; None where somebody does."""
    if system == "zookeeper":
        if layout.nodes >= 3:
            return None
        return "give the scenario `coordinators: {zookeeper: {nodes: 3}}`"
    if layout.nodes > 1:
        return f"its {layout.nodes} nodes are independent of each other"
    if layout.replicas >= 1:
        return None
    return f"give the scenario `coordinators: {{{system}: {{replicas: 1}}}}`"


def _approaches(choice: ApproachChoice) -> tuple[str, ...]:
    """The one, or the two of a mix."""
    return (
        (choice.approach,) if choice.others is None else (choice.approach, choice.others.approach)
    )


def _leads(choice: ApproachChoice) -> bool:
    """Whether some of its workers may lead."""
    return any(issubclass(APPROACHES[one], Leader) for one in _approaches(choice))
