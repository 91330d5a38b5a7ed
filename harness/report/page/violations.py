"""What went wrong in a trial, as a reader steps through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.report.stories.violations import TOO_MANY
from harness.verdict.model import Expected, Extra, Outcome, Run, Together, Verdict

# Violations that meet within so many seconds of the first are one stop.
_ONE_STOP = 5.0
# Workers named in one sentence, at most.
_NAMED = 4

_MISSED = {
    Outcome.NEVER_STARTED: "never started",
    Outcome.LOST: "lost with its worker",
    Outcome.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One of them: `kind` is overlap, extra, missed, held or unrecovered. Times in seconds."""

    kind: str
    start: float
    end: float
    title: str
    detail: str


def troubles(verdict: Verdict) -> list[float]:
    """The moments at which a run was one too many, met another, or was missing."""
    return [
        *(run.started for run in verdict.runs if run.extra in TOO_MANY),
        *(overlap.start for overlap in verdict.overlaps),
        *(expected.due for expected in verdict.expected if expected.outcome.missed),
    ]


def violations(verdict: Verdict) -> list[Trouble]:
    """All of a trial, by start. Leases held twice and jobs that never went on are among them."""
    by_run = {run.run: run.worker for run in verdict.runs}
    by_lease = {hold.lease: hold.worker for hold in verdict.holds}
    found = [_overlap(one, by_run) for one in verdict.overlaps]
    found += [_extra(run) for run in verdict.runs if run.extra in TOO_MANY]
    found += [_missed(one) for one in verdict.expected if one.outcome.missed]
    found += [_held(one, by_lease) for one in verdict.double_holds]
    found += [
        Trouble(
            "unrecovered",
            sample.at,
            sample.at + sample.seconds,
            f"{sample.what}: not recovered",
            f"nobody started it again after {sample.fault}",
        )
        for sample in verdict.failover
        if sample.censored
    ]
    return sorted(found, key=lambda one: one.start)


def stops(found: Sequence[Trouble]) -> list[tuple[float, float, str]]:
    """What belongs together in time, by start: from, to, and what it is.

    What never ended does not take in all that comes after it.
    """
    together: list[tuple[float, float, list[Trouble]]] = []
    for one in found:
        end = one.start if one.kind == "unrecovered" else one.end
        if together:
            first, last, members = together[-1]
            if one.start <= last and one.start - first <= _ONE_STOP:
                together[-1] = first, max(last, end), [*members, one]
                continue
        together.append((one.start, end, [one]))
    return [(start, end, _titles(members)) for start, end, members in together]


def _titles(members: Sequence[Trouble]) -> str:
    # What ran twice says more than what was held twice.
    first = next((one for one in members if one.kind != "held"), members[0])
    more = len(members) - 1
    return first.title + (f", and {more} more" if more else "")


def _overlap(one: Together, workers: dict[str, str]) -> Trouble:
    return Trouble(
        "overlap",
        one.start,
        one.end,
        f"{one.what}: {one.most} runs at once",
        f"on {_names(workers.get(name, name) for name in one.who)}",
    )


def _held(one: Together, workers: dict[str, str]) -> Trouble:
    return Trouble(
        "held",
        one.start,
        one.end,
        f"lease {one.what} held by {one.most} at once",
        _names(workers.get(name, name) for name in one.who),
    )


def _extra(run: Run) -> Trouble:
    due = "" if run.due is None else f" due {run.due:g} s"
    how = "beside another run of it" if run.extra is Extra.OVERLAPPING else "after it had been run"
    title = f"{run.job}{due}: one run too many"
    return Trouble("extra", run.started, run.ended, title, f"{run.worker} ran it {how}")


def _missed(one: Expected) -> Trouble:
    title = f"{one.job} due {one.due:g} s: {_MISSED[one.outcome]}"
    who = _names(run.worker for run in one.runs)
    return Trouble("missed", one.due, one.due, title, f"tried by {who}" if who else "")


def _names(workers: Iterable[str]) -> str:
    names = list(dict.fromkeys(workers))
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
