"""What faults tell a worker of its own clock and of its runs, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.history.event import Event
from harness.worker.worker import Worker

TOLD = "worker.told"

Order = Mapping[str, Any]
"""One word, and what belongs to it, such as the `fault` in whose name it is: a line of JSON."""


def skew(fault: str, jump: float, drift: float, since: float) -> Order:
    """Its own clock goes `jump` s forward, and gains `drift` s a second since that moment."""
    return {"skew": {"fault": fault, "jump": jump, "drift": drift, "since": since}}


def unskew(fault: str) -> Order:
    """Its own clock is set, as far as that fault moved it."""
    return {"unskew": {"fault": fault}}


def fail(fault: str, share: float, job: str | None) -> Order:
    """So many of its runs fail, of that job or of any."""
    return {"fail": {"fault": fault, "share": share, "job": job}}


def let_pass(fault: str) -> Order:
    """No more runs fail on account of that fault."""
    return {"pass": {"fault": fault}}


def word_and_fault(order: Order) -> tuple[str, str]:
    """What is to be done, and in whose name."""
    ((word, given),) = order.items()
    return word, given["fault"]


def obey(worker: Worker[Any], order: Order) -> Event | None:
    """Have the worker do as told: the event that says so; None for what is not known here."""
    match order:
        case {"skew": {"fault": fault, "jump": jump, "drift": drift, "since": since}}:
            worker.clock.skew(fault, jump, drift, since)
        case {"unskew": {"fault": fault}}:
            worker.clock.unskew(fault)
        case {"fail": {"fault": fault, "share": share, "job": job}}:
            worker.fail_runs(fault, share, job)
        case {"pass": {"fault": fault}}:
            worker.pass_runs(fault)
        case _:
            return None
    word, fault = word_and_fault(order)
    at = worker.clock.now()
    return Event(at=at, kind=TOLD, worker=worker.name, fault=fault, extra={"what": word})
