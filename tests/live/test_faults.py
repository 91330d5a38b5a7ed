"""Faults as the kernel, the network and the coordinators show them, not as we verify them."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from harness.faults import FAULTS
from harness.faults.cluster import NotLanded
from harness.faults.fault import Fault
from harness.runtimes import links, workers
from harness.runtimes.forking import WorkerProcess
from harness.runtimes.proxy import Link
from tests.live.clients import SILENCE, Client, link_of
from tests.live.processes import is_alive, state_of
from tests.live.trials import Trials

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

VICTIM, OTHER = "worker-1", "worker-2"


def fault(kind: str, **params: Any) -> Fault:
    """A fault as a scenario writes it; whom it hits is said when it is applied."""
    params = {name.rstrip("_"): value for name, value in params.items()}
    return FAULTS[kind](**{"target": VICTIM, "at": 0.0, **params})


async def test_a_crash_ends_the_process_and_its_end_starts_another(trials: Trials) -> None:
    crash = fault("crash", restart_after=0.1)
    async with trials.open("uncoordinated") as trial:
        before, bystander = trial.pids()[VICTIM], trial.pids()[OTHER]
        await crash.apply(trial.cluster, [VICTIM], "it#1")
        assert not is_alive(before)
        assert VICTIM not in trial.pids()
        await crash.undo(trial.cluster, [VICTIM], "it#1")
        assert trial.pids()[VICTIM] != before
        assert await trial.writes(VICTIM)
        assert trial.pids()[OTHER] == bystander


async def test_a_pause_stops_the_process_and_its_end_continues_it(trials: Trials) -> None:
    pause = fault("pause", for_=1.0)
    async with trials.open("uncoordinated") as trial:
        pid, bystander = trial.pids()[VICTIM], trial.pids()[OTHER]
        assert state_of(pid) != "T"
        await pause.apply(trial.cluster, [VICTIM], "it#1")
        assert state_of(pid) == "T"
        assert state_of(bystander) != "T"
        # What it wrote before may still be on its way; then it is silent, and the other is not.
        await asyncio.sleep(0.1)
        written = trial.written(VICTIM)
        assert await trial.writes(OTHER)
        assert trial.written(VICTIM) == written
        assert state_of(pid) == "T"
        await pause.undo(trial.cluster, [VICTIM], "it#1")
        assert state_of(pid) != "T"
        assert await trial.writes(VICTIM)
        assert trial.pids()[VICTIM] == pid


@pytest.mark.parametrize(
    ("direction", "requests_pass", "replies_pass"),
    [("both", False, False), ("requests", False, True), ("replies", True, False)],
)
async def test_a_partition_cuts_the_direction_that_it_names(
    trials: Trials, direction: str, requests_pass: bool, replies_pass: bool
) -> None:
    partition = fault("partition", for_=1.0, direction=direction)
    async with trials.open("redis-lock") as trial:
        (node,) = trial.ground.servers["redis"].nodes
        cut, uncut = link_of(trial.pids()[VICTIM]), link_of(trial.pids()[OTHER])
        assert len({cut, uncut, (node.host, node.port)}) == 3
        async with (
            Client.at(node.host, node.port) as direct,
            Client.at(*cut) as asking,
            Client.at(*cut) as listening,
            Client.at(*uncut) as bystander,
        ):
            assert await asking.answers("PING", "+PONG")
            key = f"{trial.namespace}:probe"
            assert await listening.answers(f"SUBSCRIBE {key}", ":1")
            await partition.apply(trial.cluster, [VICTIM], "it#1")
            # A request, and something that the server says without being asked.
            asking.say(f"INCR {key}")
            assert await direct.answers(f"PUBLISH {key} news", ":1")
            assert await listening.hears("news", SILENCE) is replies_pass
            assert not await asking.hears(":1", SILENCE)
            assert await direct.answers(f"EXISTS {key}", f":{int(requests_pass)}")
            assert await bystander.answers("PING", "+PONG")
            async with Client.at(*cut) as latecomer:
                latecomer.say("PING")
                assert not await latecomer.hears("+PONG", SILENCE)
            await partition.undo(trial.cluster, [VICTIM], "it#1")
            assert await asking.hears(":1")
            assert replies_pass or await listening.hears("news")
            assert await direct.answers(f"GET {key}", "1")


async def test_an_expiry_deletes_the_key_in_redis(trials: Trials) -> None:
    async with trials.open("redis-lock", takes=1.5) as trial:
        lease = await trial.held()
        (node,) = trial.ground.servers["redis"].nodes
        async with Client.at(node.host, node.port) as direct:
            command = f"EXISTS {trial.namespace}:report"
            assert await direct.answers(command, ":1")
            await fault("expire").apply(trial.cluster, [lease.worker], "it#1")
            assert await direct.answers(command, ":0")


async def test_an_expiry_ends_the_session_in_zookeeper(trials: Trials) -> None:
    async with trials.open("zookeeper-leader") as trial:
        lease = await trial.held()
        (node,) = trial.ground.servers["zookeeper"].nodes
        session = f"0x{int((lease.handle or '').partition(':')[0], 16):x}".encode()
        assert session in await _dump(node.host, node.port)
        await fault("expire").apply(trial.cluster, [lease.worker], "it#1")
        assert session not in await _dump(node.host, node.port)


async def _dump(host: str, port: int) -> bytes:
    """ZooKeeper's sessions and their ephemeral nodes."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"dump")
    sessions = await reader.read()
    writer.close()
    assert b"ephemeral" in sessions.lower()
    return sessions


