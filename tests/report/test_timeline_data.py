from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.history.event import Event
from harness.history.journal import Journal
from harness.history.reading import read_history
from harness.history.trial import JobLine
from harness.report.page.timeline import (
    BUDGET,
    LONGEST,
    MOST_LANES,
    MOST_MARKS,
    choose_trial,
    packed_size,
    timeline_data,
)
from harness.verdict.judge import judge
from harness.verdict.model import Ending, Expected, Outcome, Run, Sample, Verdict
from tests.report.conftest import HOSTILE
from tests.verdict import building as b

Data = dict[str, Any]


def rows(data: Data, name: str) -> list[dict[str, Any]]:
    return [dict(zip(data["columns"][name], row, strict=True)) for row in data[name]]


def data_of(tmp_path: Path, *events: Event | Sequence[Event], **settings: Any) -> Data:
    """The data of a history of these events, written, read and judged."""
    history = b.history(*events, **settings)
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / "h.jsonl"
    with Journal(path, history.trial) as journal:
        for event in history.events:
            journal.record(event)
    return timeline_data(judge(read_history(path)), {"report": "#123456"})


def busy(make: SimpleNamespace, workers: int, seconds: int) -> Verdict:
    """Each worker runs a job each second; in the second of two workers, one at 300 twice."""
    names = tuple(f"worker-{place}" for place in range(workers))
    runs = tuple(
        replace(make.run(name, at, at + place / 1000), run=f"{name}/{at}")
        for at in range(1, seconds)
        for place, name in enumerate(names)
    )
    wrong = tuple(run for run in runs if run.due == 300)[-2:]
    expected = (Expected("report", 300.0, Outcome.DUPLICATE, False, wrong),)
    trial = make.trial("a", float(seconds), workers=names)
    overlaps = (replace(make.verdict().overlaps[0], start=300, end=300.2, who=(wrong[0].run,)),)
    return make.verdict(  # type: ignore[no-any-return]
        trial=trial,
        end=float(seconds),
        runs=runs,
        overlaps=overlaps,
        double_holds=(),
        failover=(),
        expected=expected,
    )


def test_the_trial_that_went_wrong_is_chosen(make: SimpleNamespace) -> None:
    calm = make.verdict(runs=(), overlaps=(), expected=())
    invalid = make.verdict(invalid=("no",))
    wrong = make.verdict()
    assert choose_trial([invalid, calm, wrong]) is wrong
    assert choose_trial([invalid, calm]) is calm
    assert choose_trial([invalid]) is None


def test_runs_carry_all_that_their_card_tells(tmp_path: Path) -> None:
    grant = replace(b.lease(0.99, "granted", "w1", job="report", due=1.0), fence=7)
    data = data_of(tmp_path, grant, b.ran(1.002, "w1", "1", 1.0), workers=["w1", "w2"])
    (run,) = rows(data, "runs")
    effect, resource = (data["names"][run.pop(name)] for name in ("effect", "resource"))
    assert (effect, resource) == ("applied", "lock")
    assert run == {
        "lane": 0,
        "job": 0,
        "due": 1.0,
        "from": 1.002,
        "to": 1.102,
        "ending": "finished",
        "extra": None,
        "wrong": 0,
        "fence": 7,
    }
    assert data["workers"] == ["w1", "w2"]
    assert data["jobs"] == [("report", "#123456")]


def test_a_rejected_effect_is_told(tmp_path: Path) -> None:
    rejected = Event(at=1.1, kind="effect.rejected", worker="w1", run="w1/1", reason="stale")
    data = data_of(tmp_path, b.started(1.0, "w1", "1", 1.0), rejected)
    (run,) = rows(data, "runs")
    assert data["names"][run["effect"]] == "rejected"


def test_runs_with_a_part_in_a_violation_are_marked(make: SimpleNamespace) -> None:
    data = timeline_data(make.verdict(), {})
    assert [(run["from"], run["wrong"]) for run in rows(data, "runs")] == [(1, 0), (2, 1), (2.1, 1)]
    assert [run["extra"] for run in rows(data, "runs")] == [None, None, "overlapping"]


