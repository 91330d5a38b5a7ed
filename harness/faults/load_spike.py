"""Load spike: more to do than usual."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from harness.faults.cluster import Cluster, Landed, NotLanded
from harness.faults.fault import STRICT, Fault
from harness.scenario.duration import PositiveSeconds, Seconds
from harness.scenario.model import Job, Takes
from harness.scenario.target import Form, Target

# Seconds after which one of its jobs must have been seen, beyond its period.
_PATIENCE = 5.0

_NAME = r"[A-Za-z0-9_-]+"


def _named(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"must be made of letters, 0-9, - and _, not '{name}'")
    return name


_Name = Annotated[str, AfterValidator(_named), Field(json_schema_extra={"pattern": f"^{_NAME}$"})]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LoadSpike(Fault):
    """Bring so many more `jobs`, each due `every` so often and taking `takes`, `for` a while.

    What the end of a month or a campaign does. They are called `spike-1` and on, or by another
    `name`, are due first `at` that moment, and count like every other job.
    """

    undone_at_end: ClassVar[bool] = False
    hits_workers: ClassVar[bool] = False

    target: Target = Target(Form.ALL)
    # Without a default, unlike what they are made from.
    at: Seconds = field()
    jobs: Annotated[int, Field(ge=1, le=1000)]
    every: PositiveSeconds = field()
    takes: Takes = 0.0
    for_: Annotated[PositiveSeconds, Field(alias="for")]
    name: _Name = "spike"

    @model_validator(mode="before")
    @classmethod
    def _waits_for_nothing(cls, given: Any) -> Any:
        fields = given.kwargs if isinstance(given, ArgsKwargs) else given
        if isinstance(fields, Mapping) and fields.get("when") is not None:
            raise ValueError("give 'at', not 'when': its jobs must be known before the trial")
        return given

    @model_validator(mode="after")
    def _is_on_the_schedule(self) -> LoadSpike:
        if self.jitter:
            raise ValueError("its jobs are due at their time: there is no 'jitter'")
        if self.target.form is not Form.ALL:
            raise ValueError("its jobs are everybody's: leave out the target")
        return self

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How many jobs."""
        return {"jobs": self.jobs, "every": self.every}

    @property
    def brings(self) -> tuple[Job, ...]:
        """The jobs, due from `at` on, for as long as given."""
        until = round(self.at + self.for_, 6)
        return tuple(
            Job(f"{self.name}-{number}", self.every, self.at, self.takes, until)
            for number in range(1, self.jobs + 1)
        )

    def times(self, duration: float) -> list[float]:
        """Once: `every` is the period of its jobs."""
        return [self.at]

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """They are on the schedule already: wait until one of them is seen."""
        observation = cluster.observation
        names = [job.name for job in self.brings]
        patience = self.every + _PATIENCE
        try:
            async with asyncio.timeout(patience):
                await observation.until(
                    lambda: any(observation.first_of(name) is not None for name in names)
                )
        except TimeoutError:
            raise NotLanded(f"none of its jobs was seen for {patience:g} s") from None
        seen = (observation.first_of(name) for name in names)
        return Landed(min(at for at in seen if at is not None), "schedule")

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """They are due no more."""
        return Landed(cluster.now(), "schedule")
