"""Many trials: who takes part, who does not and why, and what is summed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.comparison import live
from harness.comparison.live import ComparisonRun
from harness.comparison.request import Histories, Request
from harness.coordinators.found import Found
from harness.history.event import Event
from harness.history.journal import Journal
from harness.scenario.model import Scenario
from harness.trial import Trial, trial_line
from harness.verdict.judge import judge
from harness.verdict.model import Expected, Outcome, Verdict
from tests.small_scenario import choice, small

FOUND = [
    Found("redis", source="/usr/bin/redis-server"),
    Found("zookeeper", remedy="apt-get install zookeeper"),
    Found("postgres", source="/usr/bin/postgres"),
]


@pytest.mark.parametrize(("workers", "at_once"), [(1, 40), (5, 8), (26, 1), (1000, 1)])
def test_so_many_trials_at_once_as_the_machine_has_cores_for(
    workers: int, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    asked = request_of(small(workers=workers), tmp_path)
    assert asked.side_by_side == at_once
    assert request_of(small(workers=workers), tmp_path, at_once=3).side_by_side == 3


def request_of(scenario: Scenario, directory: Path, **settings: Any) -> Request:
    (directory / "histories").mkdir(exist_ok=True)
    given = {"runtime": "process", "seed": 7, "repeat": 1}
    return Request(scenario=scenario, directory=directory, **{**given, **settings})


class Watching:
    """Notes what it is shown."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.seen: list[tuple[str, str]] = []

    def starting(self, what: str) -> None:
        self.said.append(what)

    def running(self, trials: int, at_once: int, duration: float) -> None:
        self.said.append(f"{trials} trials, {at_once} at once, {duration:g} s each")

    def saw(self, trial: str, event: Event) -> None:
        self.seen.append((trial, event.kind))

    def ended(self, trial: str) -> None:
        self.said.append(f"{trial} ended")


