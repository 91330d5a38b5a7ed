"""Refuse: a worker gets no new connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, each
from harness.faults.link_fault import LinkFault
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Refuse(LinkFault):
    """Refuse new connections of workers to their coordinator `for` a while; open ones live on.

    What a coordinator at its limit of connections or a changed firewall rule does. Only who
    connects meanwhile notices: who starts, or lost its connection.
    """

    for_: Annotated[Seconds, Field(alias="for")]

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Refuse their connections."""
        return await each(cluster.refuse, targets)
