"""The library's scenarios come out as theory says: signs, and closed forms of recovery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from harness.coordinators.found import Found
from harness.history.event import Event
from harness.history.reading import History
from tests.command import Ran
from tests.conftest import LiveRuns, Need, RunOnce
from tests.oracle.rows import BOUNDS, ORACLE, SOURCES
from tests.oracle.selection import MISFITS, PATIENCE, SELECTED, runs_live
from tests.oracle.table import Bound, Row, measured

# A test waits for the run of its scenario, and for those before it.
pytestmark = pytest.mark.timeout(PATIENCE)

MECHANISMS = {"process": "server-side", "sim": "simulated"}

# What the machine may add: a process that gets its turn late, a due time noticed late. Generous, as
# two cores run forty workers; an algorithm that is wrong is wrong by a period or a lease.
MARGIN = {"process": 0.3, "sim": 0.05}  # s


def in_sim(*values: Any, scenario: str) -> Any:
    """A case that is run in simulation."""
    marks = (pytest.mark.scenarios, pytest.mark.scenario(scenario))
    return pytest.param("sim", *values, marks=marks, id="-".join(["sim", *map(str, values)]))


def live(*values: Any, scenario: str) -> Any:
    """The same on real coordinators."""
    marks = (pytest.mark.live, pytest.mark.scenario(scenario))
    return pytest.param("process", *values, marks=marks, id="-".join(["live", *map(str, values)]))


def both(*values: Any, scenario: str) -> list[Any]:
    """The case in both runtimes."""
    return [in_sim(*values, scenario=scenario), live(*values, scenario=scenario)]


def cases(rows: Sequence[Row | Bound]) -> list[Any]:
    """All rows in simulation, and live those whose approach is run live."""
    return [
        *(in_sim(row, scenario=row.scenario) for row in rows),
        *(
            live(row, scenario=row.scenario)
            for row in rows
            if runs_live(row.scenario, row.approach)
        ),
    ]


EACH = [case for name in SELECTED for case in both(name, scenario=name)]
CRASHES = both(scenario="worker-crash")


@pytest.fixture
def runtime() -> str:
    """Where the scenarios are run; each test says it."""
    raise NotImplementedError


@pytest.fixture(scope="module", autouse=True)
def begun(request: pytest.FixtureRequest, live_runs: LiveRuns) -> None:
    """Begin the live runs that the selected tests of this module ask for."""
    for item in request.session.items:
        mark = item.get_closest_marker("scenario")
        if mark is not None and item.get_closest_marker("live"):
            live_runs.of(mark.args[0])


@pytest.fixture
def ran(runtime: str, run_once: RunOnce) -> Callable[[str], Ran]:
    """What came of a scenario of the library."""
    return partial(run_once, runtime)


@pytest.fixture
def needed(runtime: str, need: Need) -> Need:
    """Skip the test where a real coordinator is wanted and missing; sim needs none."""
    return need if runtime == "process" else lambda _name: None


@pytest.fixture
def missing(runtime: str, coordinators: dict[str, Found]) -> set[str]:
    """The coordinators without which some approaches were skipped."""
    if runtime == "sim":
        return set()
    return {name for name, one in coordinators.items() if one.source is None}


@pytest.mark.parametrize(("runtime", "scenario"), EACH)
def test_no_approach_is_skipped_where_all_coordinators_are_there(
    scenario: str, ran: Callable[[str], Ran], missing: set[str]
) -> None:
    results = ran(scenario).results
    if missing:
        pytest.skip(f"this machine has no {', '.join(sorted(missing))}")
    skipped = {(scenario, name) for name, result in results.items() if result["skipped"]}
    assert skipped == {pair for pair in MISFITS if pair[0] == scenario and pair[1] in results}
    counted = {name: result["invalid"] for name, result in results.items()}
    assert not any(counted.values()), counted


@pytest.mark.parametrize(("runtime", "scenario"), EACH)
def test_what_the_scenario_expects_is_met(
    scenario: str, ran: Callable[[str], Ran], missing: set[str]
) -> None:
    done = ran(scenario)
    # What it expects by name of an approach that could not run here was not checked.
    assert done.code in ((0, 4) if missing else (0,)), done.err


@pytest.mark.parametrize(("runtime", "row"), cases(ORACLE))
def test_the_sign_is_right(row: Row, runtime: str, ran: Callable[[str], Ran], needed: Need) -> None:
    needed(row.approach)
    result = ran(row.scenario).results[row.approach]
    if result["skipped"] and runtime == "process":
        pytest.skip(result["skipped"])
    assert row.holds(result), f"{row.measure} is {measured(result, row.measure)}: {result}"


@pytest.mark.parametrize("row", ORACLE, ids=str)
def test_the_sign_is_refuted_by_the_opposite(row: Row) -> None:
    """The detector fires: a result that says otherwise does not bear the row out."""
    count = 3 if row.sign == "none" else 0
    result: dict[str, Any] = {"expected": 7}
    nested = result
    *above, last = row.measure.split(".")
    for key in above:
        nested = nested.setdefault(key, {})
    nested[last] = count
    nested.setdefault("samples", 5)
    assert not row.holds(result)


@pytest.mark.parametrize(("runtime", "bound"), cases(BOUNDS))
def test_the_closed_form_holds(
    bound: Bound, runtime: str, ran: Callable[[str], Ran], needed: Need
) -> None:
    needed(bound.approach)
    result = ran(bound.scenario).results[bound.approach]
    seconds = measured(result, bound.measure)
    assert seconds is not None, result
    margin = MARGIN[runtime]
    assert bound.low - margin <= seconds <= bound.high + margin, result


def test_every_row_has_a_source_and_a_scenario_that_is_run() -> None:
    assert {row.source for row in ORACLE} == SOURCES.keys()
    scenarios = {row.scenario for row in ORACLE} | {bound.scenario for bound in BOUNDS}
    assert scenarios == SELECTED.keys()
    assert len(ORACLE) == len({str(row) for row in ORACLE}) >= 80


@pytest.mark.parametrize(("runtime", "scenario"), EACH)
def test_no_fault_of_the_library_fails_to_land(scenario: str, ran: Callable[[str], Ran]) -> None:
    for history in ran(scenario).histories():
        kinds = {event.kind for event in history.events}
        planned = {fault.fault for fault in history.trial.faults}
        injected = {e.fault for e in history.events if e.kind == "fault.injected"}
        assert "fault.failed" not in kinds, history.path
        assert injected == planned, history.path


@pytest.mark.parametrize(
    ("runtime", "approach"),
    [
        case
        for name in (
            "redis-lock redis-leader zookeeper-lock zookeeper-leader shedlock"
            " postgres-advisory-lock postgres-queue".split()
        )
        for case in both(name, scenario="lease-expiry")
    ],
)
def test_an_expiry_takes_the_lease_of_its_target(
    approach: str, runtime: str, ran: Callable[[str], Ran], needed: Need
) -> None:
    needed(approach)
    done = ran("lease-expiry")
    history = done.history(approach)
    expiries = [event for event in history.events if event.kind == "fault.injected"]
    assert expiries
    assert done.results[approach]["mechanisms"] == [MECHANISMS[runtime]]
    for expiry in expiries:
        (victim,) = expiry.targets or ()
        held = _held(history, victim, expiry.at)
        assert held, expiry
        # Somebody else is given what the victim's run still relies on.
        resource = held[0].resource
        following = (
            event
            for event in _in_order(history)
            if event.kind == "lease.granted" and event.at > expiry.at
        )
        regranted = next((e for e in following if e.resource == resource), None)
        assert regranted is not None, f"nobody was granted {resource} after {expiry}"


@dataclass(slots=True)
class Crash:
    """A crash in a history: when, whom, and the grants and runs that it took along."""

    at: float
    victim: str
    held: list[Event] = field(default_factory=list)
    running: list[Event] = field(default_factory=list)


@pytest.mark.parametrize("runtime", CRASHES)
def test_the_next_leader_takes_over_when_the_session_has_expired(
    runtime: str, ran: Callable[[str], Ran], needed: Need
) -> None:
    """T - U[0, T/3] + U(0, tick]: a heartbeat every T/3, expiry at the tick after T of silence."""
    needed("zookeeper-leader")
    session, tick = 2.0, 0.2
    margin = MARGIN[runtime]
    takeovers = []
    for history, crash in _all_crashes(ran("worker-crash"), "zookeeper-leader"):
        for grant in crash.held:
            taken = _next(history, crash.at, "lease.granted", resource=grant.resource)
            assert taken.worker != crash.victim
            takeovers.append(taken.at - crash.at)
    assert takeovers
    # Heartbeats may be late too, but their period has slack: kazoo sends them early at random.
    assert min(takeovers) >= session - session / 3 - margin / 3, takeovers
    assert max(takeovers) <= session + tick + margin, takeovers
    latency = ran("worker-crash").results["zookeeper-leader"]["takeover"]
    assert latency["samples"] == len(takeovers)
    assert latency["max"] == pytest.approx(max(takeovers), abs=0.05)


@pytest.mark.parametrize("runtime", CRASHES)
def test_a_lock_bound_to_a_connection_is_free_for_the_next_due_time(
    runtime: str, ran: Callable[[str], Ran], needed: Need
) -> None:
    needed("postgres-advisory-lock")
    gaps = []
    for history, crash in _all_crashes(ran("worker-crash"), "postgres-advisory-lock"):
        periods = {job.name: job.every for job in history.trial.jobs}
        for run in crash.running:
            assert run.job is not None
            resumed = _next(history, crash.at, "run.started", job=run.job)
            assert resumed.worker != crash.victim
            assert resumed.at - crash.at <= periods[run.job] + MARGIN[runtime]
            gaps.append(resumed.at - crash.at)
    assert gaps


@pytest.mark.parametrize("runtime", CRASHES)
def test_a_lock_with_a_time_to_live_is_free_when_that_ran_out_and_not_before(
    runtime: str, ran: Callable[[str], Ran], needed: Need
) -> None:
    """Counted from the grant: the server set the key between the request and our answer."""
    needed("redis-lock")
    gaps = []
    for history, crash in _all_crashes(ran("worker-crash"), "redis-lock"):
        ttl = history.trial.extra["parameters"]["ttl"]
        periods = {job.name: job.every for job in history.trial.jobs}
        requests = {e.lease: e.at for e in history.events if e.kind == "lease.requested"}
        for grant in crash.held:
            assert grant.job is not None
            resumed = _next(history, crash.at, "run.started", job=grant.job)
            # Redis counts in whole milliseconds.
            assert resumed.at >= requests[grant.lease] + ttl - 0.002
            assert resumed.at <= grant.at + ttl + periods[grant.job] + MARGIN[runtime]
            gaps.append(resumed.at - crash.at)
    assert gaps


def _in_order(history: History) -> list[Event]:
    return sorted(history.events, key=lambda event: event.at)


def _all_crashes(done: Ran, approach: str) -> Iterator[tuple[History, Crash]]:
    """The crashes of all trials of an approach, each with its history."""
    for history in done.histories(approach):
        for crash in _crashes(history):
            yield history, crash


def _crashes(history: History) -> Iterator[Crash]:
    """The crashes; their victims' last words were all written before them."""
    for fault in _in_order(history):
        if fault.kind == "fault.injected" and fault.type == "crash":
            (victim,) = fault.targets or ()
            held = _held(history, victim, fault.at)
            yield Crash(fault.at, victim, held, _running(history, victim, fault.at))


