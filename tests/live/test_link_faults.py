"""What faults do to the links of workers, as a client of one's own and the kernel see it."""

from __future__ import annotations

import asyncio
import time
from random import Random

import psutil
import pytest

from harness.faults.cluster import Direction, NotLanded, TargetGone
from harness.faults.reset import Reset
from harness.runtimes.proxy import Link
from harness.scenario.target import Form, Target
from tests.live.clients import SILENCE, Client, link_of
from tests.live.processes import becomes_true
from tests.live.trials import Trials

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

VICTIM, OTHER = "worker-1", "worker-2"
DELAY = 0.3  # s; a round trip on loopback takes less than a millisecond


async def round_trip(client: Client) -> float:
    start = time.monotonic()
    assert await client.answers("PING", "+PONG")
    return time.monotonic() - start


def ports_of(pid: int) -> set[int]:
    """The worker's own ends of its connections."""
    return {
        connection.laddr.port
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED
    }


@pytest.mark.parametrize(
    ("direction", "ways", "arrives_late"),
    [("both", 2, True), ("requests", 1, True), ("replies", 1, False)],
)
async def test_a_delay_holds_up_the_direction_that_it_names(
    trials: Trials, direction: Direction, ways: int, arrives_late: bool
) -> None:
    async with trials.open("redis-lock") as trial:
        (node,) = trial.ground.servers["redis"].nodes
        slow, uncut = link_of(trial.pids()[VICTIM]), link_of(trial.pids()[OTHER])
        async with (
            Client.at(node.host, node.port) as direct,
            Client.at(*slow) as asking,
            Client.at(*uncut) as bystander,
        ):
            assert await asking.answers("PING", "+PONG")
            landed = await trial.cluster.slow(VICTIM, DELAY, 0.0, direction)
            assert landed.mechanism == "proxy-delay"
            assert await round_trip(asking) >= ways * DELAY
            assert await round_trip(bystander) < DELAY
            asking.say(f"RPUSH {trial.namespace}:probe news")
            waited = "*-1" if arrives_late else "*2"
            assert await direct.answers(f"BLPOP {trial.namespace}:probe {DELAY / 2}", waited)
            assert await asking.hears(":1")
            healed = await trial.cluster.heal(VICTIM)
            assert healed.mechanism == "proxy-delay"
            assert await round_trip(asking) < DELAY


async def test_jitter_makes_round_trips_differ_and_loses_nothing(trials: Trials) -> None:
    async with (
        trials.open("redis-lock") as trial,
        Client.at(*link_of(trial.pids()[VICTIM])) as asking,
    ):
        landed = await trial.cluster.slow(VICTIM, 0.0, 0.05, "both")
        assert landed.mechanism == "proxy-delay"
        took = [await round_trip(asking) for _ in range(10)]
        assert max(took) - min(took) > 0.01
        for _ in range(20):
            asking.say(f"INCR {trial.namespace}:probe")
            await asyncio.sleep(0.001)
        for number in range(1, 21):
            assert await asking.hears(f":{number}")
        await trial.cluster.heal(VICTIM)
        assert min([await round_trip(asking) for _ in range(10)]) < 0.005


async def test_a_reset_ends_the_connections_and_new_ones_may_be_opened(trials: Trials) -> None:
    async with trials.open("redis-lock") as trial:
        victim, other = trial.pids()[VICTIM], trial.pids()[OTHER]
        before, untouched = ports_of(victim), ports_of(other)
        async with Client.at(*link_of(victim)) as asking:
            assert await asking.answers("PING", "+PONG")
            landed = await trial.cluster.reset(VICTIM)
            assert landed.mechanism == "proxy-reset"
            with pytest.raises(ConnectionResetError):
                await asking.answers("PING", "+PONG")
        assert not before & ports_of(victim)
        assert untouched <= ports_of(other)
        assert await becomes_true(lambda: ports_of(victim))
        async with Client.at(*link_of(victim)) as again:
            assert await again.answers("PING", "+PONG")
        assert await trial.writes(VICTIM)


async def test_refused_is_who_connects_and_not_who_is_connected(trials: Trials) -> None:
    async with trials.open("redis-lock") as trial:
        link, uncut = link_of(trial.pids()[VICTIM]), link_of(trial.pids()[OTHER])
        async with Client.at(*link) as connected:
            assert await connected.answers("PING", "+PONG")
            landed = await trial.cluster.refuse(VICTIM)
            assert landed.mechanism == "proxy-refuse"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*link)
            assert await connected.answers("PING", "+PONG")
            async with Client.at(*uncut) as bystander:
                assert await bystander.answers("PING", "+PONG")
            healed = await trial.cluster.heal(VICTIM)
            assert healed.mechanism == "proxy-refuse"
            async with Client.at(*link) as latecomer:
                assert await latecomer.answers("PING", "+PONG")


