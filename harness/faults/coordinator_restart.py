"""Coordinator restart: what the workers agree through crashes and comes back at once."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from harness.faults.fault import STRICT
from harness.faults.nodes import NodesCrash


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CoordinatorRestart(NodesCrash):
    """Crash the coordinator's `nodes` (SIGKILL) and start them again at once.

    What an upgrade, the kernel's OOM killer or a supervisor does. `nodes` is `all` (the default),
    `leader`, or how many. By default Redis forgets its data and the others keep theirs;
    `keep_data: true` or `false` says it of all.
    """

    @property
    def lasts(self) -> float | None:
        """Until they are started, which is at once."""
        return 0.0
