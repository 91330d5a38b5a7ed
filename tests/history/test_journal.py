"""Writing a history: on disk at once, and never over an older one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.history.event import Event
from harness.history.journal import Journal, encode, encode_event
from harness.history.reading import read_history
from harness.history.trial import JobLine, TrialLine

TRIAL = TrialLine(
    scenario="small",
    approach="any",
    runtime="sim",
    seed=7,
    workers=("w1",),
    duration=4.0,
    grace=1.0,
    jobs=(JobLine("report", 1.0, 1.0),),
)


def test_what_is_recorded_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    events = (
        Event(at=-0.25, kind="worker.ready", worker="w1"),
        Event(at=1.0, kind="run.failed", worker="w1", job="report", run="w1/1", error="ünlucky\n"),
    )
    with Journal(path, TRIAL) as journal:
        for event in events:
            journal.record(event)
    history = read_history(path)
    assert history.trial == TRIAL
    assert history.events == events


def test_an_event_is_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with Journal(path, TRIAL) as journal:
        assert read_history(path).events == ()
        journal.record(Event(at=1.0, kind="run.started", run="1"))
        assert len(read_history(path).events) == 1


def test_times_are_written_with_microseconds(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with Journal(path, TRIAL) as journal:
        journal.record(Event(at=1 / 3, kind="run.started"))
    assert path.read_text().splitlines()[1] == '{"at":0.333333,"kind":"run.started"}'


EVENTS = st.builds(
    Event,
    at=st.floats(-10, 1e6),
    kind=st.text(min_size=1),
    worker=st.none() | st.text(),
    due=st.none() | st.floats(0, 1e6),
    fence=st.none() | st.integers(),
    targets=st.none() | st.lists(st.text()).map(tuple),
    calls=st.none() | st.dictionaries(st.text(), st.integers()),
    extra=st.dictionaries(st.sampled_from(["handle", "x"]), st.text() | st.booleans()),
)


@given(EVENTS)
def test_the_quick_encoding_of_an_event_is_that_of_its_json(event: Event) -> None:
    assert encode_event(event) == encode(event.as_json())


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with Journal(path, TRIAL, buffered=True) as journal, Journal(None, TRIAL) as without_file:
        for count in range(3):
            journal.record(Event(at=count, kind="run.started"))
            without_file.record(Event(at=count, kind="run.started"))
    assert journal.checksum == without_file.checksum == crc32(path.read_bytes())


def test_an_older_history_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    Journal(path, TRIAL).close()
    with pytest.raises(FileExistsError):
        Journal(path, TRIAL)


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    with Journal(tmp_path / "history.jsonl", TRIAL) as journal:
        journal.close()


WRITER = """
import os, signal, sys
from pathlib import Path
from harness.history.event import Event
from harness.history.journal import Journal
from harness.history.trial import JobLine, TrialLine

trial = TrialLine(scenario="s", approach="a", runtime="sim", seed=1, workers=(), duration=4.0,
                  grace=1.0, jobs=(JobLine("report", 1.0, 1.0),))
journal = Journal(Path(sys.argv[1]), trial)
for number in range(100):
    journal.record(Event(at=float(number), kind="run.started", run=str(number)))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_recorded_survives_a_kill_of_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(path)],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    history = read_history(path)
    assert len(history.events) == 100
    assert not history.torn