def test_violations_are_stepped_through_by_time_and_those_that_meet_are_one_place(
    make: SimpleNamespace,
) -> None:
    data = timeline_data(make.verdict(), {})
    kinds = [one["kind"] for one in rows(data, "violations")]
    assert kinds == ["overlap", "extra", "held", "missed", "unrecovered"]
    assert [(one["from"], one["to"], one["title"]) for one in rows(data, "stops")] == [
        (2.1, 2.3, "report: 2 runs at once, and 2 more"),
        (3, 3, "report due 3 s: never started"),
        (5, 5, "report: not recovered"),
    ]


def test_around_a_violation_is_the_fault_that_may_have_led_to_it(tmp_path: Path) -> None:
    missed = [b.fault(3.0, "pause", "w1"), *b.well(*range(1, 9), *range(10, 30))]
    settings: dict[str, Any] = {"duration": 30.0, "workers": ["w1", "w9"]}
    (stop,) = rows(data_of(tmp_path / "near", missed, **settings), "stops")
    assert (stop["from"], stop["around"]) == (9, [2, 11])
    missed[0] = b.fault(20.0, "pause", "w1")
    (stop,) = rows(data_of(tmp_path / "after", missed, **settings), "stops")
    assert stop["around"] == [7, 11]


def test_a_calm_trial_has_no_violations(tmp_path: Path) -> None:
    data = data_of(tmp_path, b.well(1, 2, 3))
    assert (data["violations"], data["stops"], data["notes"]) == ([], [], [])


def test_leases_held_twice_are_marked_where_they_are(tmp_path: Path) -> None:
    data = data_of(
        tmp_path,
        b.lease(1.0, "granted", "w1"),
        b.lease(2.0, "granted", "w2"),
        b.lease(2.5, "lost", "w1"),
        b.lease(3.0, "released", "w2"),
        workers=["w1", "w2"],
    )
    found = [(one["lane"], one["from"], one["to"], one["ending"]) for one in rows(data, "leases")]
    assert found == [(0, 1.0, 2.5, "lost"), (1, 2.0, 3.0, "released")]
    assert [(one["lane"], one["from"], one["to"]) for one in rows(data, "doubled")] == [
        (0, 2.0, 2.5),
        (1, 2.0, 2.5),
    ]
    (lost,) = rows(data, "moments")
    assert (lost["kind"], lost["lane"], data["names"][lost["detail"]]) == ("lost", 0, "lock")


def test_leases_at_the_same_time_get_levels_of_their_own(tmp_path: Path) -> None:
    data = data_of(
        tmp_path,
        b.lease(1.0, "granted", "w1", "a", "1"),
        b.lease(1.5, "granted", "w1", "b", "2"),
        b.lease(2.0, "released", "w1", "a", "1"),
        b.lease(2.5, "granted", "w1", "c", "3"),
    )
    assert [one["level"] for one in rows(data, "leases")] == [0, 1, 0]


def test_a_worker_that_was_killed_and_started_again_is_shown_so(tmp_path: Path) -> None:
    data = data_of(
        tmp_path,
        replace(b.life(1.0, "exited", "w1"), signal=9),
        b.fault(1.0, "crash", "w1"),
        b.life(2.0, "started", "w1"),
        b.life(2.1, "ready", "w1"),
        b.healed(2.1, "crash"),
        b.life(3.0, "stopping", "w2"),
        replace(b.life(3.1, "exited", "w2"), code=0),
        workers=["w1", "w2"],
    )
    assert sorted(data["up"]) == [[0, 0, 1], [0, 2, 4], [1, 0, 3.1]]
    marks = [(one["kind"], one["lane"], one["from"]) for one in rows(data, "moments")]
    assert marks == [("crash", 0, 1.0), ("restart", 0, 2.0)]
    assert data["names"][rows(data, "moments")[0]["detail"]] == "signal 9"
    (fault,) = rows(data, "faults")
    assert (fault["type"], fault["from"], fault["healed"], fault["lanes"]) == ("crash", 1, 2.1, [0])


