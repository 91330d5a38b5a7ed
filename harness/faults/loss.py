"""Loss: some of what is sent between a worker and its coordinator does not arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, each
from harness.faults.link_fault import BadLink
from harness.scenario.share import ShareField


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Loss(BadLink):
    """Lose a `share` of what is sent between workers and their coordinator, which TCP repeats.

    What a bad cable, radio or an overloaded switch does. Nothing is missing in the end, but what
    was lost arrives later, and later still where it is lost again: 0.05, or 5%, is one in twenty.
    """

    impossible: ClassVar[Mapping[str, str]] = {
        "process": "a proxy can lose nothing of a TCP connection; --runtime sim can"
    }

    share: Annotated[float, ShareField(over=0, below=1)]

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How much, and which way."""
        return {**super().particulars, "share": self.share}

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Let their links lose it."""
        lose = partial(cluster.lose, share=self.share, direction=self.direction)
        return await each(lose, targets)
