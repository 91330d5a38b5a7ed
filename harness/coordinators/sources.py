"""Where the coordinators on this machine are, and what to do about those that are not."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.coordinators.found import Found
from harness.coordinators.machine import Machine
from harness.coordinators.postgres import source as postgres
from harness.coordinators.redis import source as redis
from harness.coordinators.server import Server, ServerError
from harness.coordinators.zookeeper import source as zookeeper
from harness.scenario.model import Layout

FINDERS: Mapping[str, Callable[[Machine], Found]] = {
    "redis": redis.find_redis,
    "zookeeper": zookeeper.find_zookeeper,
    "postgres": postgres.find_postgres,
}

VARIABLES: Mapping[str, str] = {
    "redis": redis.VARIABLE,
    "zookeeper": zookeeper.VARIABLE,
    "postgres": postgres.VARIABLE,
}


def locate(environ: Mapping[str, str]) -> list[Found]:
    """Look for every coordinator: an address in the environment, programs, Python packages."""
    machine = Machine(environ)
    return [find(machine, name) for name in FINDERS]


def find(machine: Machine, name: str) -> Found:
    """Look for one coordinator; where it is not there, say what would get it."""
    found = FINDERS[name](machine)
    return found if found.source else replace(found, remedy=remedy(machine, found))


def server_for(found: Found, layout: Layout = Layout()) -> Server:  # noqa: B008
    """The server that was found, not started yet. Raises ServerError with the remedy."""
    if found.make is None:
        raise ServerError(f"{found.name} is not on this machine; to get it: {found.remedy}")
    return found.make(layout)


def remedy(machine: Machine, found: Found) -> str:
    """The one command that would get what this coordinator lacks."""
    wheels = [part.wheel for part in found.lacks]
    if machine.has_apt and (machine.is_root or not all(wheels)):
        packages = " ".join(name for part in found.lacks for name in part.apt or part.unpacked)
        sudo = "" if machine.is_root else "sudo "
        return f"{sudo}apt-get install --no-install-recommends {packages}"
    if all(wheels):
        return shlex.join([sys.executable, "-m", "pip", "install", *wheels])
    return f"set {VARIABLES[found.name]} to the address of one that runs elsewhere"
