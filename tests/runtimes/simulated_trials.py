"""A simulated cluster to try things on, and what it wrote down."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.approaches import APPROACHES
from harness.history.event import Event
from harness.runtimes.calibration import default_calibration
from harness.runtimes.simulated import SimulatedCluster
from harness.runtimes.spec import Assignment, ClusterSpec, System
from harness.scenario.model import Job, Layout
from harness.worker.sink import Policy

JOB = Job("report", every=1.0, first=1.0, takes=0.5)
SINGLE = Layout()


@dataclass
class Events:
    seen: list[Event] = field(default_factory=list)

    def record(self, event: Event) -> None:
        self.seen.append(event)

    def of(self, kind: str, worker: str | None = None) -> list[Event]:
        return [
            event for event in self.seen if event.kind == kind and worker in (None, event.worker)
        ]

    def after(self, moment: float, kind: str, worker: str | None = None) -> list[Event]:
        return [event for event in self.of(kind, worker) if event.at > moment]


def assigned(
    approach: str, parameters: Mapping[str, Any], layout: Layout = SINGLE, **more: Any
) -> Assignment:
    one = APPROACHES[approach](**parameters)
    return Assignment(
        approach=approach,
        parameters=parameters,
        system=None if one.coordinator is None else System(one.coordinator, one.layout(layout)),
        **more,
    )


def cluster_for(
    assignments: Mapping[str, Assignment], job: Job = JOB
) -> tuple[SimulatedCluster, Events]:
    events = Events()
    spec = ClusterSpec(
        seed=7,
        jobs=(job,),
        assignments=assignments,
        offsets=dict.fromkeys(assignments, 0.0),
        misfire_grace=1.0,
        max_instances=1,
        request_timeout=1.0,
        policy=Policy.NONE,
    )
    return SimulatedCluster(spec, default_calibration(), events), events


def cluster_of(
    approach: str, workers: int = 2, layout: Layout = SINGLE, job: Job = JOB, **parameters: Any
) -> tuple[SimulatedCluster, Events]:
    names = [f"worker-{number + 1}" for number in range(workers)]
    return cluster_for(dict.fromkeys(names, assigned(approach, parameters, layout)), job)


async def begun(approach: str, workers: int = 2, **more: Any) -> tuple[SimulatedCluster, Events]:
    cluster, events = cluster_of(approach, workers, **more)
    await cluster.set_up()
    cluster.begin()
    return cluster, events


async def at(cluster: SimulatedCluster, moment: float) -> None:
    await asyncio.sleep(moment - cluster.now())
