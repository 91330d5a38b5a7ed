"""Reading a history: what is tolerated, what is refused, and where the message points."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.history.event import Event, event_from_json
from harness.history.reading import HistoryError, read_history
from harness.history.trial import FaultLine, JobLine, TrialLine, trial_from_json
from harness.scenario.model import Scenario

TRIAL = '{"kind":"trial","version":1,"duration":4,"jobs":[{"name":"report","every":1}]}'
EVENT = '{"at":1,"kind":"run.started","worker":"w1","job":"report","run":"w1/1"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


def test_events_keep_the_order_of_the_file(path: Path) -> None:
    path.write_text(f'{TRIAL}\n{{"at":2,"kind":"b"}}\n{{"at":1,"kind":"a"}}\n')
    history = read_history(path)
    assert [event.kind for event in history.events] == ["b", "a"]
    assert history.path == path
    assert not history.torn


def test_kinds_that_are_not_wanted_are_left_out(path: Path) -> None:
    path.write_text(f'{TRIAL}\n{EVENT}\n{{"at":1,"kind":"b"}}\n')
    assert [event.kind for event in read_history(path, without={"b"}).events] == ["run.started"]


@pytest.mark.parametrize("piece", ['{"at":1,"ki', '{"at":1,"kind":"x', "nul", EVENT[:-1]])
def test_a_torn_last_line_is_tolerated_and_reported(path: Path, piece: str) -> None:
    path.write_text(f"{TRIAL}\n{EVENT}\n{piece}")
    history = read_history(path)
    assert history.torn
    assert len(history.events) == 1


def test_a_line_torn_within_a_character_is_tolerated(path: Path) -> None:
    path.write_bytes(f'{TRIAL}\n{{"at":1,"kind":"x","error":"é'.encode()[:-1])
    assert read_history(path).torn


def test_a_whole_last_line_without_its_newline_is_read(path: Path) -> None:
    path.write_text(f"{TRIAL}\n{EVENT}")
    history = read_history(path)
    assert not history.torn
    assert len(history.events) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"at":1,"ki', "not JSON"),
        ("[1,2]", "expected a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"at":1}', "'kind'"),
        ('{"kind":"run.started"}', "'at'"),
        ('{"kind":"run.started","at":"1"}', "'at'"),
        ('{"kind":"run.started","at":true}', "'at'"),
        ('{"kind":"run.started","at":NaN}', "'at'"),
        ('{"kind":"run.started","at":1' + 400 * "0" + "}", "'at'"),
        ('{"kind":"run.started","at":1,"job":3}', "'job'"),
        ('{"kind":"run.started","at":1,"due":"soon"}', "'due'"),
        ('{"kind":"lease.granted","at":1,"fence":1.5}', "'fence'"),
        ('{"kind":"fault.injected","at":1,"targets":"w1"}', "'targets'"),
        ('{"kind":"coordinator.calls","at":1,"calls":{"set":"many"}}', "'calls'"),
    ],
)
def test_any_other_malformed_line_names_file_and_line(path: Path, line: str, message: str) -> None:
    path.write_text(f"{TRIAL}\n\n{line}\n{EVENT}\n")
    with pytest.raises(HistoryError) as error:
        read_history(path)
    text = str(error.value)
    assert text.startswith(f"{path}:3: ")
    assert message in text
    assert "\n" not in text


def test_a_malformed_last_line_that_was_written_whole_is_an_error(path: Path) -> None:
    path.write_text(f"{TRIAL}\nnonsense\n")
    with pytest.raises(HistoryError, match=r":2: not JSON"):
        read_history(path)


def test_bytes_that_are_not_text_are_an_error(path: Path) -> None:
    path.write_bytes(TRIAL.encode() + b"\n\xff\xfe{}\n" + EVENT.encode() + b"\n")
    with pytest.raises(HistoryError, match=r":2: not "):
        read_history(path)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_an_error(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(HistoryError, match="empty"):
        read_history(path)


def test_a_missing_file_is_an_error_that_names_it(path: Path) -> None:
    with pytest.raises(HistoryError, match=r"history\.jsonl: No such file"):
        read_history(path)


def test_a_torn_first_line_is_an_error(path: Path) -> None:
    path.write_text(TRIAL[:30])
    with pytest.raises(HistoryError, match=r":1: not JSON"):
        read_history(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "run.started"}, 'of kind "trial"'),
        ({"version": 2}, "version 2"),
        ({"duration": None}, "'duration'"),
        ({"duration": -1}, "'duration'"),
        ({"jobs": []}, "'jobs'"),
        ({"jobs": [{"every": 1}]}, "'name'"),
        ({"jobs": [{"name": "report", "every": 0}]}, "'every'"),
        ({"jobs": [{"name": "report", "every": 1, "until": "soon"}]}, "needs 'until', a number"),
        (
            {"jobs": [{"name": "report", "every": 2, "until": 2}]},
            "'until' must be more than 'first'",
        ),
        ({"workers": "w1"}, "'workers'"),
        ({"faults": [{"type": "crash"}]}, "'fault'"),
        ({"faults": 5}, "'faults'"),
        ({"faults": [{"fault": "crash#1", "at": "soon"}]}, "'at'"),
        ({"version": True}, "version True"),
        ({"duration": float("inf")}, "'duration'"),
        ({"jobs": [{"name": "a", "every": 1}, {"name": "a", "every": 2}]}, "two jobs named a"),
    ],
)
def test_a_trial_line_that_cannot_be_judged_is_an_error(
    path: Path, change: dict[str, object], message: str
) -> None:
    path.write_text(json.dumps({**json.loads(TRIAL), **change}) + "\n")
    with pytest.raises(HistoryError) as error:
        read_history(path)
    assert str(error.value).startswith(f"{path}:1: ")
    assert message in str(error.value)


def test_only_duration_and_jobs_are_asked_of_other_peoples_trials(path: Path) -> None:
    path.write_text(TRIAL + "\n")
    trial = read_history(path).trial
    assert (trial.duration, trial.grace, trial.workers, trial.faults) == (4, 2, (), ())
    assert trial.jobs == (JobLine("report", every=1, first=1),)


def test_a_job_without_an_end_says_nothing_of_it(path: Path) -> None:
    path.write_text(TRIAL + "\n")
    [job] = read_history(path).trial.jobs
    assert job.until is None
    assert "until" not in job.as_json()
    path.write_text(TRIAL.replace('"every":', '"until": null, "every":') + "\n")
    assert read_history(path).trial.jobs == (job,)


def test_grace_is_that_of_a_scenario_where_it_is_not_given(path: Path) -> None:
    path.write_text(TRIAL + "\n")
    (grace,) = (field.default for field in fields(Scenario) if field.name == "grace")
    assert read_history(path).trial.grace == grace


def test_unknown_kinds_and_fields_are_kept(path: Path) -> None:
    line = {"at": 1.0, "kind": "moon.risen", "phase": {"full": True}, "worker": "w1"}
    trial = {**json.loads(TRIAL), "weather": "fine"}
    path.write_text(f"{json.dumps(trial)}\n{json.dumps(line)}\n")
    history = read_history(path)
    (event,) = history.events
    assert event.kind == "moon.risen"
    assert event.extra == {"phase": {"full": True}}
    assert event.as_json() == line
    assert history.trial.extra == {"weather": "fine"}
    assert history.trial.as_json()["weather"] == "fine"


texts = st.none() | st.text(max_size=8)
seconds = st.floats(-10, 1000).map(lambda value: round(value, 6))


@settings(deadline=None)
@given(
    st.builds(
        Event,
        at=seconds,
        kind=st.text(min_size=1, max_size=12),
        worker=texts,
        job=texts,
        due=st.none() | seconds,
        run=texts,
        fence=st.none() | st.integers(0),
        targets=st.none() | st.lists(st.text(max_size=4), max_size=3).map(tuple),
        calls=st.none() | st.dictionaries(st.text(max_size=4), st.integers(0), max_size=3),
        code=st.none() | st.integers(),
        extra=st.dictionaries(st.sampled_from(["x", "y"]), st.integers() | st.text(max_size=3)),
    )
)
def test_events_survive_the_round_trip(event: Event) -> None:
    assert event_from_json(json.loads(json.dumps(event.as_json()))) == event


def test_a_trial_survives_the_round_trip() -> None:
    trial = TrialLine(
        scenario="worker-crash",
        approach="redis-lock",
        runtime="process",
        seed=7,
        workers=("w1", "w2"),
        duration=30.0,
        grace=2.0,
        jobs=(
            JobLine("report", 0.5, 0.25, 0.1),
            JobLine("b", 1, 1, {"median": 1, "sigma": 0.4}),
            JobLine("spike-1", 1.0, 5.0, 0.0, 9.0),
        ),
        faults=(FaultLine("crash#1", "crash", 5.0), FaultLine("crash#2", "crash")),
        extra={"note": "x"},
    )
    assert trial_from_json(json.loads(json.dumps(trial.as_json()))) == trial


def test_a_missing_moment_may_be_given_by_the_reader() -> None:
    assert event_from_json({"kind": "run.started"}, at=3.5).at == 3.5
    assert event_from_json({"kind": "run.started", "at": 1}, at=3.5).at == 1
