"""An ephemeral node as a lock: its session, its token, and getting rid of it."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.zookeeper_lock import ZooKeeperLock
from harness.scenario.model import Job
from tests.approaches.fake_zookeeper import Ensemble, FakeZooKeeper
from tests.approaches.link import Link, Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

PATH = "/locks/report"


async def test_the_lock_is_a_node_of_its_session_while_the_job_runs() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)
    owners = []
    asyncio.get_running_loop().call_later(1.1, lambda: owners.append(ensemble.nodes[PATH].owner))
    await live(service, ZooKeeperLock(), [service.worker(port)], until=1.9)
    assert owners == [port.session]
    assert service.seen("lease.granted")[0].extra == {"handle": port.session}
    assert PATH not in ensemble.nodes


async def test_each_holder_has_a_higher_token_than_the_one_before() -> None:
    service, ensemble = Service(), Ensemble()
    workers = [service.worker(FakeZooKeeper(ensemble), f"worker-{n}") for n in (1, 2)]
    await live(service, ZooKeeperLock(), workers, until=4.9)
    fences = [event.fence or 0 for event in service.seen("lease.granted")]
    assert len(fences) == 4
    assert fences == sorted(set(fences))


@pytest.mark.parametrize("name", ["a/b", "ü", "a b"])
async def test_any_name_of_a_job_makes_one_node(name: str) -> None:
    service, ensemble = Service(Job(name, 1.0, 1.0, 0.2)), Ensemble()
    paths: list[str] = []
    asyncio.get_running_loop().call_later(1.1, lambda: paths.extend(ensemble.nodes))
    port = FakeZooKeeper(ensemble)
    await live(service, ZooKeeperLock(), [service.worker(port)], until=1.9)
    assert [path.count("/") for path in paths] == [2]


@pytest.mark.parametrize(("on_lost", "effects"), [("finish", 1), ("abort", 0)])
async def test_the_end_of_the_session_is_the_end_of_the_lock(on_lost: str, effects: int) -> None:
    service = Service()
    port = FakeZooKeeper(Ensemble())
    asyncio.get_running_loop().call_later(1.1, port.lose)
    approach = ZooKeeperLock(on_lost=on_lost)  # type: ignore[arg-type]
    await live(service, approach, [service.worker(port)], until=1.9)
    assert [event.at for event in service.seen("lease.lost")] == [pytest.approx(1.1)]
    assert len(service.sink.effects) == effects


async def test_a_lost_connection_is_not_yet_a_lost_lock() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)
    asyncio.get_running_loop().call_later(1.05, port.suspend)
    asyncio.get_running_loop().call_later(1.15, port.reconnect)
    await live(service, ZooKeeperLock(on_lost="abort"), [service.worker(port)], until=1.9)
    assert service.seen("lease.lost") == []
    assert len(service.sink.effects) == 1
    assert PATH not in ensemble.nodes


async def test_the_release_is_repeated_until_the_node_is_known_to_be_gone() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble, Link(service.log.append))
    port.link.next("get", Trouble.UNAVAILABLE)
    port.link.next("delete", Trouble.UNAVAILABLE, Trouble.REQUEST_LOST)
    await live(service, ZooKeeperLock(session_timeout=0.1), [service.worker(port)], until=1.9)
    assert PATH not in ensemble.nodes
    assert service.log[service.log.index("lease.released") :] == [
        "lease.released",
        "> get",
        "> get",
        "> delete",
        "> get",
        "> delete",
        "> get",
        "> delete",
        "worker.stopping",
    ]


async def test_a_deletion_without_an_answer_that_was_done_is_no_loss() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)
    port.link.next("delete", Trouble.ANSWER_LOST)
    await live(service, ZooKeeperLock(session_timeout=0.1), [service.worker(port)], until=1.9)
    assert PATH not in ensemble.nodes
    assert service.seen("lease.lost") == []


async def test_a_release_is_given_up_when_asked_to_stop() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)
    asyncio.get_running_loop().call_later(1.1, port.suspend)
    await live(service, ZooKeeperLock(), [service.worker(port)], until=1.9)
    # The node goes with the session.
    assert PATH in ensemble.nodes
    assert service.now() < 2.5


async def test_a_node_of_somebody_else_is_left_alone() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)

    def take_over() -> None:
        port.expire()
        ensemble.create(PATH, "worker-2/1", "session of worker-2", sequential=False)

    asyncio.get_running_loop().call_later(1.1, take_over)
    await live(service, ZooKeeperLock(), [service.worker(port)], until=1.9)
    assert service.story()[-3:] == ["lease.released", "lease.lost", "worker.stopping"]
    assert ensemble.nodes[PATH].node.value == "worker-2/1"


@pytest.mark.parametrize("trouble", [Trouble.ANSWER_LOST, Trouble.REQUEST_LOST])
async def test_what_may_have_been_created_is_deleted(trouble: Trouble) -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)
    port.link.next("create", trouble)
    port.link.next("get", Trouble.UNAVAILABLE)
    await live(service, ZooKeeperLock(session_timeout=0.1), [service.worker(port)], until=2.9)
    assert service.story()[:2] == ["lease.requested", "lease.denied"]
    assert service.runs() == [("report", 2.0)]
    assert PATH not in ensemble.nodes


async def test_undoing_does_not_delete_the_node_of_whoever_won() -> None:
    service, ensemble = Service(), Ensemble()
    ensemble.create(PATH, "worker-2/1", "session of worker-2", sequential=False)
    port = FakeZooKeeper(ensemble)
    port.link.next("create", Trouble.REQUEST_LOST)
    await live(service, ZooKeeperLock(), [service.worker(port)], until=1.9)
    assert ensemble.nodes[PATH].node.value == "worker-2/1"


async def test_with_a_run_lock_the_node_stays_with_the_session() -> None:
    service, ensemble = Service(), Ensemble()
    port = FakeZooKeeper(ensemble)
    await live(service, ZooKeeperLock(key="run"), [service.worker(port)], until=1.9)
    assert list(ensemble.nodes) == ["/locks/report%2F1.000000"]
    port.expire()
    assert ensemble.nodes == {}


def test_the_session_timeout_is_a_matter_of_the_connection() -> None:
    assert ZooKeeperLock(session_timeout=3.0).connection() == {"session_timeout": 3.0}
