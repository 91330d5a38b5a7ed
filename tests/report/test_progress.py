"""What is said while trials go on."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from harness.report.progress import LiveProgress


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("harness.report.progress.time.monotonic", lambda: self.now)


def log() -> tuple[LiveProgress, StringIO]:
    target = StringIO()
    return LiveProgress(Console(file=target, width=100)), target


def test_a_simulation_says_what_runs_and_soon_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    progress, target = log()
    with progress:
        progress.simulating(1000, 2)
        for _ in range(10):
            clock.now += 0.3
            progress.reached(100, 0.0)
        clock.now += 7.0
        progress.reached(312, 0.5)
        clock.now += 10.0
        progress.reached(500, 0.0)
    assert target.getvalue().splitlines() == [
        "simulating 1000 trials on 2 cores",
        "100/1000 trials, 19 s left",
        "500/1000 trials, 20 s left",
    ]


def test_one_long_trial_counts_by_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    progress, target = log()
    with progress:
        progress.simulating(1, 1)
        clock.now += 3.0
        progress.reached(0, 0.0)
        clock.now += 3.0
        progress.reached(0, 0.01)
    assert target.getvalue().splitlines() == [
        "simulating 1 trial on 1 core",
        "0/1 trials, 10 min left",
    ]


def test_live_trials_say_beforehand_how_long_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    progress, target = log()
    with progress:
        progress.running(8, 4, 30.0)
        clock.now += 11.0
        progress.tick()
    assert target.getvalue().splitlines() == [
        "running 8 trials, 4 side by side: about 60 s",
        "0/8 trials, 49 s left",
    ]


def test_on_a_terminal_it_is_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    target = StringIO()
    progress = LiveProgress(Console(file=target, width=100, force_terminal=True))
    with progress:
        progress.simulating(10, 2)
        clock.now += 1.0
        progress.reached(2, 0.5)
    assert "2/10 trials" in target.getvalue()
    assert "3 s left" in target.getvalue()
