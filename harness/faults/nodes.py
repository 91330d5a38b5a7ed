"""What faults on a coordinator's nodes have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, Nodes, each
from harness.scenario.target import Form, Target
from harness.scenario.wording import shown


def _choosable(nodes: object) -> object:
    count = isinstance(nodes, int) and not isinstance(nodes, bool) and nodes >= 1
    if not count and nodes not in ("all", "leader"):
        raise ValueError(f"must be 'all' or 'leader', or how many, 1 or more, not {shown(nodes)}")
    return nodes


# Checked as one, for a single message where it is none of the three.
NodeChoice = Annotated[
    Literal["all", "leader"] | Annotated[int, Field(ge=1)], BeforeValidator(_choosable)
]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CoordinatorFault(Fault):
    """Something befalls what the workers agree through; `target` can be left out."""

    needs_coordinator: ClassVar[bool] = True
    hits_workers: ClassVar[bool] = False
    hits_coordinator: ClassVar[bool] = True

    target: Target = Target(Form.COORDINATOR)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NodesFault(CoordinatorFault):
    """It befalls some of the `nodes`: `all`, the `leader` (who takes writes), or so many."""

    nodes: NodeChoice = "all"

    @property
    def chosen_nodes(self) -> Nodes:
        """As given."""
        return self.nodes


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NodesCrash(NodesFault):
    """They crash, and are started again.

    With `keep_data: false` they come back empty, with `true` with their data: a Redis then keeps
    them on disk all along. By default each does as it comes: Redis forgets, the others keep.
    """

    keep_data: bool | None = None

    @property
    def particulars(self) -> Mapping[str, Any]:
        """Whether they come back empty, where that is said."""
        return {} if self.keep_data is None else {"keep_data": self.keep_data}

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Crash them."""
        return await each(cluster.crash_node, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Start them."""
        keep_data = self.keep_data is not False
        return await each(partial(cluster.start_node, keep_data=keep_data), targets)
