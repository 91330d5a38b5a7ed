"""The plugin as a project of somebody else's sees it: sessions of pytest within ours, in sim."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import scipy.stats  # noqa: F401  these are slow to load: once for all sessions, not in each

import harness.pytest_plugin.running
import harness.report.writing
from harness.coordinators.found import Found
from harness.report.reading import read_report
from tests.command import run_harness

pytestmark = pytest.mark.commands

pytest_plugins = ["pytester"]

HEAVY = {"jinja2", "kazoo", "matplotlib", "numpy", "pandas", "psycopg", "pydantic", "redis"}
HEAVY |= {"rich", "scipy", "simpy", "typer", "yaml"}

Session = Callable[..., pytest.RunResult]

# `redis-lock` with a lease shorter than a pause: overlap every time.
PAUSED = """
duration: 12s
workers: 3
jobs:
  - {name: report, every: 1s, first: 700ms, takes: 600ms}
faults:
  - pause: {target: running, for: 4s, at: 2s}
approaches:
  - redis-lock: {ttl: 1800ms, key: job}
  - postgres-advisory-lock
expect:
  redis-lock: {overlap: 0}
"""

# Nobody runs anything when the crash is due, nor for the ten seconds that it waits.
NEVER_HIT = {
    "duration": "30s",
    "workers": 2,
    "jobs": [{"name": "report", "every": "14s", "takes": "100ms"}],
    "faults": [{"crash": {"target": "running", "at": "1s"}}],
    "approaches": ["redis-lock"],
}


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run a test module that is given as text, with these options."""
    # Only what a session names: the plugin is the same one, installed or not.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    monkeypatch.delenv("CI", raising=False)
    scenarios = pytester.mkdir("scenarios")
    (scenarios / "paused.yaml").write_text(PAUSED)

    def run(module: str, *options: str) -> pytest.RunResult:
        given = f"NEVER_HIT = {NEVER_HIT!r}\n" if "NEVER_HIT" in module else ""
        pytester.makepyfile(given + module)
        return pytester.runpytest_inprocess("-p", "harness.pytest_plugin", *options)

    return run


def test_a_test_passes_where_nothing_happened(session: Session) -> None:
    found = session("""
def test_reports_run_once(chaos):
    outcome = chaos.run("paused", approach="postgres-advisory-lock", repeat=3)
    outcome.assert_no_duplicates().assert_no_overlap().assert_recovers_within("5s")
    outcome.assert_none_missed(at_most=0.5).assert_measure("calls_per_run", at_least=0.1)
    assert outcome.result().trials == outcome.result("postgres-advisory-lock").trials == 3
    assert not (outcome.directory / "index.html").exists()
""")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines("chaos: 1 scenario, 3 trials, 0 violations")


def test_a_violation_says_what_was_seen_how_sure_and_where_to_look(session: Session) -> None:
    found = session("""
def test_reports_run_once(chaos):
    chaos.run("paused", approach="redis-lock", repeat=4, seed=7).assert_no_overlap()
""")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(
        [
            "*def test_reports_run_once*",
            "E *Violation: redis-lock: overlap is *, expected at most 0",
            "E *in 4 of 4 trials (51-100 %)",
            "E *first in the trial with seed 7: */histories/redis-lock-7.jsonl",
            "E *that trial again: harness run scenarios/paused.yaml * --seed 7",
            "E *all of it again: harness run scenarios/paused.yaml *",
            "E *report: */test-reports-run-once/index.html",
            "chaos: 1 scenario, 4 trials, 1 violation; reports in */chaos",
        ]
    )


def test_no_frame_of_the_plugin_is_shown(session: Session) -> None:
    found = session("""
def test_it(chaos):
    chaos.run("paused", approach="redis-lock", repeat=1).assert_no_overlap()
def test_bad(chaos):
    chaos.run("pause")
""")
    found.assert_outcomes(failed=2)
    found.stdout.no_fnmatch_line("*harness/pytest_plugin/*.py:*")


def test_the_report_and_the_histories_that_a_failure_names_are_there(
    session: Session, pytester: pytest.Pytester
) -> None:
    found = session("""
def test_it(chaos):
    chaos.run("paused", approach="redis-lock", repeat=2).assert_expectations()
""")
    lines = [line.removeprefix("E").strip() for line in found.outlines]
    [page] = [line for line in lines if line.startswith("report: ")]
    [history] = [line for line in lines if line.startswith("first in the trial")]
    directory = Path(page.removeprefix("report: ")).parent
    assert Path(history.partition(": ")[2]).is_file()
    assert read_report(directory).scenario == "paused"


