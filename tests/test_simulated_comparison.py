"""Many trials in virtual time: the same results whatever runs them, and little kept of them."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.comparison import pool, simulated
from harness.comparison.measured import Measured
from harness.comparison.request import Histories, Request
from harness.comparison.simulated import SimulatedComparison
from harness.faults.pause import Pause
from harness.history.event import Event
from harness.history.reading import read_history
from harness.runtimes.calibration import default_calibration
from harness.runtimes.cluster import TrialError
from harness.scenario.target import Form, Target
from harness.trial import Trial, simulate
from harness.verdict.judge import judge
from tests.small_scenario import choice, fault, small

PAUSE = fault(Pause, target=Target(Form.RANDOM), at=2.0, **{"for": 1.0})
BOTH = (choice("uncoordinated"), choice("redis-lock", ttl=1.5))
CALIBRATION = default_calibration()


class Watching:
    """Notes what it is shown."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.seen: list[tuple[int, float]] = []

    def simulating(self, trials: int, processes: int) -> None:
        self.begun.append((trials, processes))

    def reached(self, over: int, under_way: float) -> None:
        self.seen.append((over, under_way))


def request_of(directory: Path, **settings: Any) -> Request:
    (directory / "histories").mkdir(parents=True, exist_ok=True)
    scenario = {
        name: settings.pop(name)
        for name in ("approaches", "duration", "faults", "sink")
        if name in settings
    }
    given = {
        "runtime": "sim",
        "seed": 7,
        "repeat": 3,
        "at_once": 1,
        "histories": Histories.FAILING,
    }
    return Request(
        scenario=small(**{"approaches": BOTH, **scenario}),
        directory=directory,
        **{**given, **settings},
    )


def measured(request: Request, watching: Watching | None = None) -> Measured:
    comparison = SimulatedComparison(request, CALIBRATION, watching or Watching())
    return comparison.measured(comparison.run(lambda: False))


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "histories").iterdir())


def test_results_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    one, two = (
        measured(request_of(tmp_path / str(count), faults=(PAUSE,), repeat=9, at_once=count))
        for count in (1, 2)
    )
    assert one.results == two.results
    assert all(result.checksum for result in one.results)
    assert {name: list(trials) for name, trials in one.tallies.items()} == {
        name: list(trials) for name, trials in two.tallies.items()
    }
    assert files(tmp_path / "1") == files(tmp_path / "2")
    for name in files(tmp_path / "1"):
        same = [(tmp_path / count / "histories" / name).read_bytes() for count in ("1", "2")]
        assert same[0] == same[1]


def test_another_seed_gives_another_checksum(tmp_path: Path) -> None:
    first = measured(request_of(tmp_path / "1"))
    second = measured(request_of(tmp_path / "2", seed=8))
    for one, other in zip(first.results, second.results, strict=True):
        assert one.checksum != other.checksum


def test_how_often_a_trial_is_looked_at_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trial._LOOK_EVERY", 0.1)
    often = measured(request_of(tmp_path / "1"))
    monkeypatch.setattr("harness.trial._LOOK_EVERY", 3.3)
    seldom = measured(request_of(tmp_path / "2"))
    assert often.results == seldom.results


def test_seeds_go_up_by_one_and_the_histories_name_what_was_simulated(tmp_path: Path) -> None:
    found = measured(request_of(tmp_path, histories=Histories.ALL))
    assert [one.seed for one in found.tallies["redis-lock"]] == [7, 8, 9]
    trial = read_history(tmp_path / "histories" / "redis-lock-8.jsonl").trial
    assert (trial.runtime, trial.seed) == ("sim", 8)
    assert trial.extra["coordinator"] == found.about["redis"]
    assert found.about["redis"].startswith("simulated, as Redis")
    assert "calibrated on" in found.about
    assert found.noise is None


def test_a_history_on_disk_is_judged_as_it_was_in_memory(tmp_path: Path) -> None:
    found = measured(request_of(tmp_path, faults=(PAUSE,), histories=Histories.ALL))
    for verdicts in found.verdicts.values():
        for verdict in verdicts:
            assert verdict.path is not None
            assert judge(read_history(verdict.path)) == verdict


def test_failing_trials_and_the_first_one_keep_their_history(tmp_path: Path) -> None:
    found = measured(request_of(tmp_path))
    assert [one.flawless for one in found.tallies["redis-lock"]] == [True] * 3
    assert files(tmp_path) == [
        "redis-lock-7.jsonl",
        *(f"uncoordinated-{seed}.jsonl" for seed in (7, 8, 9)),
    ]
    (calm,) = found.verdicts["redis-lock"]
    assert calm.trial.seed == 7
    assert calm.path == tmp_path / "histories" / "redis-lock-7.jsonl"
    assert found.notes == ()


