"""What gives something up is said to in the Protocol, and wherever that is implemented."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import harness.coordinators
from harness.coordinators.giving_up import is_giving_up
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.postgres.quartz.port import QuartzPort
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.zookeeper.port import ZooKeeperPort


def modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(harness.coordinators.__path__, "harness.coordinators.")
    return [importlib.import_module(module.name) for module in found]


def classes(module: ModuleType) -> list[type]:
    own = inspect.getmembers(module, inspect.isclass)
    return [kind for _, kind in own if kind.__module__ == module.__name__]


def operations(kind: type) -> set[str]:
    """What a coordinator is asked with."""
    return {
        name
        for name, member in inspect.getmembers(kind, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


def giving_up(kind: type, among: set[str]) -> set[str]:
    return {name for name in among if is_giving_up(getattr(kind, name))}


MODULES = modules()
PORTS = [
    kind
    for module in MODULES
    if module.__name__.endswith(".port")
    for kind in classes(module)
    if operations(kind)
]
CLIENTS = [
    kind
    for module in MODULES
    if module.__name__.endswith((".client", ".simulated"))
    for kind in classes(module)
]


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_real_and_simulated_agree_with_the_protocol(port: type) -> None:
    asked = operations(port)
    implementing = [kind for kind in CLIENTS if asked <= operations(kind)]
    assert len(implementing) >= 2
    for kind in implementing:
        assert giving_up(kind, asked) == giving_up(port, asked), kind


@pytest.mark.parametrize(
    ("port", "names"),
    [
        (RedisPort, {"delete", "delete_if_equal"}),
        (ZooKeeperPort, {"delete"}),
        (PostgresPort, {"advisory_unlock", "complete", "give_back"}),
        (QuartzPort, {"release_trigger", "complete_trigger"}),
    ],
)
def test_what_gives_something_up(port: type, names: set[str]) -> None:
    assert giving_up(port, operations(port)) == names
