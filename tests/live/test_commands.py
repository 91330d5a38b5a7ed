"""The commands as users meet them: exit codes, and one clear line a problem."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from harness.coordinators.found import Found
from harness.coordinators.sources import server_for
from harness.runtimes.launcher import Launcher
from tests.command import ROOT, Ran, run_harness, run_scenario
from tests.live.conftest import Need
from tests.live.processes import is_alive

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

FIVE_MISTAKES = """
name: Bad Name
duration: 10
jobs:
  - {name: report, every: 1s, tak: 100ms}
faults:
  - paus: {target: random, for: 1s, at: 1s}
approaches:
  - redis-lok
"""

SMALL = """
workers: 3
duration: 3s
grace: 500ms
jobs:
  - {name: report, every: 500ms, takes: 100ms}
faults:
  - pause: {target: random, every: 700ms, jitter: 200ms, for: 200ms}
approaches:
  - redis-lock
  - redis-setnx
"""

RESULTS = {"version", "scenario", "runtime", "seed", "results"}
RESULT = set(
    "approach trials invalid_trials expected once duplicate overrun late suppressed missed"
    " extra_runs overlap double_hold failover takeover outage lateness lease_wait calls_per_run"
    " intervals mechanisms skipped".split()
)
LATENCY = {"samples", "unrecovered", "p50", "p95", "p99", "max"}


def test_every_mistake_in_a_scenario_gets_a_line(tmp_path: Path) -> None:
    scenario = tmp_path / "bad.yaml"
    scenario.write_text(FIVE_MISTAKES)
    ran = run_harness("run", scenario, "--out", tmp_path / "out")
    lines = ran.err.splitlines()
    assert len(lines) == 5, ran.err
    assert all(line.startswith(f"{scenario}:") for line in lines)
    named = ("Bad Name", "duration", "takes", "pause", "redis-lock")
    assert all(name in line for name, line in zip(named, lines, strict=True)), ran.err
    assert ran.code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "no-such-scenario"), "no-such-scenario: no such scenario in scenarios/"),
        (("run", "steady", "--approach", "redis-lok"), "did you mean 'redis-lock'?"),
        (("run", "steady", "--duration", "5"), "--duration: "),
        (("run", "steady", "--duration", "soon"), "--duration: "),
        (("run", "steady", "--out", "HELD"), "HELD holds a run already"),
        (("validate", "no-such-scenario"), "no-such-scenario: no such scenario in scenarios/"),
        (("check", "no-such-history"), "no-such-history: No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_gets_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    held = tmp_path / "held"
    (held / "histories").mkdir(parents=True)
    arguments = tuple(argument.replace("HELD", str(held)) for argument in arguments)
    ran = run_harness(*arguments)
    assert len(ran.err.splitlines()) == 1, ran.err
    assert said.replace("HELD", str(held)) in ran.err
    assert ran.code == 2
    assert ran.out == ""


def test_where_nothing_can_run_each_approach_is_skipped_by_name(tmp_path: Path) -> None:
    nowhere = {"HARNESS_REDIS_URL": "redis://127.0.0.1:1", "PATH": ""}
    scenario = tmp_path / "small.yaml"
    scenario.write_text(SMALL)
    ran = run_scenario(scenario, tmp_path / "out", env=nowhere)
    assert ran.code == 3
    for name in ("redis-lock", "redis-setnx"):
        assert name in ran.err
        assert "HARNESS_REDIS_URL" in ran.results[name]["skipped"]
        assert ran.results[name]["trials"] == 0
    assert json.loads(ran.out) == ran.document


@pytest.fixture(scope="module")
def foreign(
    coordinators: dict[str, Found], need: Need, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Ran, int, dict[str, str]]]:
    """A run on somebody else's Redis: what came of it, that server's pid, and its keys after."""
    need("redis")
    if coordinators["redis"].source == "HARNESS_REDIS_URL":
        pytest.skip("the Redis of the environment is not ours to look into")
    server = server_for(coordinators["redis"])
    place = tmp_path_factory.mktemp("foreign")
    scenario = place / "small.yaml"
    scenario.write_text(SMALL)
    with Launcher() as launcher:
        asyncio.run(server.start(launcher))
        (node,) = server.nodes
        url = server.url([(node.host, node.port)])
        _redis(url, "SET", "theirs", "precious")
        _redis(url, "SET", "harness_theirs:report", "precious")
        ran = run_scenario(scenario, place / "out", "--seed", "11", env={"HARNESS_REDIS_URL": url})
        keys = {key: _redis(url, "GET", key) for key in _redis(url, "KEYS", "*")}
        assert node.pid is not None
        yield ran, node.pid, keys
        asyncio.run(server.stop())


def _redis(url: str, *command: str) -> Any:
    with Redis.from_url(url, decode_responses=True) as client:
        return client.execute_command(*command)


def test_a_given_server_is_used_and_left_as_it_was(
    foreign: tuple[Ran, int, dict[str, str]],
) -> None:
    ran, pid, keys = foreign
    assert ran.code == 0, ran.err
    assert "HARNESS_REDIS_URL" in ran.document["about"]["redis"]
    assert all(result["once"] > 0 for result in ran.results.values())
    assert is_alive(pid)
    assert keys == {"theirs": "precious", "harness_theirs:report": "precious"}


def test_the_same_seed_gives_all_approaches_the_same_faults(
    foreign: tuple[Ran, int, dict[str, str]],
) -> None:
    ran, _, _ = foreign
    # As people are shown them: in six digits.
    plans = [[(f.fault, float(f"{f.at:g}")) for f in h.trial.faults] for h in ran.histories()]
    assert len(plans) == 2
    assert plans[0] == plans[1]
    assert plans[0] == _planned(ran, seed=11)
    assert plans[0] != _planned(ran, seed=12)


def _planned(ran: Ran, seed: int) -> list[tuple[str, float]]:
    """The fault plan that `harness validate` shows for the seed."""
    scenario = ran.directory.parent / "small.yaml"
    said = run_harness("validate", scenario, "--seed", str(seed)).out
    lines = (line.split() for line in said.splitlines() if line.startswith("  at "))
    return [(words[3].rstrip(","), float(words[1])) for words in lines]


def test_stdout_is_the_json_and_nothing_else(ran: Callable[[str], Ran]) -> None:
    done = ran("steady")
    assert json.loads(done.out) == done.document
    assert done.document.keys() >= RESULTS
    for result in done.document["results"]:
        assert result.keys() >= RESULT
        assert all(result[name].keys() == LATENCY for name in ("failover", "takeover", "outage"))
        assert result["missed"].keys() == {"total", "never_started", "lost", "failed"}
        outcomes = result["once"] + result["duplicate"] + result["overrun"]
        assert outcomes + result["missed"]["total"] == result["expected"]


def test_a_run_writes_all_its_files(ran: Callable[[str], Ran]) -> None:
    done = ran("steady")
    written = {path.name for path in done.directory.iterdir()}
    files = "results.json trials.jsonl results.csv metrics.txt summary.md index.html"
    assert written == {*files.split(), "histories", "charts"}
    judged = [result for result in done.results.values() if not result["skipped"]]
    assert len(list(done.histories())) == len(judged)


def test_check_judges_histories_as_run_did(ran: Callable[[str], Ran]) -> None:
    done = ran("steady")
    paths = sorted((done.directory / "histories").iterdir())
    checked = run_harness("check", *paths, "--json")
    assert checked.code == 0
    document = json.loads(checked.out)
    assert document["version"] == 1
    assert [row["history"] for row in document["histories"]] == [str(path) for path in paths]
    for row in document["histories"]:
        assert row["torn"] is False
        assert row["partial"] is False
        result = done.results[row["approach"]]
        assert {name: row[name] for name in RESULT} == {name: result[name] for name in RESULT}


def test_list_names_all_there_is() -> None:
    ran = run_harness("list")
    assert ran.code == 0
    for name in ("worker-crash", "redis-lock", "partition"):
        assert name in ran.out


def test_the_library_is_valid() -> None:
    ran = run_harness("validate", *sorted((ROOT / "scenarios").glob("*.yaml")))
    assert ran.code == 0, ran.err
    assert "worker-crash: 5 workers for 30s" in ran.out


def test_doctor_says_what_this_machine_can_run(coordinators: dict[str, Found]) -> None:
    ran = run_harness("doctor")
    able = any(one.source is not None for one in coordinators.values())
    assert ran.code == (0 if able else 3), ran.err
    assert all(name in ran.out for name in coordinators)