def test_an_exit_that_nobody_explained_is_a_crash_unless_the_worker_was_stopping(
    tmp_path: Path,
) -> None:
    data = data_of(
        tmp_path,
        b.life(1.0, "exited", "w1"),
        b.life(2.0, "stopping", "w2"),
        b.life(2.1, "exited", "w2"),
        workers=["w1", "w2"],
    )
    assert [(one["kind"], one["lane"]) for one in rows(data, "moments")] == [("crash", 0)]


def test_a_due_time_let_pass_stands_where_it_was_due(tmp_path: Path) -> None:
    drop = Event(at=3.5, kind="run.dropped", worker="w1", job="report", due=2.0, reason="misfire")
    (mark,) = rows(data := data_of(tmp_path, drop, workers=["w1"]), "moments")
    assert (mark["kind"], mark["from"], mark["noticed"]) == ("dropped", 2.0, 3.5)
    assert data["names"][mark["detail"]] == "misfire"


def test_a_partition_has_its_direction_where_the_history_tells_it(tmp_path: Path) -> None:
    cut = replace(b.fault(1.0, "partition", "w1"), extra={"direction": "replies"})
    odd = replace(b.fault(2.0, "pause", "w1"), extra={"direction": ["up"]})
    data = data_of(tmp_path, cut, odd, workers=["w1"])
    assert [fault["direction"] for fault in rows(data, "faults")] == ["replies", None]
    assert ("tl-glyph", "←", "cut off, replies: the worker hears nothing", "") in data["legend"]


def test_a_fault_that_hit_no_worker_is_over_all_lanes_and_one_never_healed_is_open(
    tmp_path: Path,
) -> None:
    data = data_of(tmp_path, b.fault(1.0, "forget", "redis"), workers=["w1"])
    (fault,) = rows(data, "faults")
    assert (fault["lanes"], fault["targets"]) == (None, "redis")
    assert (fault["to"], fault["healed"]) == (4, None)
    assert fault["unhealed"] == "not within the trial"


def test_an_unfinished_trial_says_so_and_shows_what_was_under_way(tmp_path: Path) -> None:
    data = data_of(
        tmp_path, b.started(1.0, "w1", "1", 1.0), b.lease(2.5, "granted", "w1"), ended=None
    )
    assert data["notes"] == ["The trial was cut short at 2.5 s."]
    assert [run["ending"] for run in rows(data, "runs")] == ["unfinished"]
    assert (data["end"], data["to"]) == (2.5, 2.5)


def test_a_run_that_drains_after_the_end_is_shown_whole(tmp_path: Path) -> None:
    data = data_of(tmp_path, b.ran(3.9, "w1", "1", takes=0.5))
    assert (data["end"], data["to"]) == (4, 4.4)


def test_a_lost_history_leaves_the_runs(make: SimpleNamespace, tmp_path: Path) -> None:
    data = timeline_data(make.verdict(path=tmp_path / "gone.jsonl"), {})
    assert len(data["runs"]) == 3
    assert data["faults"] == []


def test_an_empty_trial_can_be_shown(make: SimpleNamespace) -> None:
    trial = make.trial("a", 0.0, workers=(), jobs=())
    empty = Verdict(trial=trial, path=None, end=0.0)
    data = timeline_data(empty, {})
    assert data["to"] > data["from"]
    assert data["workers"] == []


def test_a_short_trial_opens_whole(make: SimpleNamespace) -> None:
    assert timeline_data(make.verdict(), {})["open"] == [0, 6]


def test_a_long_trial_opens_at_its_first_violation_and_is_there_whole(
    make: SimpleNamespace,
) -> None:
    missed = (Expected("report", 100, Outcome.LOST),)
    verdict = make.verdict(duration=300.0, runs=(), overlaps=(), double_holds=(), expected=missed)
    data = timeline_data(verdict, {})
    start, end = data["open"]
    assert start < 100 < end
    assert end - start == LONGEST
    assert (data["from"], data["to"]) == (0, 300)