def _held(history: History, worker: str, at: float) -> list[Event]:
    """The grants that a worker held at that moment."""
    held: dict[str | None, Event] = {}
    for event in _until(history, worker, at):
        if event.kind == "lease.granted":
            held[event.lease] = event
        elif event.kind in ("lease.released", "lease.lost"):
            held.pop(event.lease, None)
        elif event.kind == "worker.exited":
            held.clear()
    return list(held.values())


def _running(history: History, worker: str, at: float) -> list[Event]:
    """The starts of the runs that a worker was in at that moment."""
    running: dict[str | None, Event] = {}
    for event in _until(history, worker, at):
        if event.kind == "run.started":
            running[event.run] = event
        elif event.kind in ("run.finished", "run.failed"):
            running.pop(event.run, None)
        elif event.kind == "worker.exited":
            running.clear()
    return list(running.values())


def _until(history: History, worker: str, at: float) -> Iterator[Event]:
    """A worker's events up to a fault, but for the exit that the fault itself may be."""
    for event in _in_order(history):
        if event.at > at or (event.at == at and event.kind == "worker.exited"):
            return
        if event.worker == worker:
            yield event


def _next(history: History, after: float, kind: str, **fields: str | None) -> Event:
    """The first event of that kind and those fields after a moment."""
    return next(
        event
        for event in _in_order(history)
        if event.kind == kind
        and event.at > after
        and all(getattr(event, name) == value for name, value in fields.items())
    )


