"""Regressions planted in code and parameters, in simulation: the gate must find each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.approaches.approach import Grant
from harness.approaches.redis_locks import RedisLock, RedisSetnx
from harness.gate.figures import read
from harness.gate.identity import Across
from harness.gate.judging import Refused, against, alone
from harness.gate.model import Case, Status, worst
from harness.scenario.model import Job, Scenario
from tests.gate.reports import library, simulate
from tests.small_scenario import choice, small

# Two due times come while a job runs: a lock that ends before the job lets the second one in.
LONG = (Job(name="report", every=0.3, takes=0.7),)

pytestmark = pytest.mark.scenarios


def locked(ttl: float) -> Scenario:
    return small(jobs=LONG, approaches=(choice("redis-lock", ttl=ttl),))


def compared(old: Path, new: Path, *across: Across) -> dict[str, Case]:
    """What failed, by measure."""
    cases = against([read(new)], [read(old).record], across)
    return {case.measure: case for case in cases if case.status is Status.FAILED}


def test_a_ttl_halved_below_the_jobs_duration_is_refused_and_with_the_option_found(
    tmp_path: Path,
) -> None:
    old = simulate(locked(ttl=0.8), tmp_path / "old")
    new = simulate(locked(ttl=0.4), tmp_path / "new")
    with pytest.raises(Refused, match=r"redis-lock: ttl was 0\.8, is 0\.4; .*--across parameters"):
        compared(old, new)
    found = compared(old, new, Across.PARAMETERS)
    text = found["overlap"].text
    assert text.startswith("overlap: ")
    assert "baseline 0 of" in text
    assert "at once" in text
    assert "see seed 1" in text
    assert found["overlap"].look_at == str(new / "histories" / "redis-lock-1.jsonl")
    assert found["overlap"].page == f"{new}/index.html#small/redis-lock"


def test_a_ttl_halved_in_the_code_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = simulate(locked(ttl=0.8), tmp_path / "old")
    acquire = RedisLock.acquire

    async def halved(self: RedisLock, *given: Any) -> Grant | None:
        return await acquire(replace(self, ttl=self.ttl / 2), *given)

    monkeypatch.setattr(RedisLock, "acquire", halved)
    new = simulate(locked(ttl=0.8), tmp_path / "new")
    assert {"overlap"} <= compared(old, new).keys()


def test_a_default_that_changed_in_the_code_is_told(
    tmp_path: Path,
) -> None:
    plain = small(jobs=LONG, approaches=(choice("redis-lock"),))
    old, new = simulate(plain, tmp_path / "old"), simulate(locked(ttl=1.0), tmp_path / "new")
    with pytest.raises(Refused, match=r"ttl was 2\.0, is 1\.0"):
        compared(old, new)


def test_an_owner_check_removed_from_the_lock_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = library("gc-pause", "redis-lock")
    old = simulate(scenario, tmp_path / "old")
    monkeypatch.setattr(RedisLock, "release", RedisSetnx.release)
    new = simulate(scenario, tmp_path / "new")
    found = compared(old, new)
    assert "duplicate: 10 of 140, baseline 0 of 140" in found["duplicate"].text
    assert "overlapping" in found


@pytest.mark.parametrize("approach", ["zookeeper-lock", "zookeeper-leader"])
def test_a_session_timeout_doubled_is_found(approach: str, tmp_path: Path) -> None:
    old = simulate(library("worker-crash", approach), tmp_path / "old", repeat=12)
    slow = library("worker-crash", approach, session_timeout=4.0)
    new = simulate(slow, tmp_path / "new", repeat=12, seed=100)
    with pytest.raises(Refused, match=r"session_timeout was 2\.0, is 4\.0"):
        compared(old, new)
    found = compared(old, new, Across.PARAMETERS)
    text = found["takeover_p50"].text
    assert re.match(r"takeover_p50: \d\.\d\d s -> \d\.\d\d s \(\+\d+ %; 95 %: \+\d+ to ", text)
    assert "12 trials against 12" in text


def test_the_way_back_is_an_improvement_that_is_told_and_passes(tmp_path: Path) -> None:
    slow = library("worker-crash", "zookeeper-lock", session_timeout=4.0)
    old = simulate(slow, tmp_path / "old", repeat=12)
    new = simulate(library("worker-crash", "zookeeper-lock"), tmp_path / "new", repeat=12)
    cases = against([read(new)], [read(old).record], {Across.PARAMETERS})
    assert worst(cases) is Status.PASSED
    better = {case.measure: case for case in cases if case.notable}
    assert better["failover_p50"].text.startswith("better: failover_p50: ")


def test_the_same_seeds_pass_byte_for_byte(tmp_path: Path) -> None:
    scenario = library("worker-crash", "redis-lock")
    old, new = (simulate(scenario, tmp_path / name) for name in ("old", "new"))
    (case,) = against([read(new)], [read(old).record])
    assert case.status is Status.PASSED
    assert "5 histories identical, byte for byte" in case.text


def test_other_seeds_pass(tmp_path: Path) -> None:
    scenario = library("worker-crash", "redis-lock")
    old = simulate(scenario, tmp_path / "old", repeat=20)
    new = simulate(scenario, tmp_path / "new", repeat=20, seed=500)
    cases = [*alone([read(new)]), *against([read(new)], [read(old).record])]
    assert worst(cases) is Status.PASSED
