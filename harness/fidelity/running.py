"""A scenario run for real and in simulation, from the same seeds, and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison.measured import Measured, Noise
from harness.comparison.request import Histories, Request
from harness.fidelity.agreement import compare
from harness.fidelity.model import Fidelity
from harness.verdict.tally import Tally

# From here on, in seconds, late timers explain waits that are longer live: their p95 may be off by
# as much.
_BUSY = 0.003

# How a comparison is run; the first in a real runtime, the second in virtual time.
Run = Callable[[Request], Measured]


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides as they were measured, and how well they agree.

    `simulated` is None where there was nothing to compare with: stopped early, or none ran live.
    """

    live: Measured
    simulated: Measured | None
    fidelity: Fidelity


def measure_fidelity(live: Request, simulated: int, run_live: Run, run_simulated: Run) -> Sides:
    """Run `live`, then as many trials as `simulated` says of each approach that ran; compare.

    Live trials go first, as nothing may disturb them. Both sides begin with the same seed, so that
    trials of one number face the same planned faults. Histories lie below the request's directory,
    in `live` and `simulated`; raises OSError where these cannot be made.
    """
    real = run_live(replace(live, directory=_below(live.directory, "live")))
    if real.interrupted or not any(real.tallies.values()):
        return Sides(real, None, _compared(live, real, None))
    request = replace(
        live,
        runtime="sim",
        repeat=simulated,
        directory=_below(live.directory, "simulated"),
        at_once=None,
        histories=Histories.FAILING,
        scenario=replace(
            live.scenario,
            approaches=tuple(one for one in live.scenario.approaches if real.tallies.get(one.name)),
        ),
    )
    model = run_simulated(request)
    return Sides(real, model, _compared(live, real, model))


def _compared(request: Request, real: Measured, model: Measured | None) -> Fidelity:
    names = [one.name for one in request.scenario.approaches]
    fidelity = compare(
        _in_order(real.tallies, names),
        _in_order(model.tallies if model is not None else {}, names),
        request.scenario.name,
    )
    skipped = {
        result.approach: result.skipped
        for side in (model, real)
        if side is not None
        for result in side.results
        if result.skipped is not None
    }
    return replace(
        fidelity,
        left_out={**fidelity.left_out, **skipped},
        notes=(*fidelity.notes, *_busy(real.noise)),
    )


def _busy(noise: Noise | None) -> tuple[str, ...]:
    if noise is None or noise.p99 < _BUSY:
        return ()
    late = f"{noise.p99 * 1000:.1f} ms late (p99), {noise.max * 1000:.1f} ms at most"
    return (f"The machine was busy while live trials ran: its timers were {late}.",)


def _in_order(
    tallies: Mapping[str, Sequence[Tally]], names: Sequence[str]
) -> dict[str, Sequence[Tally]]:
    return {name: tallies.get(name, ()) for name in names}


def _below(directory: Path, side: str) -> Path:
    (directory / side / "histories").mkdir(parents=True)
    return directory / side
