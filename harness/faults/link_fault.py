"""What faults on the links between workers and their coordinator have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Direction, Landed
from harness.faults.fault import STRICT, Fault, each_that_is_left
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LinkFault(Fault):
    """Something is wrong with what is between a worker and its coordinator; ends by healing."""

    needs_coordinator: ClassVar[bool] = True
    changes_links: ClassVar[bool] = True

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Heal their links."""
        return await each_that_is_left(cluster.heal, targets)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BadLink(LinkFault):
    """A link that is worse than it was, `for` a while, or to the end where that is left out.

    `direction` is `both` (the default), `requests` or `replies`.
    """

    for_: Annotated[Seconds | None, Field(alias="for")] = None
    direction: Direction = "both"

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    @property
    def particulars(self) -> Mapping[str, Any]:
        """Which way."""
        return {"direction": self.direction}
