"""Leader election by a row: who leads, for how long it believes so, and who follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.approaches.postgres_leader import PostgresLeader
from harness.coordinators.postgres.leader_row.port import HANDLE
from harness.coordinators.postgres.simulated_server import FREE
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.link import Link, Trouble
from tests.service import Service, live
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.virtual_time


class Company:
    """Workers on one database; worker-1 is the first to ask for the seat."""

    def __init__(self, workers: int = 3) -> None:
        self.service = Service()
        self.database = Database()
        self.ports = [
            FakePostgres(self.database, Link(self.service.log.append)) for _ in range(workers)
        ]

    def at(self, moment: float, do: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_later(moment, do)

    def cut(self, worker: int, trouble: Trouble | None = Trouble.UNAVAILABLE) -> None:
        self.ports[worker].link.trouble = trouble

    async def live(self, until: float, **parameters: Any) -> Service:
        workers = [
            self.service.worker(port, f"worker-{number}")
            for number, port in enumerate(self.ports, start=1)
        ]
        await live(self.service, PostgresLeader(**parameters), workers, until)
        return self.service


async def test_whoever_has_the_row_leads() -> None:
    service = await Company().live(until=4.5)
    assert service.runs() == service.runs("worker-1")
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}
    (granted,) = service.seen("lease.granted")
    assert (granted.extra, granted.fence) == ({"handle": HANDLE}, 1)


async def test_when_a_leader_is_cut_off_another_follows_with_a_higher_token() -> None:
    company = Company()
    company.at(1.5, lambda: company.cut(0))
    service = await company.live(until=5.5)
    first, second = service.seen("lease.granted")
    assert second.worker != "worker-1"
    assert (first.fence, second.fence) == (1, 2)
    # The last renewal was at 1.33; then come ttl, and poll at most.
    assert 3.33 <= second.at <= 3.33 + 0.5 + 0.05


async def test_a_leader_that_cannot_renew_stops_before_another_can_follow() -> None:
    company = Company()
    company.at(1.5, lambda: company.cut(0))
    service = await company.live(until=5.5, ttl=2.0, margin=0.2)
    (lost,) = service.seen("lease.lost")
    assert lost.worker == "worker-1"
    assert lost.at == pytest.approx(1.333 + 2.0 - 0.2, abs=0.02)
    # 3 was due within its term, and 4 in its successor's.
    assert [event.worker for event in service.seen("run.started")][:3] == ["worker-1"] * 3
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1, 5.0: 1}


async def test_without_a_fence_of_its_own_it_leads_on_beside_its_successor() -> None:
    company = Company()
    company.at(1.5, lambda: company.cut(0))
    company.at(5.5, lambda: company.cut(0, None))
    service = await company.live(until=7.5, self_fence=False)
    runs = service.runs_by_due()
    assert (runs[3.0], runs[4.0], runs[5.0], runs[7.0]) == (1, 2, 2, 1)
    (lost,) = service.seen("lease.lost")
    assert (lost.worker, lost.fence) == ("worker-1", 1)
    assert lost.at > 5.5


@pytest.mark.parametrize(("self_fence", "runs"), [(True, [1.0, 4.0]), (False, [1.0, 3.0, 4.0])])
async def test_after_a_pause_it_looks_at_the_clock_before_it_runs_anything(
    self_fence: bool, runs: list[float]
) -> None:
    company = Company(workers=1)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    # Until 3.6: its belief ended at 3.13, and 3 became due; both are seen in the same moment.
    company.at(1.6, lambda: loop.stand_still(2.0))
    service = await company.live(until=4.5, self_fence=self_fence)
    assert [due for _, due in service.runs()] == runs


async def test_a_row_that_was_taken_away_ends_the_term_at_the_next_renewal() -> None:
    company = Company()
    loop = asyncio.get_running_loop()
    company.at(1.5, lambda: FREE["leader"](company.database.tables, "leader", loop.time()))
    service = await company.live(until=4.5)
    lost = service.seen("lease.lost")[0]
    assert (lost.worker, lost.fence) == ("worker-1", 1)
    assert 1.5 < lost.at < 1.5 + 2.0 / 3 + 0.05
    assert max(event.fence or 0 for event in service.seen("lease.granted")) == 2
    assert service.runs_by_due()[4.0] == 1


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_one_renewal_without_an_answer_is_no_matter(trouble: Trouble) -> None:
    company = Company()
    company.ports[0].link.next("leader_row.renew", trouble)
    service = await company.live(until=4.5)
    assert service.seen("lease.lost") == []
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}


async def test_an_election_without_an_answer_is_found_to_be_won() -> None:
    company = Company()
    company.ports[0].link.next("leader_row.elect", Trouble.ANSWER_LOST)
    service = await company.live(until=1.5)
    (granted,) = service.seen("lease.granted")
    assert (granted.worker, granted.fence) == ("worker-1", 1)
    assert service.runs() == [("report", 1.0)]


async def test_resigning_is_recorded_before_it_is_sent_and_frees_the_row_at_once() -> None:
    company = Company(workers=1)
    service = await company.live(until=1.5)
    end = service.log[service.log.index("worker.stopping") :]
    assert end == ["worker.stopping", "lease.released", "> leader_row.resign"]
    seat = company.database.tables["leader"]["leader"]
    assert (seat["holder"], seat["epoch"]) == ("", 1)


@pytest.mark.parametrize(
    ("catch_up", "runs"),
    [
        ("none", [1.0, 2.0, 5.0]),
        ("latest", [1.0, 2.0, 4.0, 5.0]),
        ("all", [1.0, 2.0, 3.0, 4.0, 5.0]),
    ],
)
async def test_the_next_leader_reads_the_marks_of_the_one_before(
    catch_up: str, runs: list[float]
) -> None:
    company = Company()
    company.at(2.3, lambda: company.cut(0))
    service = await company.live(until=5.5, catch_up=catch_up, ttl=2.5, margin=1.6)
    assert service.runs_by_due() == dict.fromkeys(runs, 1)


async def test_no_mark_is_written_where_nobody_catches_up() -> None:
    company = Company()
    await company.live(until=2.5)
    assert "leader_runs" not in company.database.tables


@pytest.mark.parametrize("parameters", [{"ttl": 0.2}, {"ttl": 0.3}, {"margin": 1.4}])
def test_a_term_that_ends_before_its_first_renewal_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ttl must be more than 1\.5 times the margin, .*, not"):
        PostgresLeader(**parameters)
    PostgresLeader(**parameters, self_fence=False)


async def test_a_seat_that_is_over_when_its_answer_comes_is_none() -> None:
    company = Company(workers=1)
    company.ports[0].link.latency = 0.3
    service = await company.live(until=4.5, ttl=0.5, margin=0.1, poll=1.0)
    assert service.seen("lease.granted") == []
    # And it asks no more often than it polls.
    assert company.ports[0].link.asked.count("leader_row.elect") <= 4
