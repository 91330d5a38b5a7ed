"""Jobs shared among members by a hash: who has which, and what moves when one comes or goes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from harness.approaches.consistent_hash import ConsistentHash, owner
from harness.scenario.model import Job
from tests.approaches.fake_zookeeper import Ensemble, FakeZooKeeper
from tests.approaches.link import Link, Trouble
from tests.service import Service, live
from tests.virtual_time import START

pytestmark = pytest.mark.virtual_time

MEMBERS = ["worker-1", "worker-2", "worker-3"]
NAMES = [f"job-{number}" for number in range(300)]
JOBS = [Job(name, every=1.0, first=1.0, takes=0.2) for name in NAMES[:8]]


class Company:
    """Three workers on one ensemble, with eight jobs."""

    def __init__(self) -> None:
        self.service = Service(*JOBS)
        self.ensemble = Ensemble()
        self.ports = [FakeZooKeeper(self.ensemble, Link(self.service.log.append)) for _ in MEMBERS]

    def at(self, moment: float, do: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_later(moment, do)

    async def live(self, until: float, approach: ConsistentHash | None = None) -> Service:
        workers = [
            self.service.worker(port, name) for port, name in zip(self.ports, MEMBERS, strict=False)
        ]
        await live(self.service, approach or ConsistentHash(), workers, until)
        return self.service

    def ran(self, due: float) -> dict[str, list[str]]:
        """Who ran each job at this due time."""
        found: dict[str, list[str]] = {job.name: [] for job in JOBS}
        for event in self.service.seen("run.started"):
            if event.due == due:
                found[event.job or ""].append(event.worker or "")
        return found


def owners(members: list[str]) -> dict[str, list[str]]:
    return {job.name: [owner(job.name, members)] for job in JOBS}


def test_jobs_are_shared_evenly() -> None:
    shares = Counter(owner(name, MEMBERS) for name in NAMES)
    assert all(70 <= shares[member] <= 130 for member in MEMBERS)


def test_whoever_sees_the_same_members_names_the_same_owner() -> None:
    program = "from harness.approaches.consistent_hash import owner;"
    program += f"print([owner(name, {MEMBERS[::-1]}) for name in {NAMES}])"
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        assert told.strip() == str([owner(name, MEMBERS) for name in NAMES])


def test_who_leaves_moves_only_its_own_jobs() -> None:
    for name in NAMES:
        before, after = owner(name, MEMBERS), owner(name, MEMBERS[1:])
        assert before in (after, "worker-1")


def test_who_joins_takes_one_in_so_many() -> None:
    moved = [owner(name, [*MEMBERS, "worker-4"]) for name in NAMES]
    taken = [now for name, now in zip(NAMES, moved, strict=True) if now != owner(name, MEMBERS)]
    assert set(taken) == {"worker-4"}
    assert 45 <= len(taken) <= 105


async def test_each_job_is_run_by_its_owner_and_asked_for_by_nobody() -> None:
    company = Company()
    asked: list[int] = []
    company.at(0.9, lambda: asked.append(sum(len(port.link.asked) for port in company.ports)))
    company.at(3.4, lambda: asked.append(sum(len(port.link.asked) for port in company.ports)))
    await company.live(until=3.5)
    for due in (1.0, 2.0, 3.0):
        assert company.ran(due) == owners(MEMBERS)
    assert asked[0] == asked[1]


async def test_a_lease_stands_for_each_owned_job_and_is_known_by_the_session() -> None:
    company = Company()
    service = await company.live(until=1.5)
    sessions = dict(zip(MEMBERS, (port.session for port in company.ports), strict=True))
    last = {event.job: event for event in service.seen("lease.granted")}
    assert {job: [event.worker] for job, event in last.items()} == owners(MEMBERS)
    for event in last.values():
        assert event.resource == event.job
        assert event.extra == {"handle": sessions[event.worker or ""]}


async def test_what_a_dead_member_had_stands_still_until_its_session_expired() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    company.at(2.5, company.ports[0].expire)
    await company.live(until=3.5)
    theirs = {name for name, (who,) in owners(MEMBERS).items() if who == "worker-1"}
    assert theirs
    assert {name for name, who in company.ran(2.0).items() if not who} == theirs
    assert company.ran(3.0) == owners(MEMBERS[1:])


async def test_without_a_connection_it_stops_and_then_takes_its_jobs_again() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    company.at(2.5, company.ports[0].reconnect)
    service = await company.live(until=3.5)
    lost = service.seen("lease.lost")
    assert {event.worker for event in lost} == {"worker-1"}
    assert [event.at for event in lost] == [pytest.approx(1.5)] * len(lost)
    assert company.ran(3.0) == owners(MEMBERS)


@pytest.mark.parametrize("late", range(6))
async def test_nothing_starts_once_it_is_known_that_the_job_is_lost(late: int) -> None:
    company = Company()
    loop = asyncio.get_running_loop()

    def suspend(rounds: int) -> None:
        """So many rounds of the loop after the moment at which all jobs are due."""
        if rounds:
            loop.call_soon(suspend, rounds - 1)
        else:
            company.ports[0].suspend()

    loop.call_at(START + 2.0, suspend, late)
    service = await company.live(until=2.5)
    story = service.story("worker-1")
    assert "run.started" not in story[story.index("lease.lost") :]


async def test_ignoring_it_makes_two_owners_until_it_hears_that_its_session_ended() -> None:
    company = Company()
    company.at(1.5, company.ports[0].suspend)
    company.at(1.7, company.ports[0].expire)
    company.at(2.5, company.ports[0].lose)
    await company.live(until=3.5, approach=ConsistentHash(on_suspended="ignore"))
    before, without = owners(MEMBERS), owners(MEMBERS[1:])
    assert {name: set(who) for name, who in company.ran(2.0).items()} == {
        name: {*before[name], *without[name]} for name in before
    }
    assert company.ran(3.0) == owners(MEMBERS)


async def test_who_joins_later_takes_its_jobs_from_the_others() -> None:
    company = Company()
    company.ports = company.ports[:2]
    late = company.service.worker(FakeZooKeeper(company.ensemble), "worker-3")

    async def join() -> None:
        await company.service.at(1.5)
        await live(company.service, ConsistentHash(), [late], until=2.5)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(join())
        await company.live(until=3.5)
    assert company.ran(1.0) == owners(MEMBERS[:2])
    assert company.ran(2.0) == owners(MEMBERS)
    # Asked to stop, it left at once.
    assert company.ran(3.0) == owners(MEMBERS[:2])


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_joining_is_repeated_until_it_is_among_them(trouble: Trouble) -> None:
    company = Company()
    company.ports[0].link.next("watch_children", trouble)
    company.ports[0].link.next("create", trouble)
    await company.live(until=1.5)
    assert company.ran(1.0) == owners(MEMBERS)


async def test_leaving_is_recorded_before_it_is_sent_and_leaves_nothing() -> None:
    company = Company()
    company.ports = company.ports[:1]
    service = await company.live(until=1.5)
    end = service.log[service.log.index("worker.stopping") :]
    assert end == ["worker.stopping", *["lease.released"] * 8, "> delete"]
    assert company.ensemble.children("/members") == []


def test_it_does_not_promise_exclusion() -> None:
    assert not ConsistentHash().exclusive