def test_the_command_of_a_failure_repeats_it(session: Session, pytester: pytest.Pytester) -> None:
    found = session(
        """
def test_it(chaos):
    scenario = {
        "duration": "12s",
        "jobs": [{"name": "x", "every": "1s", "takes": "100ms"}],
        "approaches": ["uncoordinated"],
    }
    chaos.run(scenario, repeat=2, seed=5).assert_no_duplicates()
""",
        "--chaos-out=reports",
    )
    [line] = [line for line in found.outlines if "that trial again: " in line]
    words = shlex.split(line.partition("again: ")[2])
    assert words[0] == "harness"
    words[2] = str(pytester.path / words[2])
    again = run_harness(*words[1:], "--json", "--out", pytester.path / "again")
    assert again.code == 0, again.err
    [first] = (pytester.path / "reports").glob("*/histories/uncoordinated-5.jsonl")
    second = pytester.path / "again" / "histories" / "uncoordinated-5.jsonl"
    assert json.loads(again.out)["results"][0]["duplicate"] > 0
    assert first.read_text() == second.read_text()


def test_what_never_asks_for_a_lease_passes_no_test_about_leases(session: Session) -> None:
    found = session("""
def test_it(chaos):
    scenario = {
        "duration": "6s",
        "jobs": [{"name": "x", "every": "1s", "takes": "100ms"}],
        "approaches": ["uncoordinated", "redis-lock"],
    }
    outcome = chaos.run(scenario, repeat=1)
    outcome.assert_measure("double_hold", at_most=0, approach="redis-lock")
    outcome.assert_measure("double_hold", at_most=0, approach="uncoordinated")
""")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(
        "E *Inconclusive: uncoordinated: there was no double_hold to measure"
    )


def test_a_fault_that_did_not_land_is_no_pass_and_no_violation(session: Session) -> None:
    found = session("""
import pytest
def test_ignored(chaos):
    chaos.run(NEVER_HIT)
@pytest.mark.xfail(raises=AssertionError)
def test_expected_to_fail(chaos):
    chaos.run(NEVER_HIT).assert_no_duplicates()
""")
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines(
        [
            "E *Inconclusive: redis-lock: no valid trial: seed 1: *crash*",
            "chaos: * 0 violations, 2 inconclusive; reports in *",
        ]
    )


def test_nothing_measured_is_no_pass(session: Session) -> None:
    found = session("""
def test_it(chaos):
    scenario = {"duration": "10s", "jobs": [{"name": "x", "every": "1s"}]}
    chaos.run(scenario, approach="redis-lock").assert_recovers_within("3s")
""")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines("E *Inconclusive: redis-lock: there was no failover_max to measure")


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("run('pausd')", "pausd: no such scenario in *; did you mean 'paused'?"),
        ("run('no/such.yaml')", "no/such.yaml: No such file or directory"),
        ("run('paused', approach='redis-lok')", "*unknown approach 'redis-lok'; did you mean*"),
        ("run('paused', workers=0)", "workers: *"),
        ("run('paused', duration='20')", "duration: *has no unit*"),
        ("run('paused', runtime='simulated')", "runtime must be sim or process*"),
        ("run('paused', repeat=0)", "repeat must be a whole number from 1, not 0"),
        ("run({'jobs': [{'nam': 'x'}]})", "E *the scenario: jobs?0?.nam: unknown key*"),
        ("run({'jobs': [{'nam': 'x'}]})", "E *the scenario: duration: missing"),
        ("run({'jobs': {1, object()}})", "the scenario cannot be written as YAML*"),
        ("run('paused').result()", "which result is meant?*redis-lock, postgres-advisory-lock"),
        ("run('paused').assert_no_overlap('redis')", "'redis' did not run; did you mean*"),
        ("run('paused').assert_measure('overlaps', at_most=1)", "unknown measure 'overlaps'*"),
        ("run('paused').assert_measure('overlap')", "overlap: give at_most, at_least or both"),
        ("run('paused').assert_recovers_within('3')", "at_most *has no unit*"),
        (
            "run('paused', approach='postgres-advisory-lock').assert_expectations()",
            "paused expects nothing of what ran here*",
        ),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(session: Session, call: str, problem: str) -> None:
    found = session(f"def test_it(chaos):\n    chaos.{call}\n", "--chaos-repeat=1")
    found.assert_outcomes(failed=1)
    start = "" if problem.startswith("E ") else "E *UsageError: "
    found.stdout.fnmatch_lines(start + problem)


def test_a_call_goes_before_the_marker_and_that_before_the_options(session: Session) -> None:
    found = session(
        """
import pytest
def seeds(outcome):
    return [one.seed for one in outcome.comparison.tallies["postgres-advisory-lock"]]
@pytest.mark.chaos(repeat=2, seed=5)
def test_it(chaos):
    assert seeds(chaos.run("paused")) == [5, 6]
    assert seeds(chaos.run("paused", seed=9)) == [9, 10]
def test_options(chaos):
    assert seeds(chaos.run("paused")) == [3]
@pytest.mark.chaos(repeats=2)
def test_wrong(chaos):
    pass
""",
        "--chaos-seed=3",
        "--chaos-repeat=1",
    )
    found.assert_outcomes(passed=2, errors=1)
    found.stdout.fnmatch_lines("E *the marker chaos takes runtime, *; not repeats")


