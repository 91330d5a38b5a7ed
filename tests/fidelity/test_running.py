from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.comparison.measured import Measured, Noise
from harness.comparison.request import Histories, Request
from harness.fidelity.model import Finding
from harness.fidelity.running import measure_fidelity
from harness.verdict.result import skipped, summarize
from harness.verdict.tally import Tally
from tests.fidelity.building import trials
from tests.small_scenario import choice, small


class Runs:
    """Stands for a runtime: gives the trials it was made with, and keeps what it was asked."""

    def __init__(
        self, tallies: Mapping[str, Sequence[Tally]], lacking: str = "", interrupted: bool = False
    ) -> None:
        self.asked: list[Request] = []
        self.noise: Noise | None = None
        self._tallies = tallies
        self._lacking = lacking
        self._interrupted = interrupted

    def __call__(self, request: Request) -> Measured:
        assert (request.directory / "histories").is_dir()
        self.asked.append(request)
        results = [summarize(name, list(some)) for name, some in self._tallies.items()]
        if self._lacking:
            results.append(skipped(self._lacking, "no redis here"))
        return Measured(
            results=tuple(results),
            tallies=self._tallies,
            verdicts={},
            about={},
            noise=self.noise,
            interrupted=self._interrupted,
        )


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    return Request(
        scenario=small(approaches=(choice("uncoordinated"), choice("redis-lock"))),
        runtime="process",
        seed=7,
        repeat=10,
        directory=tmp_path,
        at_once=2,
    )


def test_both_sides_run_from_the_same_seed_and_are_compared(request_: Request) -> None:
    same = {"uncoordinated": trials(30, 1), "redis-lock": trials(30, 2)}
    live, simulated = Runs(same), Runs(same)
    sides = measure_fidelity(request_, 200, live, simulated)
    assert sides.fidelity.finding is Finding.AGREES
    assert sides.fidelity.scenario == request_.scenario.name
    assert list(sides.fidelity.trials) == [one.name for one in request_.scenario.approaches]
    (real,), (model,) = live.asked, simulated.asked
    assert replace(real, directory=request_.directory) == request_
    assert (model.runtime, model.seed, model.repeat) == ("sim", 7, 200)
    assert model.at_once is None
    assert model.histories is Histories.FAILING
    assert real.directory != model.directory


def test_an_approach_that_could_not_run_live_is_not_simulated(request_: Request) -> None:
    live = Runs({"uncoordinated": trials(3, 1)}, lacking="redis-lock")
    simulated = Runs({"uncoordinated": trials(20, 1)})
    sides = measure_fidelity(request_, 20, live, simulated)
    assert [one.name for one in simulated.asked[0].scenario.approaches] == ["uncoordinated"]
    assert sides.fidelity.left_out == {"redis-lock": "no redis here"}
    assert sides.fidelity.broken == ()


def test_stopped_while_live_there_is_no_simulation(request_: Request) -> None:
    live, simulated = Runs({"uncoordinated": trials(3, 1)}, interrupted=True), Runs({})
    sides = measure_fidelity(request_, 20, live, simulated)
    assert sides.simulated is None
    assert simulated.asked == []
    assert sides.fidelity.rows == ()


def test_where_nothing_ran_live_there_is_nothing_to_simulate(request_: Request) -> None:
    simulated = Runs({})
    sides = measure_fidelity(request_, 20, Runs({}, lacking="redis-lock"), simulated)
    assert simulated.asked == []
    assert sides.fidelity.finding is Finding.TOO_LITTLE


@pytest.mark.parametrize(("late", "notes"), [(0.001, 0), (0.02, 1)])
def test_a_busy_machine_is_called_one(request_: Request, late: float, notes: int) -> None:
    same = {"uncoordinated": trials(20, 1)}
    live = Runs(same)
    live.noise = Noise(p99=late, max=0.5)
    sides = measure_fidelity(request_, 20, live, Runs(same))
    assert len(sides.fidelity.notes) == notes
    assert all("20.0 ms late (p99), 500.0 ms at most" in one for one in sides.fidelity.notes)
