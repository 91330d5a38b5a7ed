"""What approaches say of their leases is what they write."""

from __future__ import annotations

from typing import Any

import pytest

from harness.approaches import APPROACHES
from harness.faults.expire import Expire
from harness.faults.partition import Partition
from harness.faults.pause import Pause
from harness.history.event import Event
from harness.history.kinds import OF_LEASES
from harness.runtimes.calibration import default_calibration
from harness.scenario.model import FaultChoice, Job
from harness.scenario.target import Form, Target
from harness.trial import Trial, simulate
from tests.small_scenario import choice, fault, small

CALIBRATION = default_calibration()
HOLDER = Target(Form.HOLDER)
# Long enough to outlast what is by default asked for, so that leases are lost.
CUT = {"target": HOLDER, "for": 3.0}
EVERY_WAY = (
    fault(Partition, at=3.2, **CUT),
    fault(Pause, at=8.2, **CUT),
    fault(Expire, at=13.2, target=HOLDER),
)

# As far as parameters change what is written.
VARIED: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {}) for name in APPROACHES),
    ("redis-setnx", {"key": "run"}),
    ("redis-lock", {"key": "run"}),
    ("redis-watchdog", {"key": "run"}),
    ("zookeeper-lock", {"key": "run"}),
    ("postgres-advisory-lock", {"key": "run"}),
    ("quartz-cluster", {"acquire_within_lock": True}),
)


class Kinds:
    """Notes which kinds of events there were."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def record(self, event: Event) -> None:
        self.seen.add(event.kind)


def written(approach: str, parameters: dict[str, Any], faults: tuple[FaultChoice, ...]) -> set[str]:
    scenario = small(
        duration=20.0,
        faults=faults,
        jobs=(
            Job(name="report", every=1.0, takes=0.9),
            Job(name="billing", every=0.7, takes=2.5),
        ),
    )
    trial = Trial(
        scenario=scenario, choice=choice(approach, **parameters), seed=7, runtime="sim", extra={}
    )
    kinds = Kinds()
    simulate(trial, CALIBRATION, kinds, lambda line: None)
    return kinds.seen & OF_LEASES


@pytest.mark.parametrize(("approach", "parameters"), VARIED)
def test_it_writes_what_it_says(approach: str, parameters: dict[str, Any]) -> None:
    said = APPROACHES[approach](**parameters).lease_events
    faults = EVERY_WAY if APPROACHES[approach].coordinator else ()
    assert written(approach, parameters, faults) == said
