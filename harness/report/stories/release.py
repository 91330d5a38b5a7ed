"""A release that may have taken a lock from whoever had it, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.stories import wording as say
from harness.report.stories.record import Record
from harness.report.stories.violations import Violation
from harness.verdict.model import Held


def released(violation: Violation, record: Record) -> Iterator[str]:
    """What a release did to the lock of another: `redis-setnx` deletes it unseen.

    Told only where runs met from then on, one of them under the lock that it may have taken.
    """
    trial, known = record.verdict.trial, say.lifetime(record.verdict.trial)
    if trial.extra.get("algorithm", trial.approach) != "redis-setnx" or known is None:
        return
    for overlap in violation.overlaps:
        met = [run for run in violation.runs if run.run in overlap.who]
        for robbed in filter(None, map(record.tenure, met)):
            if overlap.start > robbed.granted + known[1]:
                # It had run out by then in any case.
                continue
            until = min(overlap.start + 1e-6, robbed.ended)
            for hold in record.holds:
                others = hold.worker != robbed.worker and hold.resource == robbed.resource
                if not others or not hold.released:
                    continue
                arrived = _arrival(hold, record)
                if robbed.granted < arrived < until:
                    yield _deleted(hold, robbed, arrived)
                    return


def _arrival(hold: Held, record: Record) -> float:
    """When a release could reach the coordinator: at the heal, if its worker was cut off."""
    heals = [
        blow.healed
        for blow in record.blows
        if blow.type == "partition" and hold.worker in blow.victims
        # Its requests arrive where only replies are lost.
        if blow.direction != "replies" and blow.at <= hold.ended < blow.healed
    ]
    return max([hold.ended, *heals])


def _deleted(hold: Held, robbed: Held, arrived: float) -> str:
    who, other = say.name(hold.worker), say.name(robbed.worker)
    if arrived > hold.ended:
        return (
            f"{who}'s release at {say.moment(hold.ended)} was sent while it was cut off; what it "
            f"did to the lock, which {other} had when it could arrive at {say.moment(arrived)}, "
            "the history does not show."
        )
    return (
        f"{who}'s release at {say.moment(hold.ended)} deletes the lock whoever has it: that was "
        f"{other} by then."
    )