@pytest.mark.parametrize("runtime", both(scenario="thundering-herd"))
def test_a_herd_comes_at_one_instant(runtime: str, ran: Callable[[str], Ran]) -> None:
    history = ran("thundering-herd").history("redis-lock")
    herds = [event for event in history.events if event.type == "thundering-herd"]
    held = [event.at for event in herds if event.kind == "fault.injected"]
    let_go = [event.at for event in herds if event.kind == "fault.healed"]
    assert len(held) == len(let_go) >= 3
    asked = [event for event in history.events if event.kind == "lease.requested"]
    for since, until in zip(held, let_go, strict=True):
        # Nobody asked while all were held, though a due time came; then all did, at once.
        assert not [event for event in asked if since + MARGIN[runtime] / 3 < event.at < until]
        after = {event.worker for event in asked if until <= event.at < until + MARGIN[runtime]}
        assert after == set(history.trial.workers)


@pytest.mark.parametrize("runtime", both(scenario="load-spike"))
def test_a_spike_has_its_jobs_and_ends(runtime: str, ran: Callable[[str], Ran]) -> None:
    history = ran("load-spike").history("zookeeper-leader")
    spikes = {job.name: job for job in history.trial.jobs if job.until is not None}
    assert len(spikes) == 20
    runs = [event for event in history.events if event.kind == "run.started"]
    seen = [event for event in runs if event.job in spikes]
    assert {event.job for event in seen} == spikes.keys()
    assert all(
        spikes[str(e.job)].first <= (e.due or 0) < (spikes[str(e.job)].until or 0) for e in seen
    )
    assert max(event.due or 0 for event in runs) > max(event.due or 0 for event in seen)


