"""Clock skew: a clock is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, Nodes, each, each_that_is_left
from harness.faults.nodes import NodeChoice
from harness.scenario.duration import Seconds, SignedSeconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClockSkew(Fault):
    """Let the clocks of workers `jump` and `drift`, `for` a while or to the end.

    What a correction by NTP, a live migration or a bad oscillator does. `jump` may be negative;
    `drift` is what they gain a second, 0.01 for a hundredth. With the target `coordinator`, Redis:
    what is to expire on its `nodes` (`all`, the `leader`, or so many) does so by `jump` sooner.
    """

    hits_coordinator: ClassVar[bool] = True
    undone_at_end: ClassVar[bool] = False
    lands_on_the_still: ClassVar[bool] = False
    shifts_clock: ClassVar[bool] = True

    jump: SignedSeconds = 0.0
    drift: Annotated[float, Field(gt=-1, lt=10)] = 0.0
    for_: Annotated[Seconds | None, Field(alias="for")] = None
    nodes: NodeChoice = "all"

    @model_validator(mode="after")
    def _is_wrong(self) -> ClockSkew:
        if not self.jump and not self.drift:
            raise ValueError("give a 'jump', a 'drift', or both")
        if self.hits_nodes and self.drift:
            raise ValueError("a coordinator's clock can jump, and not drift")
        if not self.hits_nodes and self.nodes != "all":
            raise ValueError("workers have no 'nodes': that is for the target coordinator")
        return self

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How wrong."""
        return {"jump": self.jump, "drift": self.drift}

    @property
    def chosen_nodes(self) -> Nodes:
        """As given."""
        return self.nodes

    async def apply(self, cluster: Cluster, targets: Sequence[str]) -> Landed:
        """Set them wrong."""
        if self.hits_nodes:
            return await each(partial(cluster.shift_node_clock, seconds=self.jump), targets)
        return await each(partial(cluster.skew, jump=self.jump, drift=self.drift), targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str]) -> Landed:
        """Set them right."""
        if self.hits_nodes:
            return await each(partial(cluster.shift_node_clock, seconds=-self.jump), targets)
        return await each_that_is_left(cluster.unskew, targets)
