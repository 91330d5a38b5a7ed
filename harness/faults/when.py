"""`when`: a fault that waits for something to happen."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from harness.faults.observation import Sighting
from harness.history.kinds import KINDS, OF_FAULTS, OF_JOBS, OF_OPERATIONS
from harness.scenario.duration import Seconds, format_duration
from harness.scenario.target import Form, Target
from harness.scenario.wording import hint

# What comes, and yet tells of no moment at which something could follow.
_NO_MOMENT = {
    "trial.ended": "nothing can follow it",
    "coordinator.calls": "workers report their calls now and then, not as they make them",
}
AWAITABLE = KINDS - _NO_MOMENT.keys()

# What an event must be about, for a filter to let it through.
_ABOUT = {
    "job": OF_JOBS,
    "operation": OF_OPERATIONS,
    "fault": OF_FAULTS,
    "worker": KINDS - {"fault.failed"},
}

_WHO = (Form.WORKER, Form.LEADER, Form.HOLDER)


def _known(kind: str) -> str:
    if kind in _NO_MOMENT:
        raise ValueError(f"a fault cannot wait for {kind}: {_NO_MOMENT[kind]}")
    if kind not in AWAITABLE:
        raise ValueError(f"unknown kind of event '{kind}'; {hint(kind, AWAITABLE)}")
    return kind


def _somebody(worker: Target) -> Target:
    if worker.form not in _WHO:
        raise ValueError(f"must be a worker's name, leader or holder, not {worker}")
    return worker


_Kind = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(AWAITABLE)})]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class When:
    """An event to wait for: the `nth` of its `kind`, once.

    Only those count that come no earlier than `from` and are about this `job`, this `operation` of
    a coordinator, this `fault` (its id or its type) and this `worker`: its name, or `leader` or
    `holder`, who lead or hold a lease right before or after it. The fault happens `after` it.
    A filter that no event of this kind can pass is refused.
    """

    kind: _Kind
    nth: Annotated[int, Field(ge=1)] = 1
    after: Seconds = 0.0
    from_: Annotated[Seconds, Field(alias="from")] = 0.0
    job: str | None = None
    worker: Annotated[Target, AfterValidator(_somebody)] | None = None
    operation: str | None = None
    fault: str | None = None

    @model_validator(mode="after")
    def _can_come(self) -> When:
        for name, kinds in _ABOUT.items():
            if getattr(self, name) is not None and self.kind not in kinds:
                raise ValueError(f"a {self.kind} is about no {name}")
        return self

    def __str__(self) -> str:
        about = {
            "job": self.job,
            "worker": self.worker,
            "operation": self.operation,
            "fault": self.fault,
            "from": format_duration(self.from_) if self.from_ else None,
        }
        said = ", ".join(f"{name} {value}" for name, value in about.items() if value is not None)
        return f"{self.kind} number {self.nth}" + (f" ({said})" if said else "")

    def matches(self, sighting: Sighting) -> bool:
        """Whether it is an event of those that count; its kind is known to be right."""
        event = sighting.event
        return (
            event.at >= self.from_
            and _same(self.job, event.job)
            and _same(self.operation, event.operation)
            and (self.fault is None or self.fault in (event.fault, event.type))
            and (self.worker is None or not self._meant(sighting).isdisjoint(sighting.subjects))
        )

    def _meant(self, sighting: Sighting) -> frozenset[str]:
        """The workers that `worker` means at this moment."""
        assert self.worker is not None
        match self.worker.form:
            case Form.LEADER:
                return sighting.leaders
            case Form.HOLDER:
                return sighting.holders
        return frozenset({str(self.worker)})


def _same(wanted: Any, found: Any) -> bool:
    return wanted is None or wanted == found
