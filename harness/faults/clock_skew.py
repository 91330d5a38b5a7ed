"""Clock skew: a clock is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, Nodes, each
from harness.faults.nodes import NodeChoice
from harness.scenario.duration import Seconds, SignedSeconds, format_duration
from harness.scenario.share import ShareField


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClockSkew(Fault):
    """Let the clocks of workers `jump` and `drift`, `for` a while or to the end.

    What a correction by NTP, a live migration or a bad oscillator does. `jump` may be negative;
    `drift` is what they gain a second, 0.01 or 1% for a hundredth. A worker's clock is its
    machine's: a restart sets nothing right, and several skews add up. With the target
    `coordinator`, Redis: what is to expire on its `nodes` (`all`, the `leader`, or so many) does so
    by `jump` sooner.
    """

    hits_coordinator: ClassVar[bool] = True
    undone_at_end: ClassVar[bool] = False
    lands_on_the_still: ClassVar[bool] = False
    shifts_clock: ClassVar[bool] = True

    jump: SignedSeconds = 0.0
    drift: Annotated[float, ShareField(over=-1, below=10)] = 0.0
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

    def misfits(self, duration: float) -> Iterator[tuple[str, str]]:
        """Nothing of the trial is due on a worker's clock that is wrong by all its duration."""
        if self.hits_nodes:
            return
        lasts = duration if self.for_ is None else min(self.for_, duration)
        for name, wrong in (("jump", abs(self.jump)), ("drift", abs(self.drift) * lasts)):
            if wrong >= duration:
                whole = f"the duration, {format_duration(duration)}"
                yield name, f"sets it wrong by {format_duration(wrong)}: must be less than {whole}"

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Set them wrong."""
        if self.hits_nodes:
            return await each(partial(cluster.shift_node_clock, seconds=self.jump), targets)
        skew = partial(cluster.skew, key=key, jump=self.jump, drift=self.drift)
        return await each(skew, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Set them right, as far as this one is to blame."""
        if self.hits_nodes:
            return await each(partial(cluster.shift_node_clock, seconds=-self.jump), targets)
        return await each(partial(cluster.unskew, key=key), targets)
