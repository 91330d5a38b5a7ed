"""No agreement at all: what every comparison is measured against."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.approaches.approach import Approach
from harness.worker.worker import Worker


@dataclass(frozen=True, kw_only=True)
class Uncoordinated(Approach[None]):
    """Every instance runs every job: as many runs of a due time as there are instances.

    Promises that nothing is missed while one instance lives, and nothing else.
    """

    @property
    def exclusive(self) -> bool:
        """Nobody waits for anybody."""
        return False

    async def run(self, worker: Worker[None]) -> None:
        """Run all that is due."""
        async with asyncio.TaskGroup() as runs:
            async for due in worker.due_runs():
                runs.create_task(worker.execute(due))
