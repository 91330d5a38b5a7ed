"""A session's advisory lock: it lives as long as the session."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.postgres_advisory_lock import PostgresAdvisoryLock
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time


async def test_the_lock_belongs_to_the_session_that_took_it() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    held: list[dict[str, int]] = []
    asyncio.get_running_loop().call_later(1.1, lambda: held.append(dict(database.locks)))
    await live(service, PostgresAdvisoryLock(), [service.worker(port)], until=1.9)
    assert held == [{"report": port.session}]
    assert service.seen("lease.granted")[0].extra == {"handle": str(port.session)}
    assert database.locks == {}


async def test_a_session_that_ended_took_the_lock_with_it() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    asyncio.get_running_loop().call_later(1.1, database.end_session, port.session)
    await live(service, PostgresAdvisoryLock(), [service.worker(port)], until=1.9)
    assert service.story()[-3:] == ["lease.released", "lease.lost", "worker.stopping"]


async def test_a_holder_that_vanishes_blocks_the_job_until_its_session_ends() -> None:
    service, database = Service(), Database()
    vanished = FakePostgres(database)
    database.lock("report", vanished.session)
    asyncio.get_running_loop().call_later(2.5, database.end_session, vanished.session)
    worker = service.worker(FakePostgres(database))
    await live(service, PostgresAdvisoryLock(), [worker], until=3.9)
    assert service.runs() == [("report", 3.0)]


async def test_an_unlock_without_an_answer_does_no_harm() -> None:
    service = Service()
    port = FakePostgres(Database())
    port.link.next("advisory_unlock", Trouble.ANSWER_LOST)
    await live(service, PostgresAdvisoryLock(), [service.worker(port)], until=2.9)
    assert service.runs() == [("report", 1.0), ("report", 2.0)]
    assert service.seen("lease.lost") == []
