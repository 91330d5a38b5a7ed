"""Leader election by sequential nodes: who leads, who waits for whom, and when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.approaches.zookeeper_leader import ZooKeeperLeader
from tests.approaches.fake_zookeeper import Ensemble, FakeZooKeeper
from tests.approaches.link import Link, Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time


class Company:
    """Three workers on one ensemble; worker-1 is the first to stand for election."""

    def __init__(self) -> None:
        self.service = Service()
        self.ensemble = Ensemble()
        self.ports = [FakeZooKeeper(self.ensemble, Link(self.service.log.append)) for _ in range(3)]

    def at(self, moment: float, do: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_later(moment, do)

    async def live(self, until: float, approach: ZooKeeperLeader | None = None) -> Service:
        workers = [
            self.service.worker(port, f"worker-{number}")
            for number, port in enumerate(self.ports, start=1)
        ]
        await live(self.service, approach or ZooKeeperLeader(), workers, until)
        return self.service


async def test_the_first_in_the_queue_leads() -> None:
    company = Company()
    service = await company.live(until=2.5)
    assert service.runs() == service.runs("worker-1") == [("report", 1.0), ("report", 2.0)]
    granted = service.seen("lease.granted")[0]
    assert granted.extra == {"handle": company.ports[0].session}
    assert granted.fence is not None


async def test_when_a_leader_dies_the_next_takes_over_with_a_higher_token() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    company.at(1.7, company.ports[0].expire)
    service = await company.live(until=3.5)
    assert service.runs("worker-2") == [("report", 2.0), ("report", 3.0)]
    first, second = service.seen("lease.granted")
    assert 1.7 < second.at < 1.8
    assert (first.fence or 0) < (second.fence or 0)


async def test_only_the_next_in_the_queue_is_woken() -> None:
    company = Company()
    asked: list[int] = []
    company.at(1.5, lambda: asked.append(len(company.ports[2].link.asked)))
    company.at(1.7, company.ports[0].expire)
    company.at(2.5, lambda: asked.append(len(company.ports[2].link.asked)))
    service = await company.live(until=2.6)
    assert service.seen("lease.granted")[-1].worker == "worker-2"
    assert asked[0] == asked[1]


async def test_who_lost_its_session_stands_again_at_the_end_of_the_queue() -> None:
    company = Company()
    company.at(1.5, company.ports[0].lose)
    company.at(2.5, company.ports[1].lose)
    company.at(3.5, company.ports[2].lose)
    service = await company.live(until=4.5)
    ran = [event.worker for event in service.seen("run.started")]
    assert ran == ["worker-1", "worker-2", "worker-3", "worker-1"]


async def test_who_loses_its_place_in_the_queue_keeps_the_others_waiting() -> None:
    company = Company()
    company.at(1.5, company.ports[1].lose)
    service = await company.live(until=2.5)
    assert service.runs("worker-1") == [("report", 1.0), ("report", 2.0)]
    assert len(service.seen("lease.granted")) == 1


async def test_stepping_down_ends_leading_with_the_connection() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    service = await company.live(until=3.5)
    assert service.runs() == [("report", 1.0)]
    assert service.seen("lease.lost")[0].at == pytest.approx(1.5)


async def test_who_comes_back_in_time_leads_again() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    company.at(1.7, company.ports[0].reconnect)
    service = await company.live(until=2.5)
    assert service.runs("worker-1") == [("report", 1.0), ("report", 2.0)]
    granted = service.seen("lease.granted")
    assert [event.worker for event in granted] == ["worker-1", "worker-1"]
    # The same node, so the same token: nobody led in between.
    assert granted[0].fence == granted[1].fence


async def test_ignoring_a_lost_connection_makes_two_leaders() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    company.at(1.7, company.ports[0].expire)
    company.at(3.5, company.ports[0].lose)
    service = await company.live(until=4.5, approach=ZooKeeperLeader(on_suspended="ignore"))
    assert service.runs_by_due() == {1.0: 1, 2.0: 2, 3.0: 2, 4.0: 1}
    # It hears of it when it reaches the ensemble again.
    assert service.seen("lease.lost")[0].at == pytest.approx(3.5)


async def test_a_term_is_over_when_its_session_was_replaced_unseen() -> None:
    company = Company()
    worker = company.service.worker(company.ports[0])
    lease = worker.lease("leader")
    worker.granted(lease, handle="the session before")
    await asyncio.wait_for(ZooKeeperLeader().serve(worker, lease), 5)
    worker.granted(lease, handle=company.ports[0].session)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ZooKeeperLeader().serve(worker, lease), 5)


async def test_a_candidacy_without_an_answer_is_found_again() -> None:
    company = Company()
    company.ports[0].link.next("create", Trouble.ANSWER_LOST)
    candidates: list[str] = []
    company.at(0.9, lambda: candidates.extend(company.ensemble.children("/election")))
    service = await company.live(until=1.5)
    assert sorted(name[:-11] for name in candidates) == ["worker-1", "worker-2", "worker-3"]
    assert service.runs() == service.runs("worker-1") == [("report", 1.0)]


async def test_a_candidacy_that_did_not_arrive_is_repeated() -> None:
    company = Company()
    for port in company.ports:
        port.link.next("children", Trouble.UNAVAILABLE)
        port.link.next("create", Trouble.REQUEST_LOST)
    service = await company.live(until=1.5)
    assert service.runs() == [("report", 1.0)]


async def test_resigning_is_recorded_before_it_is_sent_and_frees_the_seat_at_once() -> None:
    company = Company()
    company.ports = company.ports[:1]
    service = await company.live(until=1.5)
    end = service.log[service.log.index("worker.stopping") :]
    assert end == ["worker.stopping", "lease.released", "> children", "> delete"]
    assert company.ensemble.children("/election") == []


@pytest.mark.parametrize("connected", [True, False])
async def test_asked_to_stop_it_ends_with_or_without_a_connection(connected: bool) -> None:
    company = Company()
    if not connected:
        for port in company.ports:
            company.at(1.5, port.suspend)
    service = await company.live(until=2.5)
    assert service.now() < 3.0
    assert len(company.ensemble.children("/election")) == (0 if connected else 3)


@pytest.mark.parametrize(
    ("catch_up", "runs"),
    [
        ("none", [1.0, 2.0, 6.0]),
        ("latest", [1.0, 2.0, 5.0, 6.0]),
        ("all", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    ],
)
async def test_the_next_leader_reads_the_marks_of_the_one_before(
    catch_up: str, runs: list[float]
) -> None:
    company = Company()
    company.at(2.5, company.ports[0].suspend)
    company.at(5.5, company.ports[0].expire)
    approach = ZooKeeperLeader(catch_up=catch_up)  # type: ignore[arg-type]
    service = await company.live(until=6.5, approach=approach)
    assert service.runs_by_due() == dict.fromkeys(runs, 1)


async def test_no_mark_is_written_where_nobody_catches_up() -> None:
    company = Company()
    await company.live(until=2.5)
    assert company.ensemble.children("/ran") == []


async def test_a_mark_that_cannot_be_written_does_not_stop_the_run() -> None:
    company = Company()
    company.ports[0].link.next("set", Trouble.REQUEST_LOST)
    service = await company.live(until=1.9, approach=ZooKeeperLeader(catch_up="all"))
    assert service.runs() == [("report", 1.0)]


def test_the_session_timeout_is_a_matter_of_the_connection() -> None:
    assert ZooKeeperLeader(session_timeout=3.0).connection() == {"session_timeout": 3.0}
