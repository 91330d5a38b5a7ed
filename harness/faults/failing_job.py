"""Failing job: runs fail by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, each
from harness.scenario.duration import Seconds
from harness.scenario.share import ShareField
from harness.scenario.target import Form, Target


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FailingJob(Fault):
    """Let a `share` of the runs of a `job`, or of all jobs, fail `for` a while or to the end.

    What a bug or something that the job needs and does not get does. Which ones fail is the same
    for every worker and approach; what a worker does about it is the scenario's `retry`. Who is
    started meanwhile is hit too. Of several at once, a run fails if any of them says so: they draw
    the same, so the greatest share counts.
    """

    shares: ClassVar[bool] = True
    undone_at_end: ClassVar[bool] = False
    lands_on_the_still: ClassVar[bool] = False

    target: Target = Target(Form.ALL)
    share: Annotated[float, ShareField(over=0, most=1)] = 1.0
    job: str | None = None
    for_: Annotated[Seconds | None, Field(alias="for")] = None

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How many, and of what."""
        return {"share": self.share, "failing": self.job or "all jobs"}

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Let them fail."""
        fail = partial(cluster.fail_runs, key=key, share=self.share, job=self.job)
        return await each(fail, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Let them succeed again, as far as this one is to blame."""
        return await each(partial(cluster.pass_runs, key=key), targets)
