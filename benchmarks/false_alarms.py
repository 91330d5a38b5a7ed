"""How often does the gate fail where nothing changed? Pairs of the same simulation, other seeds.

Prints, for each scenario, how many of the pairs failed and by what, and how many with the same
seeds; then how often the gate finds a measure of one approach that is made worse by a part. On two
cores about four minutes for 800 trials of worker-crash, or 2000 of gc-pause:
`python benchmarks/false_alarms.py [--pairs 100] [--trials 20] [--again 0] [NAME...]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeVar

from harness.approaches import APPROACHES
from harness.comparison.request import Histories, Request
from harness.comparison.simulated import SimulatedComparison
from harness.faults import FAULTS
from harness.gate.figures import Figures, Record, Report, figures
from harness.gate.judging import against
from harness.gate.measures import MEASURES, Quantile
from harness.gate.model import Case, Status, worst
from harness.report.configuration import configurations
from harness.report.model import Comparison
from harness.runtimes.calibration import default_calibration
from harness.scenario.loading import load_scenario
from harness.scenario.model import Catalog
from harness.verdict.measures import MEASURES as NAMES
from harness.verdict.model import Result

ValueT = TypeVar("ValueT")
CATALOG = Catalog(approaches=APPROACHES, faults=FAULTS, measures=NAMES)


class Quiet:
    """Whoever does not follow a comparison."""

    def simulating(self, trials: int, processes: int) -> None:
        """Nothing."""

    def reached(self, over: int, under_way: float) -> None:
        """Nothing."""


def simulated(name: str, trials: int, seed: int) -> dict[str, Figures]:
    """So many trials of each approach of a scenario of the library."""
    scenario = load_scenario(Path("scenarios") / f"{name}.yaml", CATALOG)
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "histories").mkdir()
        request = Request(
            scenario=scenario,
            runtime="sim",
            seed=seed,
            repeat=trials,
            directory=Path(directory),
            histories=Histories.NONE,
        )
        run = SimulatedComparison(request, default_calibration(), Quiet())
        measured = run.measured(run.run(lambda: False))
    known = configurations(scenario)
    return {name: figures(name, one, known[name]) for name, one in measured.tallies.items()}


def cut(one: Figures, start: int, count: int) -> Figures:
    """Some of the trials."""
    there = slice(start, start + count)
    return replace(
        one,
        seeds=one.seeds[there],
        checksums=one.checksums[there],
        counts={name: row[there] for name, row in one.counts.items()},
        times={name: row[there] for name, row in one.times.items()},
    )


def dealt(pool: Mapping[str, Figures], turn: int) -> dict[str, Figures]:
    """The same trials in another order, the same for all approaches: other pairs come of it."""
    order = list(range(min(len(one.seeds) for one in pool.values())))
    Random(turn).shuffle(order)

    def put(row: tuple[ValueT, ...]) -> tuple[ValueT, ...]:
        return tuple(row[place] for place in order)

    return {
        name: replace(
            one,
            seeds=put(one.seeds),
            checksums=put(one.checksums),
            counts={each: put(row) for each, row in one.counts.items()},
            times={each: put(row) for each, row in one.times.items()},
        )
        for name, one in pool.items()
    }


def gated(name: str, old: Sequence[Figures], new: Sequence[Figures]) -> list[Case]:
    """What the gate says of the new ones."""
    before, after = (
        Record(scenario=name, runtime="sim", setting={}, about={}, approaches=tuple(side))
        for side in (old, new)
    )
    results = tuple(
        Result(approach=one.approach, trials=len(one.seeds), invalid_trials=0) for one in new
    )
    comparison = Comparison(name, "", "sim", 0, results, {}, {}, {})
    return against([Report(Path(), comparison, after)], [before])


def worse(one: Figures, measure: str, part: float) -> Figures:
    """The same with the measure's times or counts greater by that part."""
    known = next(each for each in MEASURES if each.name == measure)
    if isinstance(known, Quantile):
        row = tuple(tuple(value * (1 + part) for value in t) for t in one.times[known.times])
        return replace(one, checksums=(), times={**one.times, known.times: row})
    more = tuple(value * (1 + part) for value in one.counts[known.count])
    return replace(one, checksums=(), counts={**one.counts, known.count: more})


def alarms(name: str, pool: Mapping[str, Figures], pairs: int, trials: int) -> None:
    """Print how many of the pairs failed, with other seeds and with the same ones."""
    failed, same = 0, 0
    why: Counter[str] = Counter()
    for number in range(pairs):
        old, new = (
            [cut(one, (2 * number + side) * trials, trials) for one in pool.values()]
            for side in (0, 1)
        )
        cases = gated(name, old, new)
        if worst(cases) is not Status.PASSED:
            failed += 1
            why.update(f"{c.approach} {c.name}" for c in cases if c.status is not Status.PASSED)
        same += worst(gated(name, old, old)) is not Status.PASSED
    print(f"{name}: {failed} of {pairs} pairs failed ({trials} trials against {trials})")
    for what, count in why.most_common():
        print(f"  {count} times {what}")
    print(f"{name}: {same} of {pairs} with the same seeds failed")


def power(name: str, pool: Mapping[str, Figures], pairs: int, trials: int) -> None:
    """Print how often a change of one measure of one approach is found, in all that have it."""
    for part in (0.3, 0.5, 1.0):
        found: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        for number in range(pairs):
            old, new = (
                {name: cut(one, (2 * number + side) * trials, trials) for name, one in pool.items()}
                for side in (0, 1)
            )
            for measure in ("failover_p50", "takeover_p50", "missed", "calls_per_run"):
                approach = list(pool)[number % len(pool)]
                changed = {**new, approach: worse(new[approach], measure, part)}
                cases = gated(name, list(old.values()), list(changed.values()))
                mine = [c for c in cases if c.approach == approach and c.measure == measure]
                if any(case.figures.get("now") for case in mine):
                    asked[measure] += 1
                    found[measure] += any(case.status is Status.FAILED for case in mine)
        shown = ", ".join(f"{one} {found[one]} of {asked[one]}" for one in asked)
        print(f"{name}: worse by {part:.0%}, found: {shown}")


def main() -> None:
    """Measure each scenario that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=["gc-pause", "worker-crash"])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--again", type=int, default=0, help="deal the same trials so often")
    given = parser.parse_args()
    for name in given.scenarios:
        began = time.monotonic()
        pool = simulated(name, 2 * given.pairs * given.trials, given.seed)
        took = time.monotonic() - began
        print(f"{name}: {2 * given.pairs * given.trials} trials of each approach in {took:.0f} s")
        alarms(name, pool, given.pairs, given.trials)
        for turn in range(given.again):
            alarms(name, dealt(pool, turn), given.pairs, given.trials)
        power(name, pool, min(given.pairs, 2 * len(pool)), given.trials)


if __name__ == "__main__":
    main()