@pytest.mark.parametrize(("which", "count"), [(Histories.ALL, 6), (Histories.NONE, 0)])
def test_all_histories_or_none(tmp_path: Path, which: Histories, count: int) -> None:
    found = measured(request_of(tmp_path, histories=which))
    assert len(files(tmp_path)) == count
    assert all(
        (verdict.path is None) is (which is Histories.NONE)
        for verdicts in found.verdicts.values()
        for verdict in verdicts
    )


@pytest.mark.parametrize("processes", [1, 2])
def test_of_many_failing_trials_the_first_ones_are_kept(tmp_path: Path, processes: int) -> None:
    request = request_of(tmp_path, approaches=BOTH[:1], duration=4.0, repeat=30, at_once=processes)
    found = measured(request)
    assert files(tmp_path) == sorted(f"uncoordinated-{seed}.jsonl" for seed in range(7, 27))
    assert [one.trial.seed for one in found.verdicts["uncoordinated"]] == list(range(7, 17))
    assert len(found.tallies["uncoordinated"]) == 30
    assert found.notes == (
        "Only the first 20 failing trials have a history here: uncoordinated (30).",
    )


def test_what_makes_no_sense_is_skipped(tmp_path: Path) -> None:
    watching = Watching()
    request = request_of(tmp_path, approaches=(choice("redis-lock", sink="fencing"),))
    found = measured(request, watching)
    assert found.results[0].skipped is not None
    assert watching.begun == []


def test_progress_counts_trials_and_what_is_done_of_the_others(tmp_path: Path) -> None:
    watching = Watching()
    measured(request_of(tmp_path, repeat=5, duration=60.0, at_once=2), watching)
    assert watching.begun == [(10, 2)]
    assert watching.seen[-1][0] == 10
    overs = [over for over, _ in watching.seen]
    assert overs == sorted(overs)


def trial(approach: str = "redis-lock", **settings: Any) -> Trial:
    chosen = choice(approach)
    scenario = small(approaches=(chosen,), **settings)
    return Trial(scenario=scenario, choice=chosen, seed=7, runtime="sim", extra={})


def test_a_long_trial_says_how_far_it_is_in_virtual_time(tmp_path: Path) -> None:
    shares: list[float] = []

    def pulse(share: float) -> bool:
        shares.append(share)
        return True

    simulated.run_simulated(trial(), CALIBRATION, None, tmp_path / "a", pulse)
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.85 < shares[-1] <= 1.0
    assert len(shares) > 90


def test_a_trial_that_is_told_to_stop_is_judged_up_to_there(tmp_path: Path) -> None:
    verdict, _, cut = simulated.run_simulated(
        trial(), CALIBRATION, None, tmp_path / "a", lambda share: share < 0.5
    )
    assert cut
    assert verdict.partial
    assert verdict.valid
    assert 5.0 < verdict.end < 6.0


class Recording:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def test_cut_short_its_history_says_interrupted() -> None:
    recording = Recording()
    error = simulate(trial(), CALIBRATION, recording, print, lambda now: now < 3.0)
    assert error is None
    (ended,) = [event for event in recording.events if event.kind == "trial.ended"]
    assert ended.reason == "interrupted"


def stopped_after(request: Request, trials: int) -> Measured:
    watching = Watching()
    comparison = SimulatedComparison(request, CALIBRATION, watching)
    interrupted = comparison.run(lambda: bool(watching.seen) and watching.seen[-1][0] >= trials)
    assert interrupted
    return comparison.measured(interrupted)


def test_stopped_early_it_measures_what_has_run(tmp_path: Path) -> None:
    found = stopped_after(request_of(tmp_path, repeat=1000), trials=6)
    assert found.interrupted
    counts = [result.trials for result in found.results]
    assert all(3 <= count < 1000 for count in counts)
    # No trial is half counted where there are whole ones, and none leaves a piece of a history.
    assert not any(one.partial for trials in found.tallies.values() for one in trials)
    whole = {f"uncoordinated-{seed}.jsonl" for seed in range(7, counts[0] + 7)}
    assert set(files(tmp_path)) <= {*whole, "redis-lock-7.jsonl"}