class Ground:
    """Stands in for servers and processes; each trial leaves a history.

    `missing` says which servers do not start, and why; `lasts` how long a trial takes, `returns`
    what it says went wrong, `writes` whether its history can be read.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **missing: str) -> None:
        self.missing = missing
        self.wanted: list[set[str]] = []
        self.trials: list[tuple[str, int]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False
        self.lasts: Callable[[Trial], float] = lambda _: 0.0
        self.returns: str | None = None
        self.writes = True
        monkeypatch.setattr(live, "open_ground", self.open)
        monkeypatch.setattr(live, "run_trial", self.run_trial)

    @asynccontextmanager
    async def open(
        self, _launcher: object, _found: object, wanted: Collection[str]
    ) -> AsyncIterator[Any]:
        self.wanted.append(set(wanted))
        servers = {
            name: SimpleNamespace(version=f"{name} 1.0", source="a test")
            for name in wanted
            if name not in self.missing
        }
        try:
            yield SimpleNamespace(servers=servers, missing=self.missing)
        finally:
            self.closed = True

    async def run_trial(
        self, trial: Trial, _open: object, path: Path, watch: Callable[[Event], None]
    ) -> str | None:
        self.trials.append((trial.choice.name, trial.seed))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        with Journal(path, trial_line(trial, ())) as journal:
            try:
                await asyncio.sleep(self.lasts(trial))
            finally:
                self.at_once -= 1
            ended = Event(at=trial.scenario.duration, kind="trial.ended", reason="completed")
            journal.record(ended)
            watch(ended)
        if not self.writes:
            path.write_text("not JSON\n")
        return self.returns


NAMES = ("uncoordinated", "redis-lock", "zookeeper-lock", "postgres-queue")
FOUR = tuple(choice(name) for name in NAMES)


async def run(request: Request, watching: Watching | None = None) -> ComparisonRun:
    comparing = ComparisonRun(request, FOUND, watching or Watching())
    await comparing.run(None)  # type: ignore[arg-type]
    return comparing


@pytest.mark.virtual_time
async def test_what_cannot_be_had_is_skipped_by_name_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)
    comparing = await run(request_of(small(approaches=FOUR), tmp_path))
    measured = comparing.measured(interrupted=False)
    assert [result.approach for result in measured.results] == list(NAMES)
    assert [result.skipped for result in measured.results] == [
        None,
        None,
        "no zookeeper on this machine; to get it: apt-get install zookeeper",
        None,
    ]
    assert ground.wanted == [{"redis", "postgres"}]
    assert [name for name, _ in ground.trials] == ["uncoordinated", "redis-lock", "postgres-queue"]
    assert "zookeeper-lock" not in measured.verdicts
    assert measured.lacking == ("zookeeper-lock",)


@pytest.mark.virtual_time
async def test_what_makes_no_sense_is_skipped_and_its_server_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)
    chosen = (choice("redis-lock", sink="fencing"), choice("uncoordinated"))
    comparing = await run(request_of(small(approaches=chosen), tmp_path))
    assert ground.wanted == [set()]
    measured = comparing.measured(interrupted=False)
    why = "the sink asks for fencing tokens, and its leases carry none"
    assert measured.results[0].skipped == why
    # Not for want of anything that this machine could have.
    assert measured.lacking == ()


@pytest.mark.virtual_time
async def test_a_server_that_does_not_start_skips_its_approaches_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch, redis="port in use; see redis.log")
    chosen = (choice("redis-lock"), choice("redis-setnx"), choice("postgres-queue"))
    measured = (await run(request_of(small(approaches=chosen), tmp_path))).measured(False)
    why = "redis did not start: port in use; see redis.log"
    assert [result.skipped for result in measured.results] == [why, why, None]
    assert ground.trials == [("postgres-queue", 7)]
    assert measured.about == {"postgres": "postgres 1.0 (a test)"}
    assert measured.lacking == ("redis-lock", "redis-setnx")


@pytest.mark.virtual_time
async def test_where_nothing_can_run_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, watching = Ground(monkeypatch), Watching()
    chosen = (choice("zookeeper-lock"), choice("zookeeper-leader"))
    comparing = await run(request_of(small(approaches=chosen), tmp_path), watching)
    assert ground.wanted == []
    assert watching.said == []
    assert all(result.skipped for result in comparing.measured(interrupted=False).results)


@pytest.mark.virtual_time
async def test_repeats_go_through_the_seeds_the_same_for_every_approach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, watching = Ground(monkeypatch), Watching()
    chosen = (choice("redis-lock"), choice("redis-lock", "redis-lock-short", ttl=1.0))
    request = request_of(small(approaches=chosen), tmp_path, repeat=2, at_once=1)
    measured = (await run(request, watching)).measured(interrupted=False)
    assert ground.trials == [
        ("redis-lock", 7),
        ("redis-lock-short", 7),
        ("redis-lock", 8),
        ("redis-lock-short", 8),
    ]
    assert sorted(path.name for path in (tmp_path / "histories").iterdir()) == [
        "redis-lock-7.jsonl",
        "redis-lock-8.jsonl",
        "redis-lock-short-7.jsonl",
        "redis-lock-short-8.jsonl",
    ]
    assert [result.trials for result in measured.results] == [2, 2]
    assert [verdict.trial.seed for verdict in measured.verdicts["redis-lock"]] == [7, 8]
    assert watching.said[:2] == ["starting redis", "4 trials, 1 at once, 10 s each"]
    assert watching.seen[0] == ("redis-lock-1", "trial.ended")
    assert watching.said[-1] == "redis-lock-short-2 ended"


@pytest.mark.virtual_time
async def test_no_more_trials_at_once_than_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)
    ground.lasts = lambda trial: 1.0 + trial.seed / 10
    await run(request_of(small(), tmp_path, repeat=7, at_once=3))
    assert ground.most_at_once == 3
    assert len(ground.trials) == 7


@pytest.mark.virtual_time
async def test_the_history_names_the_coordinator_it_was_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ground(monkeypatch)
    chosen = (choice("redis-lock"), choice("uncoordinated"))
    comparing = await run(request_of(small(approaches=chosen), tmp_path))
    verdicts = comparing.measured(interrupted=False).verdicts
    assert verdicts["redis-lock"][0].trial.extra["coordinator"] == "redis 1.0 (a test)"
    assert "coordinator" not in verdicts["uncoordinated"][0].trial.extra


@pytest.mark.virtual_time
async def test_cut_short_it_measures_what_has_run_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)
    ground.lasts = lambda trial: 10.0
    chosen = (choice("redis-lock"), choice("postgres-queue"), choice("uncoordinated"))
    request = request_of(small(approaches=chosen), tmp_path, at_once=1)
    comparing = ComparisonRun(request, FOUND, Watching())
    running = asyncio.create_task(comparing.run(None))  # type: ignore[arg-type]
    await asyncio.sleep(15.0)
    running.cancel()
    await asyncio.wait({running})
    assert ground.closed
    measured = comparing.measured(interrupted=True)
    assert measured.interrupted
    assert [(result.trials, result.skipped) for result in measured.results] == [
        (1, None),
        (1, None),
        (0, "interrupted before it began"),
    ]


@pytest.mark.virtual_time
async def test_a_trial_in_which_something_went_wrong_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)
    ground.returns = "worker-2 ended by itself"
    result = (await run(request_of(small(), tmp_path, repeat=2))).measured(False).results[0]
    assert (result.trials, result.invalid_trials) == (2, 2)
    assert "seed 7: worker-2 ended by itself" in result.invalid


@pytest.mark.virtual_time
async def test_a_history_that_cannot_be_read_is_told_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)
    ground.writes = False
    measured = (await run(request_of(small(), tmp_path, repeat=2))).measured(interrupted=False)
    result = measured.results[0]
    assert (result.trials, result.invalid_trials, result.skipped) == (2, 2, None)
    assert "not JSON" in result.invalid[0]


@pytest.mark.virtual_time
async def test_a_trial_that_could_not_write_its_history_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)

    def fail(_: Trial) -> float:
        raise OSError("disk full")

    ground.lasts = fail
    result = (await run(request_of(small(), tmp_path))).measured(interrupted=False).results[0]
    assert (result.trials, result.invalid_trials) == (1, 1)
    assert "disk full" in result.invalid[0]


@pytest.mark.virtual_time
async def test_an_error_in_one_trial_is_not_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(monkeypatch)

    def fail(_: Trial) -> float:
        raise RuntimeError("a bug")

    ground.lasts = fail
    with pytest.raises(ExceptionGroup):
        await run(request_of(small(), tmp_path))
    assert ground.closed


@pytest.mark.virtual_time
@pytest.mark.parametrize(("seconds", "known"), [(0.5, False), (30.0, True)])
async def test_how_late_timers_were_is_told_once_there_is_enough_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, known: bool
) -> None:
    ground = Ground(monkeypatch)
    ground.lasts = lambda trial: seconds
    noise = (await run(request_of(small(), tmp_path))).measured(interrupted=False).noise
    assert (noise is not None) is known
    if noise is not None:
        assert 0 <= noise.p99 <= noise.max < 0.001


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("which", "kept"),
    [(Histories.ALL, [7, 8, 9, 10]), (Histories.FAILING, [7, 9]), (Histories.NONE, [])],
)
async def test_only_the_histories_asked_for_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: Histories, kept: list[int]
) -> None:
    Ground(monkeypatch)
    monkeypatch.setattr(live, "judge", lambda read: flawed(judge(read), read.trial.seed == 9))
    request = request_of(small(), tmp_path, repeat=4, histories=which)
    measured = (await run(request)).measured(interrupted=False)
    there = {path.name for path in (tmp_path / "histories").iterdir()}
    assert there == {f"redis-lock-{seed}.jsonl" for seed in kept}
    paths = [verdict.path is not None for verdict in measured.verdicts["redis-lock"]]
    assert paths == [seed in kept for seed in (7, 8, 9, 10)]
    assert measured.results[0].trials == 4


def flawed(verdict: Verdict, flaw: bool) -> Verdict:
    """A verdict on which all is well, but for a missed run."""
    expected = (Expected("report", 1.0, Outcome.LOST if flaw else Outcome.ONCE),)
    return replace(verdict, expected=expected)
