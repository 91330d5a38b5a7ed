"""Tests marked `virtual_time` run on a clock that jumps from timer to timer.

Tests marked `simulated`, or with a parameter of that value, run on the simulation's own loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    if item.get_closest_marker("simulated") or "simulated" in parameters(item).values():
        return {"simulated": lambda: SimulatedLoop(Kernel())}
    return {"real": asyncio.new_event_loop}


def parameters(item: pytest.Item) -> Mapping[str, object]:
    """The parameters that the test is run with."""
    return item.callspec.params if hasattr(item, "callspec") else {}