def test_the_configuration_file_has_the_defaults(
    session: Session, pytester: pytest.Pytester
) -> None:
    pytester.makeini(
        "[pytest]\nchaos_repeat = 2\nchaos_seed = 4\nchaos_out = kept\nchaos_scenarios = mine\n"
    )
    (pytester.path / "scenarios").rename(pytester.path / "mine")
    found = session("""
def test_it(chaos):
    outcome = chaos.run("paused", approach="postgres-advisory-lock")
    assert [one.seed for one in outcome.comparison.tallies["postgres-advisory-lock"]] == [4, 5]
""")
    found.assert_outcomes(passed=1)
    assert (pytester.path / "kept" / "test-it" / "index.html").is_file()


def test_with_a_place_for_reports_each_run_has_one_there(
    session: Session, pytester: pytest.Pytester
) -> None:
    module = 'def test_it(chaos):\n    chaos.run("paused", repeat=1)\n'
    for _ in range(2):
        found = session(module, "--chaos-out=out")
        found.stdout.fnmatch_lines(f"chaos: 1 scenario, 2 trials*; reports in {pytester.path}/out")
    pages = sorted(path.parent.name for path in (pytester.path / "out").glob("*/index.html"))
    assert pages == ["test-it", "test-it-2"]


def test_a_failure_of_another_kind_has_its_report_too(session: Session) -> None:
    found = session("""
def test_it(chaos):
    assert chaos.run("paused", approach="postgres-advisory-lock", repeat=1).result().once == -1
""")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*- chaos -*", "report: */index.html"])


def test_a_module_shares_a_run(session: Session) -> None:
    found = session("""
import pytest
@pytest.fixture(scope="module")
def outcome(chaos_module):
    return chaos_module.run("paused", repeat=1)
def test_queue(outcome):
    outcome.assert_no_overlap(approach="postgres-advisory-lock")
def test_lock(outcome):
    outcome.assert_no_overlap(approach="redis-lock")
""")
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines("chaos: 1 scenario, 2 trials, 1 violation; reports in *")


@pytest.mark.parametrize(
    ("options", "ci", "outcome"),
    [
        ((), "", "skipped"),
        ((), "true", "failed"),
        (("--chaos-strict",), "", "failed"),
        (("--no-chaos-strict",), "true", "skipped"),
    ],
)
def test_a_missing_coordinator_skips_the_test_or_fails_it(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    ci: str,
    outcome: str,
) -> None:
    lacking = [Found("redis", remedy="apt-get install redis-server"), Found("postgres", "there")]
    monkeypatch.setattr(harness.pytest_plugin.running, "locate", lambda _: lacking)
    monkeypatch.setenv("CI", ci)
    found = session(
        "def test_it(chaos):\n    chaos.run('paused', runtime='process')\n", "-rs", *options
    )
    found.assert_outcomes(**{outcome: 1})
    found.stdout.fnmatch_lines("*no redis on this machine; to get it: apt-get install redis*")


def test_the_processes_of_xdist_count_together(session: Session) -> None:
    found = session(
        """
import pytest
@pytest.mark.parametrize("approach", ["redis-lock", "postgres-advisory-lock"])
def test_it(chaos, approach):
    chaos.run("paused", approach=approach, repeat=2).assert_no_overlap()
""",
        *("-p", "xdist", "-n", "2"),
    )
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines("chaos: 1 scenario, 4 trials, 1 violation; reports in *")


def test_a_simulation_runs_in_any_thread(session: Session) -> None:
    found = session("""
from concurrent.futures import ThreadPoolExecutor
def test_it(chaos):
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(chaos.run, "paused", approach="postgres-advisory-lock", repeat=2)
        run.result().assert_no_overlap()
""")
    found.assert_outcomes(passed=1)


def test_an_async_test_is_told_to_be_a_plain_one(session: Session) -> None:
    found = session("""
import asyncio
def test_it(chaos):
    async def body():
        chaos.run("paused")
    asyncio.run(body())
""")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines("E *UsageError: chaos.run has an event loop of its own: *")


def test_a_suite_that_does_not_use_it_sees_nothing_of_it(session: Session) -> None:
    found = session("def test_it():\n    assert False\n")
    found.assert_outcomes(failed=1)
    found.stdout.no_fnmatch_line("chaos:*")


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    program = "import harness.pytest_plugin, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout))
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("harness.")} == {
        "harness.pytest_plugin",
        "harness.pytest_plugin.account",
        "harness.pytest_plugin.errors",
        "harness.pytest_plugin.settings",
    }