def test_stopped_in_its_first_trials_it_measures_as_far_as_they_are(tmp_path: Path) -> None:
    request = request_of(tmp_path, repeat=1, duration=3000.0, approaches=BOTH[:1])
    found = stopped_after(request, trials=0)
    (result,) = found.results
    assert result.trials == 1
    (partial,) = found.tallies["uncoordinated"]
    assert partial.partial
    assert result.expected > 0
    assert read_history(tmp_path / "histories" / "uncoordinated-7.jsonl").events


def test_a_trial_whose_process_dies_does_not_count_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = simulated.simulate

    def dying(one: Trial, *more: Any) -> str | None:
        if one.seed == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(one, *more)

    monkeypatch.setattr(simulated, "simulate", dying)
    found = measured(request_of(tmp_path, repeat=4, at_once=2))
    for result in found.results:
        assert (result.trials, result.invalid_trials) == (4, 1)
        assert result.invalid == (
            "seed 8: its process was killed by SIGKILL, as when memory runs out",
        )
        assert result.checksum is None


def test_a_trial_whose_process_is_killed_once_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = measured(request_of(tmp_path / "1", at_once=2))
    real = simulated.simulate
    killed = tmp_path / "killed"

    def dying(one: Trial, *more: Any) -> str | None:
        if one.seed == 8 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(one, *more)

    monkeypatch.setattr(simulated, "simulate", dying)
    found = measured(request_of(tmp_path / "2", at_once=2))
    assert killed.exists()
    assert found.results == undisturbed.results
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_a_history_that_cannot_be_written_makes_its_trial_invalid(tmp_path: Path) -> None:
    request = request_of(tmp_path, approaches=BOTH[:1], repeat=1)
    (tmp_path / "histories" / "uncoordinated-7.jsonl").mkdir()
    found = measured(request)
    assert "its history could not be written" in found.results[0].invalid[0]


# The pool by itself.


def results_of(work: Callable[[int, pool.Pulse], Any], tasks: int, size: int) -> dict[int, Any]:
    found: dict[int, Any] = {}
    pool.Pool(size, work).run(iter(range(tasks)), found.__setitem__, lambda: None)
    return found


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_task_is_done_once(size: int) -> None:
    assert results_of(lambda task, _: task * task, 300, size) == {n: n * n for n in range(300)}


def test_an_error_of_the_program_itself_is_raised() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        results_of(lambda task, _: 1 // (task - 3), 5, 2)


def test_few_tasks_are_taken_before_there_is_somebody_to_do_them() -> None:
    taken = over = most = 0

    def tasks() -> Iterator[int]:
        nonlocal taken, most
        for taken in range(1, 301):
            most = max(most, taken - over)
            yield taken

    def take(_task: int, _result: int | pool.Died) -> None:
        nonlocal over
        over += 1

    workers: pool.Pool[int, int] = pool.Pool(3, lambda task, _: task)
    workers.run(tasks(), take, lambda: None)
    assert (taken, over, most) == (300, 300, 6)


def test_nothing_is_forked_while_a_thread_runs_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[int] = []
    fork = os.fork

    def noted() -> int:
        threads.append(threading.active_count())
        return fork()

    monkeypatch.setattr(os, "fork", noted)
    before = threading.active_count()
    results_of(lambda task, _: os._exit(3) if task == 7 else task, 20, 3)
    assert len(threads) > 6
    assert set(threads) == {before}
    assert threading.active_count() == before
    assert multiprocessing.active_children() == []


def test_where_no_process_can_be_forked_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    forks = [os.fork]

    def second_fails() -> int:
        if not forks:
            raise BlockingIOError(errno.EAGAIN, "no more")
        return forks.pop()()

    monkeypatch.setattr(os, "fork", second_fails)
    with pytest.raises(TrialError, match="no process could be started: no more"):
        results_of(lambda task, _: task, 5, 3)
    assert multiprocessing.active_children() == []


def test_tasks_in_hand_when_a_process_dies_are_done_by_others() -> None:
    found = results_of(lambda task, _: os._exit(3) if task % 50 == 7 else task, 200, 2)
    died = {task for task, result in found.items() if isinstance(result, pool.Died)}
    assert died == {7, 57, 107, 157}
    assert found[7] == pool.Died("its process ended with code 3")
    assert {task for task in range(200) if found[task] == task} == {*range(200)} - died


def test_a_process_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PATIENCE", 0.1)
    found: dict[int, Any] = {}

    def endless(task: int, _: pool.Pulse) -> None:
        while True:
            pass

    workers = pool.Pool(2, endless)
    workers.run(iter(range(2)), found.__setitem__, workers.stop)
    assert found == {}
