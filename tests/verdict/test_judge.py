"""What holds for every history, whatever is in it."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.history.event import Event
from harness.history.reading import History
from harness.history.trial import FaultLine, JobLine, TrialLine
from harness.verdict.judge import judge
from harness.verdict.model import Outcome
from harness.verdict.result import summarize
from harness.verdict.tally import tally
from tests.verdict.building import history

JOBS = (JobLine("report", 1.0, 0.5), JobLine("billing", 0.7, 0.7))
KINDS = (
    "run.started run.started run.started run.finished run.failed effect.applied effect.rejected "
    "lease.requested lease.granted lease.released lease.lost worker.started worker.ready "
    "worker.stopping worker.exited fault.injected fault.healed coordinator.calls unknown.kind"
).split()
FAULTS = ("crash", "pause", "partition", "stop", "expire")

times = st.integers(-10, 110).map(lambda tenth: tenth / 10)
names = st.sampled_from(["w1", "w2", "w3"])
events = st.builds(
    Event,
    at=times,
    kind=st.sampled_from(KINDS),
    worker=names,
    job=st.sampled_from(["report", "billing", "unknown"]),
    due=st.none() | times | st.sampled_from([0.5, 0.7, 1.4, 1.5, 2.5]),
    run=st.none() | st.sampled_from(["1", "2", "3", "4"]),
    resource=st.sampled_from(["a", "b"]),
    lease=st.sampled_from(["1", "2"]),
    fault=st.sampled_from(["f#1", "f#2"]),
    type=st.sampled_from(FAULTS),
    targets=st.lists(names, max_size=3).map(tuple),
)


@settings(deadline=None)
@given(st.lists(events, max_size=60), st.sampled_from([None, "completed", "interrupted"]))
def test_every_expected_run_has_exactly_one_outcome(found: list[Event], ended: str | None) -> None:
    verdict = judge(history(found, duration=10.0, grace=1.0, jobs=JOBS, ended=ended))
    dues = [
        (job.name, round(job.first + count * job.every, 6)) for job in JOBS for count in range(20)
    ]
    expected = [(name, due) for name, due in dues if due + 1.0 <= verdict.end + 1e-6]
    judged = [(one.job, one.due) for one in verdict.expected]
    in_progress = {
        (run.job, run.due) for run in verdict.runs if run.started <= verdict.end <= run.ended
    }
    left_out = set(expected) - set(judged)
    assert judged == [due for due in expected if due not in left_out]
    assert left_out <= (in_progress if verdict.partial else set())
    # Whether the trial counts is another question.
    result = summarize("any", [tally(replace(verdict, invalid=()))])
    total = result.once + result.duplicate + result.overrun + result.missed
    assert total == result.expected == len(judged)


@settings(deadline=None)
@given(st.lists(events, max_size=60))
def test_outcomes_agree_with_the_runs_beneath_them(found: list[Event]) -> None:
    verdict = judge(history(found, duration=10.0, jobs=JOBS))
    for one in verdict.expected:
        assert all((run.job, run.due) == (one.job, one.due) for run in one.runs)
        assert [run.started for run in one.runs] == sorted(run.started for run in one.runs)
        assert [run.extra is None for run in one.runs] == [True, *[False] * len(one.runs)][
            : len(one.runs)
        ]
        if one.outcome in (Outcome.OVERRUN, Outcome.NEVER_STARTED):
            assert not one.runs
        if one.outcome is Outcome.LOST:
            assert one.runs
    assert all(run.started <= run.ended for run in verdict.runs)
    for sample in (*verdict.failover, *verdict.takeover):
        assert 0 <= sample.seconds <= verdict.end - sample.at
    assert all(sample.seconds >= 0 for sample in verdict.outage)
    assert all(stretch.most >= 2 for stretch in (*verdict.overlaps, *verdict.double_holds))


@settings(deadline=None)
@given(st.lists(events, max_size=30), st.randoms())
def test_the_order_of_the_file_matters_only_within_one_instant(
    found: list[Event], random: Random
) -> None:
    apart = [
        Event(at=round(event.at + index * 1e-4, 6), kind=event.kind, worker=event.worker,
              job=event.job, due=event.due, run=event.run, targets=event.targets,
              fault=event.fault, type=event.type, resource=event.resource, lease=event.lease)
        for index, event in enumerate(found)
    ]  # fmt: skip
    shuffled = random.sample(apart, len(apart))
    assert judge(history(apart, jobs=JOBS)) == judge(history(shuffled, jobs=JOBS))


def test_a_history_without_any_event_is_judged() -> None:
    verdict = judge(history(ended=None))
    assert verdict.partial
    assert verdict.end == 0
    assert not verdict.valid


def busy_history(workers: int, dues: int, chaos: int) -> History:
    """Every worker runs every due time, the worst there is; faults all along, some runs hang."""
    random = Random(1)
    found: list[Event] = []
    for due in range(1, dues + 1):
        for worker in range(workers):
            run: dict[str, Any] = {
                "worker": f"w{worker}",
                "job": "report",
                "due": float(due),
                "run": f"w{worker}/{due}",
            }
            found.append(Event(at=due, kind="run.started", **run))
            found.append(
                Event(at=due, kind="lease.granted", resource=f"report@{due}", lease=str(due),
                      worker=f"w{worker}", job="report", due=float(due))
            )  # fmt: skip
            if random.random() < 0.9:
                found.append(Event(at=due + 0.4, kind="effect.applied", **run))
                found.append(Event(at=due + 0.4, kind="run.finished", **run))
    faults = []
    for number in range(chaos):
        at = round(dues * number / chaos, 6)
        name = f"pause#{number}"
        faults.append(FaultLine(name, "pause", at))
        target = (f"w{number % workers}",)
        found.append(Event(at=at, kind="fault.injected", fault=name, type="pause", targets=target))
        found.append(Event(at=at + 0.2, kind="fault.healed", fault=name))
    found.append(Event(at=dues + 2, kind="trial.ended", reason="completed"))
    trial = TrialLine(
        scenario="busy",
        approach="any",
        runtime="sim",
        seed=1,
        workers=(),
        duration=dues + 2.0,
        grace=1.0,
        jobs=(JobLine("report", 1.0, 1.0),),
        faults=tuple(faults),
    )
    return History(trial, tuple(found))


def test_fifty_thousand_events_take_seconds() -> None:
    for workers, dues, chaos in [(500, 26, 50), (5, 2500, 500)]:
        found = busy_history(workers, dues, chaos)
        assert len(found.events) > 45_000
        begin = time.process_time()
        verdict = judge(found)
        result = summarize("any", [tally(verdict)])
        assert time.process_time() - begin < 10
        assert result.duplicate == dues
        assert result.max_concurrency >= 5