async def test_a_heal_undoes_all_that_was_done(trials: Trials) -> None:
    async with trials.open("redis-lock") as trial:
        link = link_of(trial.pids()[VICTIM])
        async with Client.at(*link) as asking:
            assert await asking.answers("PING", "+PONG")
            await trial.cluster.slow(VICTIM, DELAY, 0.0, "replies")
            await trial.cluster.cut(VICTIM, "requests")
            await trial.cluster.refuse(VICTIM)
            asking.say("PING")
            assert not await asking.hears("+PONG", DELAY + SILENCE)
            await trial.cluster.heal(VICTIM)
            assert await asking.hears("+PONG")
            assert await round_trip(asking) < DELAY
        async with Client.at(*link) as latecomer:
            assert await round_trip(latecomer) < DELAY


async def test_a_reset_while_connections_are_refused_keeps_the_worker_out(trials: Trials) -> None:
    async with trials.open("redis-lock") as trial:
        victim = trial.pids()[VICTIM]
        await trial.cluster.refuse(VICTIM)
        await trial.cluster.reset(VICTIM)
        assert not ports_of(victim)
        await trial.next("coordinator.error", VICTIM)
        assert not ports_of(victim)
        await trial.cluster.heal(VICTIM)
        assert await becomes_true(lambda: ports_of(victim))


async def test_a_reset_of_several_leaves_out_who_has_no_connection(trials: Trials) -> None:
    async with trials.open("redis-lock") as trial:
        victim, other = trial.pids()[VICTIM], trial.pids()[OTHER]
        reset = Reset(target=Target(Form.ALL), at=1.0)
        await trial.cluster.refuse(VICTIM)
        await trial.cluster.reset(VICTIM)
        assert not ports_of(victim)
        assert await becomes_true(lambda: ports_of(other))
        before = ports_of(other)
        landed = await reset.apply(trial.cluster, [VICTIM, OTHER], "reset#1")
        assert landed.mechanism == "proxy-reset"
        assert not before & ports_of(other)
        with pytest.raises(TargetGone, match="no open connection"):
            await reset.apply(trial.cluster, [VICTIM], "reset#2")


async def test_packets_cannot_be_lost(trials: Trials) -> None:
    async with trials.open("redis-lock") as trial:
        with pytest.raises(NotLanded, match="loss needs packets"):
            await trial.cluster.lose(VICTIM, 0.1, "both")


async def test_who_has_no_coordinator_has_no_link(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        for disturbed in (
            trial.cluster.slow(VICTIM, DELAY, 0.0, "both"),
            trial.cluster.reset(VICTIM),
            trial.cluster.refuse(VICTIM),
        ):
            with pytest.raises(NotLanded, match="no coordinator"):
                await disturbed


# Planted failures: each of these faults is made not to work, which must be seen.


async def test_a_delay_that_delays_nothing_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trials.open("redis-lock") as trial:
        monkeypatch.setattr(Link, "_delay", lambda link, direction: 0.0)
        with pytest.raises(NotLanded, match="answered within less"):
            await trial.cluster.slow(VICTIM, DELAY, 0.0, "both")


async def test_jitter_that_is_not_set_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(link: Link, delay: float, jitter: float, way: str, random: Random) -> None:
        pass

    async with trials.open("redis-lock") as trial:
        monkeypatch.setattr(Link, "slow", forgetful)
        with pytest.raises(NotLanded, match="not slow"):
            await trial.cluster.slow(VICTIM, 0.0, 0.05, "both")


async def test_a_reset_that_resets_nothing_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runtimes.links._PATIENCE", SILENCE)
    async with trials.open("redis-lock") as trial:
        with monkeypatch.context() as planted:
            planted.setattr(Link, "reset", lambda link: 2)
            with pytest.raises(NotLanded, match="outlived"):
                await trial.cluster.reset(VICTIM)


async def test_a_refusal_that_refuses_nobody_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trials.open("redis-lock") as trial:
        monkeypatch.setattr(Link, "refuse", lambda link: None)
        with pytest.raises(NotLanded, match="may still connect"):
            await trial.cluster.refuse(VICTIM)
