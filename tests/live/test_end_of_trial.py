"""A trial ends in order, whatever faults have left of its coordinator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from harness.coordinators.found import Found
from harness.coordinators.server import Server
from harness.runtimes.cluster import TrialError
from harness.runtimes.ground import Ground
from harness.scenario.model import Layout
from tests.conftest import Need
from tests.live.processes import state_of
from tests.live.trials import Trials

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

NODE = "redis-1"
PATIENCE = 10.0  # s


@pytest_asyncio.fixture(loop_scope="module")
async def server(
    need: Need, coordinators: dict[str, Found], ground: Ground
) -> AsyncIterator[Server]:
    """A Redis of the test's own."""
    need("redis")
    make = coordinators["redis"].make
    assert make is not None
    server = make(Layout())
    await server.start(ground.launcher)
    if not server.ours:
        pytest.skip("needs a server that the harness starts")
    yield server
    await server.stop()


async def test_a_node_that_a_fault_took_down_is_not_missed(trials: Trials, server: Server) -> None:
    async with trials.open("redis-lock", workers=1, server=server) as trial:
        await trial.cluster.crash_node(NODE)
        await trial.next("coordinator.error", "worker-1")
        await trial.cluster.drain(PATIENCE)
        assert server.processes(server.nodes[0].name) == []


async def test_a_node_that_went_down_by_itself_breaks_the_trial(
    trials: Trials, server: Server
) -> None:
    async with trials.open("redis-lock", workers=1, server=server) as trial:
        await server.kill(server.nodes[0].name)
        with pytest.raises(TrialError, match="redis-1 does not answer any more"):
            await trial.cluster.drain(PATIENCE)


async def test_a_node_that_came_back_must_answer_again(trials: Trials, server: Server) -> None:
    async with trials.open("redis-lock", workers=1, server=server) as trial:
        await trial.cluster.crash_node(NODE)
        await trial.cluster.start_node(NODE, keep_data=False)
        await trial.next("run.finished", "worker-1")
        await server.kill(server.nodes[0].name)
        with pytest.raises(TrialError, match="redis-1 does not answer any more"):
            await trial.cluster.drain(PATIENCE)


async def test_a_node_that_stands_still_does_not_hold_up_the_end(
    trials: Trials, server: Server
) -> None:
    async with asyncio.timeout(4 * PATIENCE):
        async with trials.open("redis-lock", workers=1, server=server) as trial:
            await trial.cluster.pause_node(NODE)
            (pid, *_) = server.processes(server.nodes[0].name)
            assert state_of(pid) == "T"
        assert state_of(pid) != "T"


async def test_a_cut_is_healed_while_the_coordinator_is_down(
    trials: Trials, server: Server
) -> None:
    async with trials.open("redis-lock", workers=1, server=server) as trial:
        await trial.cluster.cut("worker-1", "both")
        await trial.cluster.crash_node(NODE)
        await trial.cluster.heal("worker-1")
        await trial.cluster.start_node(NODE, keep_data=False)
        assert await trial.next("lease.granted", "worker-1")
