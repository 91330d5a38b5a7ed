"""Moments, names and faults in the words of a story."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isinf

from harness.history.trial import TrialLine
from harness.report import phrases
from harness.report.configuration import of_trial
from harness.report.stories.record import Blow
from harness.verdict.model import Held, Run

# A name from outside is no longer than this in a sentence.
_NAME = 48
_LISTED = 4

# What an approach calls the time after which a lease that is not kept up is void.
_LIFETIMES = ("ttl", "session_timeout", "lease_duration", "lease", "visibility_timeout")

_SIGNALS = {"pause": "SIGSTOP", "crash": "SIGKILL", "stop": "SIGTERM"}


def moment(at: float) -> str:
    """A time on the trial's clock."""
    return f"{at:.2f} s"


def due_at(due: float | None) -> str:
    """Which due time, to stand behind the job's name."""
    return "" if due is None else f" due at {moment(due)}"


def name(text: str) -> str:
    """A name from outside, as one harmless line."""
    return phrases.clean(text, _NAME).strip() or "?"


def quoted(text: str) -> str:
    """The name of a job or of what a lease covers."""
    return f"“{name(text)}”"


def listed(items: Iterable[str], most: int = _LISTED) -> str:
    """`a, b and c`; of many, the first ones and how many more."""
    different = list(dict.fromkeys(items))
    if len(different) > most:
        different = [*different[: most - 1], f"{len(different) - most + 1} more"]
    if len(different) < 2:
        return "".join(different)
    return f"{', '.join(different[:-1])} and {different[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def within(start: float, end: float) -> str:
    """When several things happened."""
    if moment(start) == moment(end):
        return f"at {moment(start)}"
    return f"from {moment(start)} to {moment(end)}"


def lifetime(trial: TrialLine) -> tuple[str, float] | None:
    """The parameter by which leases run out, and its seconds; None where none is known."""
    given = of_trial(trial).parameters
    for key in _LIFETIMES:
        value = given.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
            return key, float(value)
    return None


def lease(hold: Held, trial: TrialLine) -> str:
    """A lease, with how long it lasts."""
    known = lifetime(trial)
    lasts = "" if known is None else f" ({known[0]} {known[1]:g} s)"
    return f"the lease {quoted(hold.resource)}{lasts}"


def run_of(run: Run) -> str:
    """A run by its job and due time."""
    return f"{quoted(run.job)}{due_at(run.due)}"


def victims(blow: Blow) -> str:
    """Whom the fault hit."""
    return listed(map(name, blow.victims)) or "the service"


def struck(blow: Blow, end: float) -> str:
    """What the fault did to its victims, without the time at which it began."""
    who = victims(blow)
    be = "were" if len(blow.victims) > 1 else "was"
    signal = _SIGNALS.get(blow.type) if blow.mechanism == "signal" else None
    how = f" ({signal})" if signal else ""
    lasted = blow.healed - blow.at
    held = "until the end" if isinf(blow.healed) or blow.healed > end else ""
    held = held or f"for {phrases.seconds(lasted)}"
    if (said := _STRUCK.get(blow.type)) is not None:
        return said.format(who=who, be=be, how=how, held=held)
    lasts = "" if blow.momentary else f" {held}"
    return f"the fault {quoted(blow.type)} hit {who}{lasts}"


_STRUCK = {
    "pause": "{who} {be} paused{how} {held}",
    "thundering-herd": "{who} {be} held back{how} {held}, and let go at the same instant",
    "crash": "{who} {be} killed{how}",
    "stop": "{who} {be} told to stop{how}",
    "partition": "{who} {be} cut off from the coordinator {held}",
    "delay": "whatever passed between {who} and the coordinator took longer {held}",
    "jitter": "whatever passed between {who} and the coordinator was late at random {held}",
    "loss": "part of what passed between {who} and the coordinator was lost {held}",
    "reset": "the connections of {who} to the coordinator were reset",
    "refuse": "{who} {be} refused new connections to the coordinator {held}",
    "expire": "the coordinator was made to forget what {who} held",
    "clock-skew": "the clock of {who} was moved",
    "failing-job": "runs of {who} were made to fail {held}",
    "load-spike": "many more jobs were due {held}",
    "coordinator-restart": "{who} {be} killed{how} and started again",
    "coordinator-outage": "{who} {be} killed{how}, and down {held}",
    "coordinator-pause": "{who} {be} paused{how} {held}",
    "coordinator-failover": "{who}, which led, {be} killed, and another one took over",
}


def dues(values: Sequence[float]) -> str:
    """Several due times of a job."""
    shown = [f"{value:.2f}" for value in values]
    if len(shown) > _LISTED + 1:
        return f"{len(shown)} times from {shown[0]} to {shown[-1]} s"
    return f"{listed(shown, _LISTED + 1)} s"
