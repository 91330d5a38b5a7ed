"""Which trials have coordinators of their own, how many at once, and what if they do not start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.comparison import servers
from harness.comparison.live import ComparisonRun
from harness.comparison.servers import described, not_ours, own_systems, shared_names
from harness.coordinators.found import Found
from harness.coordinators.server import ServerError
from harness.faults.coordinator_pause import CoordinatorPause
from harness.faults.crash import Crash
from harness.runtimes.spec import System
from harness.scenario.model import FaultChoice, Layout
from harness.scenario.target import Form, Target
from tests.small_scenario import choice, small
from tests.test_comparison import FOUND, Ground, Watching, request_of

BREAKS = FaultChoice("coordinator-pause", CoordinatorPause(at=1.0, **{"for": 1.0}))
HARMLESS = FaultChoice("crash", Crash(target=Target(Form.COUNT, 1), at=1.0))


def test_a_plain_system_that_nobody_breaks_is_shared() -> None:
    scenario = small(faults=(HARMLESS,))
    assert own_systems(choice("redis-lock"), scenario) == ()
    assert shared_names(choice("redis-lock"), scenario) == ("redis",)
    assert own_systems(choice("uncoordinated"), scenario) == ()


def test_what_is_broken_or_made_in_its_own_way_is_the_trials_own() -> None:
    plain = System("redis")
    assert own_systems(choice("redis-lock"), small(faults=(BREAKS,))) == (plain,)
    assert shared_names(choice("redis-lock"), small(faults=(BREAKS,))) == ()
    pair = Layout(replicas=1)
    scenario = small(coordinators={"redis": pair})
    assert own_systems(choice("redis-lock"), scenario) == (System("redis", pair),)
    assert own_systems(choice("postgres-queue"), scenario) == ()


def test_what_was_given_by_address_cannot_be_broken() -> None:
    given = {"redis": Found("redis", source="HARNESS_REDIS_URL")}
    why = "needs a redis that the harness starts and may break: unset HARNESS_REDIS_URL"
    assert not_ours(choice("redis-lock"), small(faults=(BREAKS,)), given) == why
    assert not_ours(choice("redis-lock"), small(faults=(HARMLESS,)), given) is None
    ours = {"redis": Found("redis", source="/usr/bin/redis-server")}
    assert not_ours(choice("redis-lock"), small(faults=(BREAKS,)), ours) is None


def test_a_history_says_what_it_was_made_with() -> None:
    server: Any = SimpleNamespace(version="Redis 7.0", source="here")
    made = {
        System("redis"): server,
        System("redis", Layout(nodes=5)): server,
        System("redis", Layout(replicas=1)): server,
    }
    assert described(made) == (
        "Redis 7.0 (here); Redis 7.0 (here) with 5 nodes; Redis 7.0 (here) with 1 replica"
    )


class OwnServers:
    """Stands in for servers that trials have for themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: bool = False) -> None:
        self.fails = fails
        self.directories: list[str] = []
        self.starting = self.running = self.most_starting = self.most_running = 0
        monkeypatch.setattr(servers, "own_servers", self.open)

    @asynccontextmanager
    async def open(
        self, _launcher: object, _found: object, systems: Collection[System], name: str
    ) -> AsyncIterator[Mapping[System, Any]]:
        self.directories.append(name)
        self.starting += 1
        self.most_starting = max(self.most_starting, self.starting)
        await asyncio.sleep(1.0)
        self.starting -= 1
        if self.fails:
            raise ServerError("redis-1 ended with code 1: out of luck")
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            yield {
                one: SimpleNamespace(version=f"{one.name} 1.0", source="a test") for one in systems
            }
        finally:
            self.running -= 1


@pytest.mark.virtual_time
async def test_two_at_once_have_servers_of_their_own_and_they_start_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, own, watching = Ground(monkeypatch), OwnServers(monkeypatch), Watching()
    ground.lasts = lambda _: 10.0
    request = request_of(small(faults=(BREAKS,)), tmp_path, repeat=5, at_once=4)
    comparing = ComparisonRun(request, FOUND, watching)
    await comparing.run(None)  # type: ignore[arg-type]
    assert (own.most_starting, own.most_running, own.running) == (1, 2, 0)
    assert len(set(own.directories)) == 5
    assert ground.wanted == [set()]
    assert watching.said[:2] == ["starting workers", "5 trials, 2 at once, 10 s each"]
    assert watching.said[2] == "starting redis for redis-lock-1"
    measured = comparing.measured(interrupted=False)
    assert measured.about == {"redis": "redis 1.0 (a test)"}
    verdicts = measured.verdicts["redis-lock"]
    assert [one.trial.extra["coordinator"] for one in verdicts] == ["redis 1.0 (a test)"] * 5


@pytest.mark.virtual_time
async def test_a_trial_whose_servers_do_not_start_is_invalid_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, _ = Ground(monkeypatch), OwnServers(monkeypatch, fails=True)
    request = request_of(small(faults=(BREAKS,)), tmp_path)
    comparing = ComparisonRun(request, FOUND, Watching())
    await comparing.run(None)  # type: ignore[arg-type]
    assert ground.trials == []
    (result,) = comparing.measured(interrupted=False).results
    assert (result.trials, result.invalid_trials) == (1, 1)
    assert "redis did not start: redis-1 ended with code 1: out of luck" in result.invalid[0]


@pytest.mark.virtual_time
async def test_servers_of_its_own_go_where_the_run_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, own = Ground(monkeypatch), OwnServers(monkeypatch)
    ground.lasts = lambda _: 10.0
    request = request_of(small(faults=(BREAKS,)), tmp_path)
    comparing = ComparisonRun(request, FOUND, Watching())
    running = asyncio.create_task(comparing.run(None))  # type: ignore[arg-type]
    await asyncio.sleep(5.0)
    assert own.running == 1
    running.cancel()
    await asyncio.wait({running})
    assert (own.running, ground.closed) == (0, True)
