"""What faults do to workers, as their runs, the kernel and the coordinators show it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from harness.faults.cluster import NotLanded, TargetGone
from harness.faults.observation import Sighting
from harness.history.event import Event
from harness.runtimes.cluster import TrialError
from harness.runtimes.forking import WorkerProcess
from tests.live.clients import SILENCE, Client
from tests.live.processes import PATIENCE, becomes_true, is_alive, state_of
from tests.live.trials import Trial, Trials

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

VICTIM, OTHER = "worker-1", "worker-2"
JUMP = 0.3  # s; jobs are due every 0.5 s


def early(runs: list[Event]) -> list[float]:
    """By how much each run started before it was due, in seconds."""
    return [run.due - run.at for run in runs if run.due is not None]


# Stopping in order


async def test_a_stop_lets_the_run_finish_and_the_lease_go(trials: Trials) -> None:
    async with trials.open("redis-lock", takes=1.0, workers=1) as trial:
        (node,) = trial.ground.servers["redis"].nodes
        lease, pid = await trial.held(), trial.pids()[VICTIM]
        assert await becomes_true(trial.cluster.observation.running)
        async with Client.at(node.host, node.port) as direct:
            assert await direct.answers(f"EXISTS {trial.namespace}:report", ":1")
            landed = await trial.cluster.stop(VICTIM)
            assert await direct.answers(f"EXISTS {trial.namespace}:report", ":0")
        assert landed.mechanism == "signal"
        assert not is_alive(pid)
        (exited,) = trial.of("worker.exited", VICTIM)
        assert (exited.code, exited.signal) == (0, None)
        (stopping,) = trial.of("worker.stopping", VICTIM)
        assert landed.at <= stopping.at
        last = [event.kind for event in trial.events.seen if event.lease == lease.lease]
        assert last[-1] == "lease.released"
        assert len(trial.of("run.finished", VICTIM)) == len(trial.of("run.started", VICTIM))
        assert not trial.cluster.broken.done()


async def test_who_was_stopped_can_be_started_again(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        before, bystander = trial.pids()[VICTIM], trial.pids()[OTHER]
        await trial.cluster.stop(VICTIM)
        assert VICTIM not in trial.pids()
        with pytest.raises(TargetGone):
            await trial.cluster.stop(VICTIM)
        await trial.cluster.start(VICTIM)
        assert trial.pids()[VICTIM] != before
        assert trial.pids()[OTHER] == bystander
        assert await trial.next("run.finished", VICTIM)


async def test_who_is_killed_instead_of_stopping_did_not_stop(trials: Trials) -> None:
    async with trials.open("uncoordinated", takes=0.4, workers=1) as trial:
        assert await becomes_true(trial.cluster.observation.running)
        stopping = asyncio.ensure_future(trial.cluster.stop(VICTIM))
        await trial.next("worker.stopping", VICTIM)
        await trial.cluster.kill(VICTIM)
        with pytest.raises(NotLanded, match="by signal 9"):
            await stopping


async def test_a_stop_that_is_not_heard_has_not_landed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trials.open("uncoordinated") as trial:
        with monkeypatch.context() as planted:
            planted.setattr("harness.runtimes.workers._GOODBYE", SILENCE)
            planted.setattr(WorkerProcess, "send", lambda process, number: None)
            with pytest.raises(NotLanded, match="did not stop"):
                await trial.cluster.stop(VICTIM)


# Clocks, and runs that fail


async def test_a_skewed_worker_runs_by_its_own_clock(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        assert max(early(await trial.next("run.started", VICTIM, 2))) <= 0
        landed = await trial.cluster.skew(VICTIM, "fault", JUMP, 0.0)
        assert landed.mechanism == "worker-clock"
        # What it slept for already still comes by the old clock.
        await trial.next("run.started", VICTIM)
        assert min(early(await trial.next("run.started", VICTIM, 2))) > JUMP / 2
        assert max(early(await trial.next("run.started", OTHER, 2))) <= 0
        healed = await trial.cluster.unskew(VICTIM, "fault")
        assert healed.mechanism == "worker-clock"
        await trial.next("run.started", VICTIM)
        assert max(early(await trial.next("run.started", VICTIM, 2))) <= 0
        assert [event.extra["what"] for event in trial.of("worker.told", VICTIM)] == [
            "skew",
            "unskew",
        ]


async def test_a_drifting_clock_gains_more_and_more(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        await trial.cluster.skew(VICTIM, "fault", 0.0, 0.2)
        ahead = early(await trial.next("run.started", VICTIM, 5))
        assert ahead[-1] > ahead[1] > 0


async def test_what_is_in_effect_is_in_effect_for_who_starts_again(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        await trial.cluster.skew(VICTIM, "clock-skew#1", JUMP, 0.0)
        await trial.cluster.fail_runs(VICTIM, "failing-job#1", 1.0, None)
        await trial.cluster.kill(VICTIM)
        # Told while it is down.
        await trial.cluster.skew(VICTIM, "clock-skew#2", -JUMP / 2, 0.0)
        since = len(trial.events.seen)
        await trial.cluster.start(VICTIM)
        failed = await trial.next("run.failed", VICTIM, 2)
        ahead = early(trial.of("run.started", VICTIM, since))
        # From its first due time on.
        assert JUMP > max(ahead) >= min(ahead) > JUMP / 4
        assert {event.error for event in failed} == {"job failed"}
        assert not trial.of("run.finished", VICTIM, since)
        assert [event.fault for event in trial.of("worker.told", VICTIM, since)] == [
            "clock-skew#1",
            "failing-job#1",
            "clock-skew#2",
        ]
        await trial.cluster.stop(VICTIM)
        await trial.cluster.pass_runs(VICTIM, "failing-job#1")
        await trial.cluster.unskew(VICTIM, "clock-skew#1")
        await trial.cluster.unskew(VICTIM, "clock-skew#2")
        since = len(trial.events.seen)
        await trial.cluster.start(VICTIM)
        await trial.next("run.finished", VICTIM, 2)
        assert max(early(trial.of("run.started", VICTIM, since))) <= 0
        assert not trial.of("worker.told", VICTIM, since)


async def test_each_undoes_its_own(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        await trial.cluster.skew(VICTIM, "clock-skew#1", JUMP, 0.0)
        await trial.cluster.skew(VICTIM, "clock-skew#2", 1.0, 0.0)
        await trial.cluster.fail_runs(VICTIM, "failing-job#1", 1.0, None)
        await trial.cluster.fail_runs(VICTIM, "failing-job#2", 0.5, None)
        await trial.cluster.unskew(VICTIM, "clock-skew#2")
        await trial.cluster.pass_runs(VICTIM, "failing-job#2")
        await trial.next("run.started", VICTIM)
        assert min(early(await trial.next("run.started", VICTIM, 2))) > JUMP / 2
        await trial.next("run.failed", VICTIM, 3)
        assert not trial.of("run.finished", VICTIM)


async def test_runs_fail_until_they_are_let_succeed(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        landed = await trial.cluster.fail_runs(VICTIM, "fault", 1.0, None)
        assert landed.mechanism == "worker"
        since = len(trial.events.seen)
        failed = await trial.next("run.failed", VICTIM, 2)
        assert {event.error for event in failed} == {"job failed"}
        assert not trial.of("run.finished", VICTIM, since)
        assert not trial.of("run.failed", OTHER)
        await trial.cluster.pass_runs(VICTIM, "fault")
        await trial.next("run.finished", VICTIM, 2)


async def test_only_runs_of_that_job_fail(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        await trial.cluster.fail_runs(VICTIM, "fault", 1.0, "billing")
        await trial.next("run.finished", VICTIM, 2)
        assert not trial.of("run.failed", VICTIM)
        await trial.cluster.fail_runs(VICTIM, "fault", 1.0, "report")
        assert await trial.next("run.failed", VICTIM)


async def test_who_does_not_listen_was_not_skewed(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runtimes.dialogue._PATIENCE", SILENCE)
    async with trials.open("uncoordinated") as trial:
        await trial.cluster.pause(VICTIM)
        with pytest.raises(NotLanded, match="as it was told"):
            await trial.cluster.skew(VICTIM, "fault", JUMP, 0.0)
        await trial.cluster.resume(VICTIM)


async def test_who_dies_before_it_listens_is_skewed_when_it_starts_again(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        await trial.cluster.pause(VICTIM)
        skewing = asyncio.ensure_future(trial.cluster.skew(VICTIM, "clock-skew#1", JUMP, 0.0))
        await asyncio.sleep(0)
        await trial.cluster.kill(VICTIM)
        await skewing
        assert not trial.of("worker.told", VICTIM)
        await trial.cluster.start(VICTIM)
        assert min(early(await trial.next("run.started", VICTIM, 2))) > JUMP / 2


# Standing still at an event


class Trap:
    """Keeps a worker standing still at an event of that kind, the nth of them, until let go."""

    def __init__(self, trial: Trial, kind: str, nth: int = 1) -> None:
        self._observation = trial.cluster.observation
        self._kind = kind
        self._left = nth
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._caught: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._observation.watch(kind, self._see)

    def _see(self, sighting: Sighting) -> None:
        self._left -= 1
        if self._left == 0:
            self._observation.await_landing(self._over)
            self._observation.unwatch(self._kind, self._see)
            self._caught.set_result(sighting.event)

    async def caught(self) -> tuple[Event, str]:
        """The event, once it happened, and whose it was."""
        event = await asyncio.wait_for(self._caught, PATIENCE)
        assert event.worker is not None
        return event, event.worker

    def let_go(self) -> None:
        """Let everybody go on."""
        self._over.set_result(None)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is let go on before the test says so."""
    monkeypatch.setattr("harness.runtimes.dialogue._STANDSTILL", 60.0)


