"""How a story begins: the fault, and what its victim held and ran; or that there was none."""

from __future__ import annotations

from harness.report import phrases
from harness.report.stories import wording as say
from harness.report.stories.record import Blow, Record
from harness.report.stories.violations import Violation
from harness.verdict.model import Run


def beginning(violation: Violation, record: Record) -> list[str]:
    """What broke, as far as the history shows it."""
    if violation.blow is not None:
        blow = violation.blow
        again = blow.type in ("crash", "stop") and blow.healed < record.verdict.end
        be = "were" if len(blow.victims) > 1 else "was"
        back = f"{say.victims(blow)} {be} started again at {say.moment(blow.healed)}."
        return [struck(blow, record), *([back] if again else [])]
    if not record.known:
        return ["The trial's history is not at hand: what led to this is not known."]
    sentences = []
    if not record.leased and not violation.never:
        sentences.append("Nobody asked for a lease: each worker ran by its own timer.")
    begun = min([violation.start, *(run.started for run in violation.runs)])
    active = record.active(begun, max(violation.end, violation.start))
    if not active:
        sentences.append("No fault was active.")
    else:
        others = say.listed(f"{say.name(blow.type)} of {say.victims(blow)}" for blow in active)
        sentences.append(f"No fault is known to have led to this; active was {others}.")
    return sentences


def struck(blow: Blow, record: Record) -> str:
    """The fault as a sentence, with what its victim was in the middle of."""
    parts = [f"At {say.moment(blow.at)} {say.struck(blow, record.verdict.end)}"]
    if len(blow.victims) == 1:
        victim = blow.victims[0]
        runs = [
            run
            for run in record.verdict.runs
            if run.worker == victim and run.started < blow.at <= run.ended
        ]
        parts += [f"{_into(run, blow.at)} its run of {say.run_of(run)}" for run in runs[:2]]
        holds = {hold.resource: hold for hold in record.held(victim, blow.at)}
        if holds and blow.type == "expire":
            what = say.listed(map(say.quoted, holds))
            parts[0] = f"At {say.moment(blow.at)} the coordinator was made to forget {what}, which "
            parts[0] += f"{say.name(victim)} held"
        elif holds:
            leases = say.listed(say.lease(hold, record.verdict.trial) for hold in holds.values())
            parts.append(f"holding {leases}")
    return ", ".join(parts) + "."


def _into(run: Run, at: float) -> str:
    return f"{phrases.seconds(at - run.started)} into"
