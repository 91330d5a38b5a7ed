"""Coordinator outage: what the workers agree through is gone for a while."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.fault import STRICT
from harness.faults.nodes import NodesCrash
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CoordinatorOutage(NodesCrash):
    """Crash the coordinator's `nodes` (SIGKILL) and start them again after `for`.

    What a host that failed does. `nodes` is `all` (the default), `leader`, or how many. By default
    Redis forgets its data and the others keep theirs; `keep_data: true` or `false` says it of all.
    """

    for_: Annotated[Seconds, Field(alias="for")]

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_
