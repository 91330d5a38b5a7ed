"""The pytest plugin on real servers, and when the session ends early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import Need
from tests.live.processes import comes_true, family, is_alive, kill

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

CRASH = """
SCENARIO = {
    "workers": 2,
    "duration": "6s",
    "grace": "1s",
    "jobs": [{"name": "report", "every": "500ms", "first": "450ms", "takes": "200ms"}],
    "faults": [{"crash": {"target": "running", "at": "2s", "restart_after": "1s"}}],
    "approaches": [{"redis-lock": {"ttl": "900ms"}}, "uncoordinated"],
}
"""

LIVE = f"""{CRASH}
import pytest
@pytest.mark.chaos(runtime="process")
def test_lock(chaos):
    outcome = chaos.run(SCENARIO, approach="redis-lock")
    outcome.assert_no_duplicates().assert_no_overlap().assert_recovers_within("3s")
    assert outcome.comparison.runtime == "process"
def test_nothing(chaos):
    chaos.run(SCENARIO, approach="uncoordinated").assert_no_duplicates()
"""

ENDLESS = """
def test_it(chaos):
    chaos.run(SCENARIO, duration="100s", repeat=REPEAT)
"""


def command(directory: Path, module: str, *options: str) -> list[str]:
    (directory / "test_it.py").write_text(module)
    (directory / "pytest.ini").write_text("[pytest]\n")
    words = ["-p", "harness.pytest_plugin", "-q", f"--basetemp={directory}/temporary", *options]
    return [sys.executable, "-m", "pytest", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CI": ""}


def test_a_live_run_passes_or_fails_as_a_simulated_one(tmp_path: Path, need: Need) -> None:
    need("redis")
    done = subprocess.run(
        command(tmp_path, LIVE, "--chaos-runtime=process"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "Violation: uncoordinated: duplicate is " in done.stdout
    assert "chaos: 2 scenarios, 2 trials, 1 violation; reports in " in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(("runtime", "repeat"), [("sim", 100_000), ("process", 1)])
def test_a_session_that_ends_early_leaves_no_process(
    tmp_path: Path, need: Need, runtime: str, repeat: int, number: signal.Signals
) -> None:
    need("redis")
    module = CRASH + ENDLESS.replace("REPEAT", str(repeat))
    started: list[tuple[int, float]] = []
    with subprocess.Popen(
        command(tmp_path, module, f"--chaos-runtime={runtime}"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as session:
        try:
            histories = tmp_path / "temporary" / "chaos"
            assert comes_true(
                lambda: any(path.stat().st_size for path in histories.rglob("*.jsonl"))
            )
            started = family(session.pid)
            assert started
            session.send_signal(number)
            out, _ = session.communicate(timeout=30)
            if number is signal.SIGINT:
                assert session.returncode == pytest.ExitCode.INTERRUPTED, out
            assert comes_true(lambda: not [one for one in started if is_alive(*one)])
        finally:
            session.kill()
            kill(started)
    assert not psutil.pid_exists(session.pid)
