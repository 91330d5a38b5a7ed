"""Partition: a worker and its coordinator cannot reach each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, each
from harness.faults.link_fault import BadLink
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Partition(BadLink):
    """Cut workers off from their coordinator `for` a while: silence, and no connection closes.

    `direction` is `both` (the default), `requests` (the coordinator hears nothing) or `replies`
    (it does what it is asked, and nobody hears its answer).
    """

    for_: Annotated[Seconds, Field(alias="for")]

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Cut their links."""
        return await each(partial(cluster.cut, direction=self.direction), targets)