async def test_an_expiry_ends_the_backend_in_postgres(trials: Trials) -> None:
    async with trials.open("postgres-advisory-lock", takes=1.5) as trial:
        lease = await trial.held()
        server = trial.ground.servers["postgres"]
        (node,) = server.nodes
        url = server.url([(node.host, node.port)])
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as direct:

            async def counted(query: str) -> int:
                row = await (await direct.execute(query, [lease.handle])).fetchone()
                assert row is not None
                return int(row[0])

            locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = %s"
            backends = "select count(*) from pg_stat_activity where pid = %s"
            assert (await counted(locks), await counted(backends)) == (1, 1)
            await fault("expire").apply(trial.cluster, [lease.worker], "it#1")
            assert (await counted(locks), await counted(backends)) == (0, 0)


# Planted failures: each of these faults is made not to work, which must be seen.


async def test_a_cut_that_does_not_cut_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trials.open("redis-lock") as trial:
        monkeypatch.setattr(Link, "stall", lambda link, direction: 0)
        with pytest.raises(NotLanded, match="still answered"):
            await fault("partition", for_=1.0).apply(trial.cluster, [VICTIM], "it#1")


async def test_a_heal_that_does_not_heal_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = fault("partition", for_=1.0)
    async with trials.open("redis-lock") as trial:
        await partition.apply(trial.cluster, [VICTIM], "it#1")
        monkeypatch.setattr(links, "_PATIENCE", SILENCE)
        monkeypatch.setattr(Link, "heal", lambda link: None)
        with pytest.raises(NotLanded, match="not answered"):
            await partition.undo(trial.cluster, [VICTIM], "it#1")


@pytest.mark.parametrize("kind", ["crash", "pause"])
async def test_a_signal_that_is_not_sent_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    params = {"for": 1.0} if kind == "pause" else {}
    async with trials.open("uncoordinated") as trial:
        with monkeypatch.context() as planted:
            planted.setattr(workers, "_PATIENCE", SILENCE)
            planted.setattr(WorkerProcess, "send", lambda process, number: None)
            with pytest.raises(NotLanded):
                await fault(kind, **params).apply(trial.cluster, [VICTIM], "it#1")