@pytest.mark.parametrize("runtime", both(scenario="slow-network"))
def test_a_slow_link_makes_a_lease_late_and_a_healed_one_does_not(
    runtime: str, ran: Callable[[str], Ran]
) -> None:
    history = ran("slow-network").history("redis-lock")
    (slow,) = (e.at for e in history.events if e.kind == "fault.injected" and e.type == "delay")
    (fast,) = (e.at for e in history.events if e.kind == "fault.healed" and e.type == "delay")
    asked = {e.lease: e.at for e in history.events if e.kind == "lease.requested"}
    waits = [
        (asked[e.lease], e.at - asked[e.lease]) for e in history.events if e.kind == "lease.granted"
    ]
    assert min(wait for at, wait in waits if slow < at < fast - 1) >= 0.15
    assert min(wait for at, wait in waits if at < slow or fast < at) < 0.15


@pytest.mark.parametrize("runtime", both(scenario="rolling-deploy"))
def test_who_is_stopped_says_goodbye_and_comes_back(
    runtime: str, ran: Callable[[str], Ran]
) -> None:
    history = ran("rolling-deploy").history("redis-lock")
    for stop in (e for e in history.events if e.kind == "fault.injected"):
        (victim,) = stop.targets or ()
        own = [e for e in _in_order(history) if e.worker == victim and e.at >= stop.at - 1.5]
        kinds = [e.kind for e in own if e.kind.startswith("worker.")][:4]
        assert kinds == ["worker.stopping", "worker.exited", "worker.started", "worker.ready"], stop
        assert next(e for e in own if e.kind == "worker.exited").code == 0
        (back,) = (e.at for e in own if e.kind == "worker.ready")
        assert any(e.kind == "lease.requested" and e.at > back for e in own), victim