async def test_replies_are_cut_between_the_grant_and_the_answer(trials: Trials) -> None:
    async with trials.open("redis-lock", workers=3, breakpoints={"lease.requested"}) as trial:
        (node,) = trial.ground.servers["redis"].nodes
        key = f"{trial.namespace}:report"
        trap = Trap(trial, "lease.requested")
        requested, worker = await trap.caught()
        async with Client.at(node.host, node.port) as direct:
            await trial.cluster.cut(worker, "replies")
            # The request is not even sent: it stands still.
            assert await direct.answers(f"EXISTS {key}", ":0")
            trap.let_go()
            # The first to ask is the one who gets it, though all stood still.
            assert await direct.comes_to_answer(f"GET {key}", requested.lease or "")
            assert not trial.of("lease.granted", worker)
        (error, *_) = await trial.next("coordinator.error", worker)
        assert error.operation == "set_if_absent"
        assert not trial.of("lease.granted", worker)
        await trial.cluster.heal(worker)
        assert await trial.next("lease.requested", worker)


async def test_who_stands_still_does_nothing_but_what_it_is_told(
    trials: Trials, patient: None
) -> None:
    async with trials.open("uncoordinated", breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        started, worker = await trap.caught()
        assert "held" not in started.extra
        # It hears of its clock all the same: what hits a worker at an event hits it there.
        await trial.cluster.skew(worker, "fault", JUMP, 0.0)
        await asyncio.sleep(2 * started.at)
        assert trial.of("run.started", worker) == [started]
        assert not trial.of("run.finished", worker)
        trap.let_go()
        finished = await trial.next("run.finished", worker)
        assert finished[0].run == started.run


async def test_who_comes_to_the_event_meanwhile_waits_too(trials: Trials, patient: None) -> None:
    async with trials.open("uncoordinated", workers=3, breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        started, _ = await trap.caught()
        await asyncio.sleep(2 * started.at)
        assert [event.kind for event in trial.events.seen].count("run.started") == 3
        assert "run.finished" not in [event.kind for event in trial.events.seen]
        trap.let_go()
        for worker in trial.cluster.workers:
            await trial.next("run.finished", worker)


async def test_who_is_killed_while_it_stands_still_holds_up_nobody(
    trials: Trials, patient: None
) -> None:
    async with trials.open("uncoordinated", breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        _, worker = await trap.caught()
        await trial.cluster.kill(worker)
        trap.let_go()
        await trial.cluster.start(worker)
        for each in trial.cluster.workers:
            await trial.next("run.finished", each)
        await trial.cluster.drain(10.0)


async def test_who_is_paused_while_it_stands_still_goes_on_once_resumed(
    trials: Trials, patient: None
) -> None:
    async with trials.open("uncoordinated", breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        started, worker = await trap.caught()
        (other,) = set(trial.cluster.workers) - {worker}
        await trial.cluster.pause(worker)
        trap.let_go()
        await trial.next("run.finished", other)
        assert state_of(trial.pids()[worker]) == "T"
        assert not trial.of("run.finished", worker)
        await trial.cluster.resume(worker)
        finished = await trial.next("run.finished", worker)
        assert finished[0].run == started.run


async def test_who_is_stopped_while_it_stands_still_stops_there(
    trials: Trials, patient: None
) -> None:
    async with trials.open("uncoordinated", breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        started, worker = await trap.caught()
        await trial.cluster.stop(worker)
        assert [event.run for event in trial.of("run.finished", worker)] == [started.run]
        trap.let_go()


async def test_what_takes_too_long_to_land_is_not_waited_for(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runtimes.dialogue._STANDSTILL", SILENCE)
    async with trials.open("uncoordinated", breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        _, worker = await trap.caught()
        assert await trial.next("run.finished", worker)
        trap.let_go()


async def test_the_end_of_a_trial_waits_for_nobody_who_stands_still(
    trials: Trials, patient: None
) -> None:
    async with trials.open("uncoordinated", breakpoints={"run.started"}) as trial:
        trap = Trap(trial, "run.started")
        await trap.caught()
        await trial.cluster.drain(10.0)
        for each in trial.cluster.workers:
            assert [event.code for event in trial.of("worker.exited", each)] == [0]
        trap.let_go()


async def test_who_ends_without_being_asked_to_breaks_the_trial(trials: Trials) -> None:
    async with trials.open("uncoordinated") as trial:
        os.kill(trial.pids()[VICTIM], signal.SIGTERM)
        with pytest.raises(TrialError, match="ended by itself, with code 0"):
            await asyncio.wait_for(asyncio.shield(trial.cluster.broken), 10)
