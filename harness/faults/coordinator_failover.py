"""Coordinator failover: its leading node dies, and another one takes over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Nodes, each
from harness.faults.nodes import CoordinatorFault
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CoordinatorFailover(CoordinatorFault):
    """Crash the coordinator's leading node, and let another one take over.

    Redis: by Sentinel. Postgres: a replica is promoted. ZooKeeper: the ensemble elects. With a
    `lag`, Redis and Postgres lose what was written so long before the crash: replication is
    asynchronous.
    """

    momentary: ClassVar[bool] = True
    lands_on_the_still: ClassVar[bool] = False
    needs_successor: ClassVar[bool] = True

    lag: Seconds = 0.0

    @property
    def lasts(self) -> float | None:
        """Until another one leads; nothing is to undo."""
        return 0.0

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How much is lost."""
        return {"lag": self.lag}

    @property
    def chosen_nodes(self) -> Nodes:
        """The leading one."""
        return "leader"

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Let it crash, and see another one lead."""
        return await each(partial(cluster.fail_over, lag=self.lag), targets)

    def end_of(self, landed: Landed, now: float) -> Landed:
        """Another one leads by now."""
        return replace(landed, at=now)
