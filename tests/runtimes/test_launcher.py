"""Nothing outlives the runner: no process, no directory, whatever ends it."""

import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import harness
from harness.coordinators.server import Launcher as LauncherPort
from harness.runtimes.launcher import Launcher, LauncherError, clean_stale

ROOT = Path(harness.__file__).parent.parent
PATIENCE = 20.0  # s; to start things, on a busy machine
PROMPT = 5.0  # s; to be gone

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")

# A runner: starts a plain child, a stopped one, and one that leaves two orphans in sessions of
# their own, of which one keeps our environment and the other only our log. Then it ends somehow.
RUNNER = """
import json, os, signal, sys, time
from pathlib import Path
from harness.runtimes.launcher import Launcher

# Whoever runs the tests under nohup has it ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with Launcher(Path(sys.argv[1])) as launcher:
    d = launcher.directory
    def spawn(*command):
        return launcher.spawn(command, cwd=d, log=d / "server.log").pid
    plain = spawn("sleep", "1000")
    stopped = spawn("sleep", "1000")
    os.kill(stopped, signal.SIGSTOP)
    spawn("sh", "-c", "setsid sh -c 'echo $$ > one; exec sleep 1000 > /dev/null 2>&1' &"
                      "env -i setsid sh -c 'echo $$ > two; kill -STOP $$; exec sleep 1000' &")
    def orphan(name):
        while not (d / name).exists() or not (d / name).read_text().endswith("\\n"):
            time.sleep(0.01)
        return int((d / name).read_text())
    print(json.dumps({"directory": str(d), "reaper": launcher._reaper.pid,
                      "pids": [plain, stopped, orphan("one"), orphan("two")]}), flush=True)
    ENDING
"""


class Runner:
    """A runner that is up, in a process group of its own, and what it started."""

    def __init__(self, ending: str, temporary: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER.replace("ENDING", ending), str(temporary)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.directory = Path(told["directory"])
        self.reaper: int = told["reaper"]
        self.started: list[tuple[int, float]] = []
        for pid in told["pids"]:
            # One that is gone already is for the ending that is so fast.
            try:
                self.started.append((pid, psutil.Process(pid).create_time()))
            except psutil.NoSuchProcess:
                continue

    def alive(self) -> list[int]:
        return [pid for pid, created in self.started if is_alive(pid, created)]

    def is_cleared(self) -> bool:
        return not self.alive() and not self.directory.exists() and not is_alive(self.reaper)


def is_alive(pid: int, created: float | None = None) -> bool:
    try:
        process = psutil.Process(pid)
        same = created is None or process.create_time() == created
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def comes_true(condition: Callable[[], bool], within: float = PATIENCE) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Runner]]:
    runners: list[Runner] = []

    def start(ending: str) -> Runner:
        runners.append(Runner(ending, tmp_path))
        return runners[-1]

    yield start
    for runner in runners:
        for pid in [*runner.alive(), runner.process.pid]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        runner.process.communicate()


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_runner_leaves_nothing(
    start: Callable[[str], Runner], number: signal.Signals
) -> None:
    runner = start("time.sleep(1000)")
    assert len(runner.alive()) == 4
    runner.process.send_signal(number)
    runner.process.wait(PATIENCE)
    assert comes_true(runner.is_cleared, PROMPT), runner.alive()


@pytest.mark.live
def test_kill_9_of_the_whole_process_group_leaves_nothing(start: Callable[[str], Runner]) -> None:
    runner = start("time.sleep(1000)")
    assert len(runner.alive()) == 4
    os.killpg(runner.process.pid, signal.SIGKILL)
    runner.process.wait(PATIENCE)
    assert comes_true(runner.is_cleared, PROMPT), runner.alive()


@pytest.mark.live
@pytest.mark.parametrize("ending", ["raise RuntimeError", "sys.exit(3)", "os._exit(1)", "pass"])
def test_a_runner_that_ends_by_itself_leaves_nothing(
    start: Callable[[str], Runner], ending: str
) -> None:
    runner = start(f"sys.stdout.close(); time.sleep(0.5); {ending}")
    runner.process.wait(PATIENCE)
    assert comes_true(runner.is_cleared, PROMPT), runner.alive()


