"""The nodes of a simulated ZooKeeper, and the transactions that change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from harness.coordinators.zookeeper.port import Node

Owned = dict[str, None]
"""The paths of a session's ephemeral nodes, in the order of their creation."""


class Refusal(Enum):
    """Why a request was not carried out, by the name of kazoo's error."""

    NO_NODE = "NoNodeError"
    NODE_EXISTS = "NodeExistsError"
    NOT_EMPTY = "NotEmptyError"
    BELOW_EPHEMERAL = "NoChildrenForEphemeralsError"


@dataclass(slots=True, eq=False)
class _Znode:
    value: str
    czxid: int
    owner: Owned | None
    version: int = 0
    # How many children were ever created: what sequential ones are numbered by.
    created: int = 0
    children: dict[str, None] = field(default_factory=dict)


class Tree:
    """Nodes by their path. `changed` is called with the path of each that is written or deleted.

    `children_changed` is called with that of each below which one was created or deleted.

    `zxid` numbers the transactions; as in ZooKeeper, one that is refused takes a number too.
    """

    def __init__(
        self, changed: Callable[[str], None], children_changed: Callable[[str], None]
    ) -> None:
        self.zxid = 0
        self._changed = changed
        self._children_changed = children_changed
        self._nodes = {"/": _Znode("", 0, None)}

    def create(
        self, path: str, value: str, owner: Owned | None, sequential: bool
    ) -> Node | Refusal:
        """Create a node, ephemeral if it has an owner; the path returned has its number."""
        self.zxid += 1
        above = _above(path)
        parent = self._nodes.get(above)
        if parent is None:
            return Refusal.NO_NODE
        if sequential:
            path = f"{path}{parent.created:010d}"
        if path in self._nodes:
            return Refusal.NODE_EXISTS
        if parent.owner is not None:
            return Refusal.BELOW_EPHEMERAL
        parent.created += 1
        parent.children[path[path.rindex("/") + 1 :]] = None
        self._nodes[path] = _Znode(value, self.zxid, owner)
        if owner is not None:
            owner[path] = None
        self._children_changed(above)
        return Node(path, value, 0, self.zxid)

    def delete(self, path: str) -> Refusal | None:
        """Delete a node, whatever its version."""
        self.zxid += 1
        node = self._nodes.get(path)
        if node is None:
            return Refusal.NO_NODE
        if node.children or path == "/":
            return Refusal.NOT_EMPTY
        self._remove(path, node)
        return None

    def set(self, path: str, value: str) -> Refusal | None:
        """Write a node's value."""
        self.zxid += 1
        node = self._nodes.get(path)
        if node is None:
            return Refusal.NO_NODE
        node.value = value
        node.version += 1
        self._changed(path)
        return None

    def get(self, path: str) -> Node | Refusal:
        """Read a node."""
        node = self._nodes.get(path)
        if node is None:
            return Refusal.NO_NODE
        return Node(path, node.value, node.version, node.czxid)

    def children(self, path: str) -> list[str] | Refusal:
        """The names of the nodes right below, sorted."""
        node = self._nodes.get(path)
        return Refusal.NO_NODE if node is None else sorted(node.children)

    def begin_session(self) -> None:
        """Number the transaction that a session begins with."""
        self.zxid += 1

    def end_session(self, owned: Owned) -> None:
        """Delete the ephemeral nodes of a session, in one transaction."""
        self.zxid += 1
        for path in list(owned):
            self._remove(path, self._nodes[path])

    def _remove(self, path: str, node: _Znode) -> None:
        above = _above(path)
        del self._nodes[path]
        del self._nodes[above].children[path[path.rindex("/") + 1 :]]
        if node.owner is not None:
            del node.owner[path]
        self._changed(path)
        self._children_changed(path)
        self._children_changed(above)


def _above(path: str) -> str:
    return path[: path.rindex("/")] or "/"
