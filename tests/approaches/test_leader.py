"""The loop that leader approaches share, under a leader that tests appoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.approaches.approach import Grant
from harness.approaches.leader import Leader
from harness.scenario.model import Job
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker
from tests.service import Service, live
from tests.virtual_time import START

pytestmark = pytest.mark.virtual_time


class Office:
    """One seat; `appoint` and `dismiss` decide who has it. Its marks are for all to read.

    Reading a mark takes `reading` seconds.
    """

    def __init__(self) -> None:
        self.marks: dict[str, float] = {}
        self.noted: list[float] = []
        self.resigned: list[str] = []
        self.reading = 0.0
        self._holder: str | None = None
        self._terms = 0
        self._changed = asyncio.Condition()

    async def appoint(self, worker: str | None) -> None:
        async with self._changed:
            self._holder = worker
            self._terms += 1
            self._changed.notify_all()

    async def until(self, condition: Callable[[str | None], bool]) -> int:
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self._holder))
        return self._terms


@dataclass(frozen=True, kw_only=True)
class Appointed(Leader[Office]):
    """Whom the office appoints leads."""

    async def elect(self, worker: Worker[Office]) -> Grant:
        term = await worker.port.until(lambda holder: holder == worker.name)
        return Grant("seat", term)

    async def serve(self, worker: Worker[Office], lease: Lease) -> None:
        await worker.port.until(lambda holder: holder != worker.name)

    async def resign(self, worker: Worker[Office]) -> None:
        worker.port.resigned.append(worker.name)

    async def last_run(self, worker: Worker[Office], job: str) -> float | None:
        await asyncio.sleep(worker.port.reading)
        return worker.port.marks.get(job)

    async def note_run(self, worker: Worker[Office], due: Due) -> None:
        worker.port.marks[due.job] = due.at
        worker.port.noted.append(due.at)


async def at(service: Service, moment: float, office: Office, worker: str | None) -> None:
    await service.at(moment)
    await office.appoint(worker)


async def test_only_the_leader_runs_what_is_due() -> None:
    service, office = Service(), Office()
    await office.appoint("worker-2")
    workers = [service.worker(office, f"worker-{number}") for number in (1, 2, 3)]
    await live(service, Appointed(), workers, until=3.5)
    assert service.runs() == service.runs("worker-2") == [(("report"), due) for due in (1, 2, 3)]


async def test_one_lease_covers_all_jobs_for_a_whole_term() -> None:
    service = Service(Job("report", 1.0, 1.0), Job("billing", 1.0, 1.5))
    office = Office()
    await office.appoint("worker-1")
    await live(service, Appointed(), [service.worker(office)], until=3.25)
    granted = service.seen("lease.granted")
    assert [(event.resource, event.job) for event in granted] == [("leader", None)]
    assert {effect.fence for effect in service.sink.effects} == {granted[0].fence}
    assert len(service.sink.effects) == 5


async def test_with_the_office_the_work_passes_on() -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    workers = [service.worker(office, f"worker-{number}") for number in (1, 2)]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 1.5, office, "worker-2"))
        tasks.create_task(at(service, 3.5, office, "worker-1"))
        await live(service, Appointed(), workers, until=4.5)
    assert service.runs("worker-1") == [("report", 1.0), ("report", 4.0)]
    assert service.runs("worker-2") == [("report", 2.0), ("report", 3.0)]
    lost = service.seen("lease.lost")
    assert [(event.worker, round(event.at, 3)) for event in lost] == [
        ("worker-1", 1.5),
        ("worker-2", 3.5),
    ]


async def test_a_leader_asked_to_stop_finishes_its_runs_then_resigns() -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    await live(service, Appointed(), [service.worker(office)], until=1.1)
    assert service.story()[-4:] == [
        "worker.stopping",
        "effect.applied",
        "run.finished",
        "lease.released",
    ]
    assert office.resigned == ["worker-1"]


async def test_a_follower_asked_to_stop_withdraws_and_releases_nothing() -> None:
    service, office = Service(), Office()
    await live(service, Appointed(), [service.worker(office)], until=1.1)
    assert office.resigned == ["worker-1"]
    assert service.story() == ["lease.requested", "worker.stopping"]


@pytest.mark.parametrize(
    ("on_lost", "ends"), [("finish", ["effect.applied", "run.finished"]), ("abort", ["run.failed"])]
)
async def test_what_a_run_does_when_its_leader_is_dismissed(on_lost: str, ends: list[str]) -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    approach = Appointed(on_lost=on_lost)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 1.1, office, None))
        await live(service, approach, [service.worker(office)], until=1.5)
    story = service.story()
    assert story[2:] == ["run.started", "lease.lost", "lease.requested", *ends, "worker.stopping"]


def dismiss_after(office: Office, rounds: int, moment: float) -> list[asyncio.Task[None]]:
    """Dismiss whoever leads so many rounds of the loop after a moment."""
    loop = asyncio.get_running_loop()
    changing: list[asyncio.Task[None]] = []

    def dismiss(left: int) -> None:
        if left:
            loop.call_soon(dismiss, left - 1)
        else:
            changing.append(asyncio.create_task(office.appoint(None)))

    loop.call_at(START + moment, dismiss, rounds)
    return changing


@pytest.mark.parametrize("late", range(8))
async def test_a_run_has_the_lease_under_which_it_became_due(late: int) -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    dismissing = dismiss_after(office, late, 1.0)
    await live(service, Appointed(), [service.worker(office)], until=1.5)
    assert dismissing
    assert all(effect.fence is not None for effect in service.sink.effects)


@pytest.mark.parametrize("late", range(8))
async def test_nothing_starts_once_it_is_known_that_leadership_is_lost(late: int) -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    dismissing = dismiss_after(office, late, 1.0)
    await live(service, Appointed(), [service.worker(office)], until=1.5)
    assert dismissing
    story = service.story()
    assert "run.started" not in story[story.index("lease.lost") :]


# Between worker-1's last run and worker-2's term, the due times 3, 4 and 5 see no leader.
@pytest.mark.parametrize(
    ("catch_up", "caught_up"),
    [("none", []), ("latest", [5.0]), ("all", [3.0, 4.0, 5.0])],
)
async def test_what_a_new_leader_does_about_the_gap(catch_up: str, caught_up: list[float]) -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    approach = Appointed(catch_up=catch_up)  # type: ignore[arg-type]
    workers = [service.worker(office, f"worker-{number}") for number in (1, 2)]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.5, office, None))
        tasks.create_task(at(service, 5.5, office, "worker-2"))
        await live(service, approach, workers, until=6.5)
    assert [due for _, due in service.runs("worker-1")] == [1.0, 2.0]
    assert [due for _, due in service.runs("worker-2")] == [*caught_up, 6.0]


async def test_a_gap_is_run_in_order_and_marks_only_move_on() -> None:
    service, office = Service(Job("report", every=1.0, first=1.0, takes=0.4)), Office()
    office.marks["report"] = 2.0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 5.5, office, "worker-1"))
        await live(service, Appointed(catch_up="all"), [service.worker(office)], until=7.5)
    gap = [event for event in service.events if event.due in (3.0, 4.0, 5.0)]
    told = [(event.due, event.kind) for event in gap if event.kind.startswith("run")]
    assert told == [
        (due, kind) for due in (3.0, 4.0, 5.0) for kind in ("run.started", "run.finished")
    ]
    # 6 became due before the gap was at its end.
    assert service.runs_by_due() == dict.fromkeys([3.0, 4.0, 5.0, 6.0, 7.0], 1)
    assert office.noted == sorted(office.noted)
    assert office.noted[-1] == 7.0


@pytest.mark.parametrize("catch_up", ["latest", "all"])
async def test_the_first_leader_of_all_has_nothing_to_catch_up(catch_up: str) -> None:
    service, office = Service(), Office()
    approach = Appointed(catch_up=catch_up)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.5, office, "worker-1"))
        await live(service, approach, [service.worker(office)], until=3.5)
    assert service.runs() == [("report", 3.0)]


@pytest.mark.parametrize(
    ("catch_up", "runs"),
    [("latest", [1.0, 2.0, 6.0]), ("all", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])],
)
async def test_what_becomes_due_while_the_gap_is_read_runs_once(
    catch_up: str, runs: list[float]
) -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    approach = Appointed(catch_up=catch_up)  # type: ignore[arg-type]
    workers = [service.worker(office, f"worker-{number}") for number in (1, 2)]
    # Elected at 5.5, worker-2 knows at 6.3 what nobody ran; 6 was due in between.
    office.reading = 0.8
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.5, office, None))
        tasks.create_task(at(service, 5.5, office, "worker-2"))
        await live(service, approach, workers, until=8.4)
    found = {due: count for due, count in service.runs_by_due().items() if due <= 6.0}
    assert found == dict.fromkeys(runs, 1)


@pytest.mark.parametrize("known", [True, False])
async def test_nothing_falls_between_the_gap_and_the_term(known: bool) -> None:
    service = Service(Job("report", 0.5, 0.5), Job("billing", 0.5, 0.75))
    office = Office()
    if known:
        office.marks = {"report": 2.0, "billing": 2.25}
    # Elected at 2.4; the second of the two marks is read 0.8 later.
    office.reading = 0.4
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.4, office, "worker-1"))
        await live(service, Appointed(catch_up="all"), [service.worker(office)], until=4.1)
    assert sorted(service.runs(), key=lambda run: run[1]) == [
        ("report", 2.5),
        ("billing", 2.75),
        ("report", 3.0),
        ("billing", 3.25),
        ("report", 3.5),
        ("billing", 3.75),
        ("report", 4.0),
    ]


@pytest.mark.parametrize("catch_up", ["latest", "all"])
async def test_what_becomes_due_the_moment_the_gap_is_known_runs_once(catch_up: str) -> None:
    service, office = Service(), Office()
    office.marks["report"] = 5.0
    office.reading = 0.5
    approach = Appointed(catch_up=catch_up)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 5.5, office, "worker-1"))
        await live(service, approach, [service.worker(office)], until=6.5)
    assert service.runs() == [("report", 6.0)]


@pytest.mark.parametrize("catch_up", ["latest", "all"])
async def test_a_leader_that_comes_back_does_not_repeat_itself(catch_up: str) -> None:
    service, office = Service(), Office()
    await office.appoint("worker-1")
    approach = Appointed(catch_up=catch_up)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.5, office, None))
        tasks.create_task(at(service, 2.6, office, "worker-1"))
        tasks.create_task(at(service, 2.7, office, None))
        tasks.create_task(at(service, 2.8, office, "worker-1"))
        await live(service, approach, [service.worker(office)], until=4.5)
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}


async def test_leadership_is_watched_over_while_the_gap_is_read() -> None:
    service, office = Service(), Office()
    office.marks["report"] = 0.0
    office.reading = 0.8
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.5, office, "worker-1"))
        tasks.create_task(at(service, 2.6, office, None))
        await live(service, Appointed(catch_up="all"), [service.worker(office)], until=4.5)
    assert [event.at for event in service.seen("lease.lost")] == [pytest.approx(2.6)]
    assert service.runs() == []


async def test_asked_to_stop_a_new_leader_catches_nothing_up() -> None:
    service, office = Service(), Office()
    office.marks["report"] = 0.0
    office.reading = 0.8
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at(service, 2.5, office, "worker-1"))
        await live(service, Appointed(catch_up="all"), [service.worker(office)], until=2.9)
    assert service.runs() == []
    assert office.resigned == ["worker-1"]
