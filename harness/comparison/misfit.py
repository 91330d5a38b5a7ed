"""Which approaches a scenario makes sense for, in which runtime."""

from __future__ import annotations

from collections.abc import Iterator

from harness.approaches import APPROACHES
from harness.approaches.leader import Leader
from harness.faults.fault import Fault
from harness.faults.when import When
from harness.history.kinds import OF_LEASES
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
    coordinated = _coordinated(choice)
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
        yield from _never_seen(name, fault.when, choice, scenario)
    if fault.hits_nodes:
        for system in systems_of(choice, scenario):
            yield from _nodes_misfits(name, fault, system.name, system.layout)


def _never_seen(name: str, when: When, choice: ApproachChoice, scenario: Scenario) -> Iterator[str]:
    """Why the event that it waits for cannot come."""
    waits = f"{name} waits for {when.kind}"
    family, _, what = when.kind.partition(".")
    if family in ("lease", "coordinator", "circuit") and not any(_coordinated(choice)):
        yield f"{waits}, and it needs no coordinator"
    if family == "circuit" and scenario.circuit_breaker_of(choice) is None:
        yield f"{waits}, and it has no circuit breaker"
    if when.kind == "effect.rejected" and (choice.sink or scenario.sink) == "none":
        yield f"{waits}, and its sink rejects nothing"
    if when.kind in OF_LEASES:
        sayers = [one for one in _each(choice) if when.kind in one.params.lease_events]
        if not sayers:
            yield f"{waits}, and its leases are never {what}"
        elif when.job is not None and all(isinstance(one.params, Leader) for one in sayers):
            yield f"{waits} of the job {when.job}, and a leader's lease is on all jobs"


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


def _each(choice: ApproachChoice) -> tuple[ApproachChoice, ...]:
    """The one, or the two of a mix."""
    return (choice,) if choice.others is None else (choice, choice.others)


def _approaches(choice: ApproachChoice) -> tuple[str, ...]:
    return tuple(one.approach for one in _each(choice))


def _coordinated(choice: ApproachChoice) -> list[bool]:
    """Whether each of them has a coordinator."""
    return [APPROACHES[one].coordinator is not None for one in _approaches(choice)]


def _leads(choice: ApproachChoice) -> bool:
    """Whether some of its workers may lead."""
    return any(issubclass(APPROACHES[one], Leader) for one in _approaches(choice))