def test_a_long_trial_without_violation_opens_at_its_first_fault(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    hit = Event(at=200, kind="fault.injected", fault="f", type="pause", targets=("worker-1",))
    path = make.history(tmp_path / "h.jsonl", [hit])
    verdict = make.verdict(
        duration=300.0, runs=(), overlaps=(), expected=(), failover=(), path=path
    )
    start, end = timeline_data(verdict, {})["open"]
    assert start < 200 < end


def test_of_many_workers_those_with_most_to_see_are_kept_in_order(make: SimpleNamespace) -> None:
    data = timeline_data(busy(make, 50, 400), {})
    assert len(data["workers"]) == MOST_LANES
    assert data["workers"][-2:] == ["worker-48", "worker-49"]
    assert data["workers"] == sorted(data["workers"], key=lambda name: int(name.split("-")[1]))
    assert data["notes"][0] == "24 of 50 workers: those with most to see."


def test_a_large_trial_keeps_to_the_budget_and_what_went_wrong(make: SimpleNamespace) -> None:
    verdict = busy(make, 60, 600)
    for budget in (BUDGET, 12_000, 6_000):
        data = timeline_data(verdict, {}, budget=budget)
        assert packed_size(data) <= budget
        assert [run["due"] for run in rows(data, "runs") if run["wrong"]] == [300, 300]
        assert len(data["runs"]) <= MOST_MARKS
        assert any("runs one by one" in note for note in data["notes"])


def test_runs_that_are_not_sent_leave_no_lane_idle(make: SimpleNamespace) -> None:
    verdict = busy(make, 10, 600)
    data = timeline_data(verdict, {}, budget=8_000)
    told = [int(strip["title"].split()[0].replace("a", "1")) for strip in rows(data, "strips")]
    shown = [run for run in verdict.runs if run.worker in data["workers"]]
    assert sum(told) + len(data["runs"]) == len(shown)


def test_a_usual_trial_is_far_below_the_budget_of_a_large_page(make: SimpleNamespace) -> None:
    assert packed_size(timeline_data(busy(make, 5, 301), {}, budget=10**9)) < 40_000
    assert packed_size(timeline_data(make.verdict(), {})) < 3_000


def test_hostile_names_become_harmless_json(make: SimpleNamespace, tmp_path: Path) -> None:
    name = HOSTILE.replace("\ud800", "") * 9
    events = [
        Event(at=1, kind="fault.injected", fault=name, type=name, mechanism=name, targets=(name,)),
        Event(at=2, kind="worker.exited", worker=name, code=1),
        Event(at=2, kind="lease.lost", worker=name, resource=name),
        Event(at=2, kind="run.dropped", worker=name, job=name, due=1.0, reason=name),
        Event(at=3, kind="fault.injected", fault="x", type="forget", targets=(name + "?",)),
    ]
    trial: dict[str, Any] = {"workers": (name,), "jobs": (JobLine(name, 1.0, 1.0),)}
    path = make.history(tmp_path / "h.jsonl", events, **trial)
    run = Run(run=name, worker=name, job=name, due=1, started=1, ended=2, ending=Ending.FINISHED)
    verdict = make.verdict(
        trial=make.trial(name, 6.0, **trial),
        path=path,
        runs=(run,),
        expected=(Expected(name, 1, Outcome.FAILED, False, (run,)),),
        failover=(Sample(name, name, 1, 1, censored=True),),
    )
    text = json.dumps(timeline_data(verdict, {}), ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    assert not any(bad in text for bad in ("\x00", "\x1b", "\u202e", "\\u0000", "\\u001b"))
    strings: list[str] = []
    json.loads(text, object_hook=lambda found: strings.extend(_texts(found)))
    assert max(map(len, strings)) < 1000


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