@pytest.mark.live
def test_the_reaper_ignores_what_ends_a_foreground_job(start: Callable[[str], Runner]) -> None:
    runner = start("time.sleep(1000)")
    ignored = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    mask = sum(1 << (number - 1) for number in ignored)

    def ignores() -> bool:
        status = Path(f"/proc/{runner.reaper}/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith("SigIgn:"))
        return int(line.split()[1], 16) & mask == mask

    assert comes_true(ignores)
    for number in ignored:
        os.kill(runner.reaper, number)
    runner.process.kill()
    runner.process.wait(PATIENCE)
    assert comes_true(runner.is_cleared, PROMPT), runner.alive()


@pytest.mark.live
def test_without_a_reaper_children_die_and_a_later_call_clears_the_rest(
    start: Callable[[str], Runner], tmp_path: Path
) -> None:
    runner = start("time.sleep(1000)")
    os.kill(runner.reaper, signal.SIGKILL)
    assert comes_true(lambda: not is_alive(runner.reaper))
    runner.process.kill()
    runner.process.wait(PATIENCE)
    orphans = [pid for pid, _ in runner.started[2:]]
    assert comes_true(lambda: runner.alive() == orphans, PROMPT)
    assert runner.directory.exists()
    assert clean_stale(tmp_path) == [str(runner.directory)]
    assert comes_true(runner.is_cleared, PROMPT)


@pytest.mark.live
def test_a_launcher_ends_its_processes_and_removes_its_directory(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        port: LauncherPort = launcher
        directory = port.directory
        assert directory.parent == tmp_path
        assert directory.stat().st_mode & 0o777 == 0o755
        process = port.spawn(["sleep", "1000"], cwd=directory, log=directory / "log")
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL
    assert not directory.exists()


@pytest.mark.live
def test_a_launcher_clears_up_although_its_reaper_was_killed(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        directory = launcher.directory
        process = launcher.spawn(["sleep", "1000"], cwd=directory, log=directory / "log")
        assert launcher._reaper is not None
        launcher._reaper.kill()
        launcher._reaper.wait()
        with pytest.raises(LauncherError, match="reaper"):
            launcher.spawn(["true"], cwd=directory, log=directory / "log")
    assert process.returncode == -signal.SIGKILL
    assert not directory.exists()


@pytest.mark.live
def test_output_and_errors_go_to_the_log_and_the_environment_is_added(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        log = launcher.directory / "log"
        for word in ("one", "two"):
            launcher.spawn(
                ["sh", "-c", 'echo $WORD; pwd >&2; test -n "$PATH" || echo no path'],
                cwd=launcher.directory,
                log=log,
                env={"WORD": word},
            ).wait(PATIENCE)
        assert log.read_text() == f"one\n{launcher.directory}\ntwo\n{launcher.directory}\n"


@pytest.mark.live
def test_a_command_that_does_not_exist_is_an_oserror(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher, pytest.raises(FileNotFoundError):
        launcher.spawn(["/no/such"], cwd=launcher.directory, log=launcher.directory / "log")


@pytest.mark.live
def test_nothing_is_started_from_a_thread_whose_end_would_kill_it(tmp_path: Path) -> None:
    raised: list[Exception] = []
    with Launcher(tmp_path) as launcher:

        def spawn() -> None:
            try:
                launcher.spawn(["true"], cwd=launcher.directory, log=launcher.directory / "log")
            except LauncherError as error:
                raised.append(error)

        thread = threading.Thread(target=spawn)
        thread.start()
        thread.join()
    assert "main thread" in str(raised[0])


def test_nothing_is_started_outside_of_the_context(tmp_path: Path) -> None:
    with pytest.raises(LauncherError):
        Launcher(tmp_path).spawn(["true"], cwd=tmp_path, log=tmp_path / "log")


def test_elsewhere_than_on_linux_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LauncherError, match="need Linux"), Launcher(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@as_root
@pytest.mark.live
def test_another_user_may_work_in_the_directory_and_dies_with_the_runner() -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from harness.runtimes.launcher import Launcher\n"
        "with Launcher(Path(sys.argv[1])) as launcher:\n"
        "    d = launcher.directory\n"
        "    p = launcher.spawn(['sleep', '1000'], cwd=d, log=d / 'log', user='nobody')\n"
        "    launcher._reaper.kill()  # so that it is the kernel alone that ends the process\n"
        "    launcher._reaper.wait()\n"
        "    print(p.pid, flush=True)\n"
        "    time.sleep(1000)\n"
    )
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        runner = subprocess.Popen(
            [sys.executable, "-c", script, place],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        assert runner.stdout is not None
        server = psutil.Process(int(runner.stdout.readline()))
        nobody = pwd.getpwnam("nobody")
        assert set(server.uids()) == {nobody.pw_uid}
        assert set(server.gids()) == {nobody.pw_gid}
        runner.kill()
        runner.communicate()
        assert comes_true(lambda: not is_alive(server.pid), PROMPT)
        assert len(clean_stale(Path(place))) == 1


@pytest.mark.live
def test_clean_stale_spares_the_living_and_strangers(tmp_path: Path) -> None:
    def old(path: Path) -> Path:
        path.mkdir()
        os.utime(path, (0, 0))
        return path

    results = old(tmp_path / "harness-results")
    newborn = tmp_path / "harness-000000000001"
    newborn.mkdir()
    dead = old(tmp_path / "harness-000000000002")
    (dead / "owner").touch()
    unowned = old(tmp_path / "harness-000000000003")
    (tmp_path / "harness-000000000004").touch()
    (tmp_path / "harness-000000000005").symlink_to(results)
    spared = set(tmp_path.iterdir()) - {dead, unowned}
    with Launcher(tmp_path) as launcher:
        process = launcher.spawn(
            ["sleep", "1000"], cwd=launcher.directory, log=launcher.directory / "log"
        )
        assert clean_stale(tmp_path) == [str(dead), str(unowned)]
        assert launcher.directory.exists()
        assert process.poll() is None
    assert set(tmp_path.iterdir()) == spared
