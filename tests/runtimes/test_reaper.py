"""The reaper tells its own from strangers, and only then kills."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.runtimes import reaper

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start(mark: str | None = None, output: Path | None = None) -> subprocess.Popen[bytes]:
        env = {**os.environ, reaper.MARK: mark} if mark is not None else None
        with (output or Path(os.devnull)).open("wb") as out:
            started.append(subprocess.Popen(["sleep", "1000"], env=env, stdout=out))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "harness-a"
    (directory / "deep").mkdir(parents=True)
    return directory


def test_what_carries_the_mark_or_writes_there_belongs(start: Start, directory: Path) -> None:
    for ours in (start(mark=str(directory)), start(output=directory / "deep" / "log")):
        deadline = time.monotonic() + 5
        # A program that was just started has no environment for a moment.
        while not reaper.belongs(ours.pid, directory):
            assert time.monotonic() < deadline


def test_neighbours_and_strangers_do_not_belong(start: Start, directory: Path) -> None:
    neighbour = directory.with_name("harness-ab")
    neighbour.mkdir()
    for stranger in (
        start(),
        start(mark=str(neighbour)),
        start(mark=f"{directory}/deep"),
        start(output=neighbour / "log"),
    ):
        assert not reaper.belongs(stranger.pid, directory)
    assert not reaper.belongs(os.getpid(), directory)


def test_a_zombie_does_not_belong(start: Start, directory: Path) -> None:
    process = start(mark=str(directory), output=directory / "log")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not reaper.belongs(process.pid, directory)


def test_clear_kills_its_own_spares_others_and_removes_the_directory(
    start: Start, directory: Path
) -> None:
    ours = start(mark=str(directory)), start(output=directory / "log")
    stranger = start()
    assert reaper.clear(directory)
    assert [process.wait(5) for process in ours] == [-9, -9]
    assert stranger.poll() is None
    assert not directory.exists()


def test_clear_of_what_is_gone_is_harmless(directory: Path) -> None:
    assert reaper.clear(directory)
    assert reaper.clear(directory)


def test_a_pid_that_changed_hands_before_the_signal_is_not_hit(
    start: Start, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = start()
    looks = iter([True])  # at the first look its previous owner was there, and ours
    genuine = reaper.belongs
    monkeypatch.setattr(
        reaper,
        "belongs",
        lambda pid, place: (pid == stranger.pid and next(looks, False)) or genuine(pid, place),
    )
    assert reaper.clear(directory)
    assert next(looks, None) is None
    assert stranger.poll() is None


def test_clear_gives_up_on_what_cannot_be_removed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    assert not reaper.clear(directory, patience=0.2)
    assert directory.exists()


def test_it_needs_nothing_but_the_standard_library(directory: Path) -> None:
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", reaper.__file__, str(directory)],
        cwd="/",
        env={},
        stdin=subprocess.PIPE,
    )
    assert guard.stdin is not None
    assert guard.poll() is None
    assert directory.exists()
    guard.stdin.close()
    assert guard.wait(20) == 0
    assert not directory.exists()
