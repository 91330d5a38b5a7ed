"""Faults that wait for an event land at its very moment in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter

from harness.faults import FAULTS
from harness.faults.injection import inject_all
from harness.faults.plan import PlannedFault
from harness.runtimes.simulated import SimulatedCluster
from tests.runtimes.simulated_trials import Events, at, begun

pytestmark = pytest.mark.simulated


@asynccontextmanager
async def injecting(
    kind: str, approach: str = "redis-lock", **params: Any
) -> AsyncIterator[tuple[SimulatedCluster, Events]]:
    fault = TypeAdapter(FAULTS[kind]).validate_python(params)
    cluster, events = await begun(approach)
    plan = [PlannedFault("fault-1", kind, None, fault)]
    task = asyncio.ensure_future(inject_all(plan, cluster, seed=7))
    try:
        yield cluster, events
    finally:
        task.cancel()
        await asyncio.wait({task})
        await cluster.close()


@pytest.mark.parametrize("kind", ["lease.requested", "lease.granted", "run.started"])
async def test_a_fault_without_delay_lands_at_the_moment_of_its_event(kind: str) -> None:
    when = {"kind": kind, "nth": 3}
    async with injecting("pause", when=when, **{"for": "1s"}) as (cluster, events):
        await at(cluster, 6.0)
        (injected,) = events.of("fault.injected")
        event = events.of(kind)[2]
        assert injected.at == event.at
        assert injected.targets == (event.worker,)
        # It did no more than what it was doing at that moment.
        until = injected.at + 1.0
        assert not [
            one for one in events.after(injected.at, "run.started", event.worker) if one.at < until
        ]


async def test_a_cut_between_grant_and_reply_leaves_a_lock_that_nobody_knows_of() -> None:
    when = {"kind": "lease.requested", "nth": 1}
    params = {"direction": "replies", "for": "2s"}
    async with injecting("partition", when=when, **params) as (cluster, events):
        await at(cluster, 1.9)
        asked = events.of("lease.requested")[0]
        (injected,) = events.of("fault.injected")
        assert injected.at == asked.at
        (server,) = cluster._coordinators.servers(cluster._spec.systems[0])
        # It was granted before the reply was held up: whoever else asked was denied.
        assert len(server) == 1
        assert not events.of("lease.granted")
        (denied,) = events.of("lease.denied")
        assert denied.worker != asked.worker


async def test_a_delay_counts_from_the_event() -> None:
    when = {"kind": "run.started", "nth": 2, "after": "20ms"}
    async with injecting("crash", when=when) as (cluster, events):
        await at(cluster, 4.0)
        (injected,) = events.of("fault.injected")
        assert injected.at == pytest.approx(events.of("run.started")[1].at + 0.02, abs=1e-9)
