"""Quartz' cluster: instances that share a job store in a database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.approaches.approach import Approach
from harness.approaches.quartz_threads import (
    ClusterManager,
    MisfireHandler,
    Node,
    SchedulerThread,
)
from harness.approaches.quartz_triggers import Misfire, first_trigger
from harness.coordinators.postgres.port import PostgresPort
from harness.history.kinds import OF_LEASES
from harness.scenario.duration import PositiveSeconds, Seconds
from harness.worker.worker import Worker


@dataclass(frozen=True, kw_only=True)
class QuartzCluster(Approach[PostgresPort]):
    """Every due time is a trigger in a table: acquired, fired and completed by one instance each.

    Source: Quartz 2, JobStoreSupport and QuartzSchedulerThread, with instance ids of their own for
    each start (AUTO). Times are compared on the instances' own clocks, as there. By default they
    are Quartz' own divided by 7.5, to suit a trial of half a minute; its own in brackets.

    `acquire_within_lock`: acquire under the lock that all instances share, instead of by the row
    count of an update (false). `disallow_concurrent`: the job's triggers are blocked while it runs
    (@DisallowConcurrentExecution; false). `requests_recovery`: what a dead instance was running is
    run again (false). `checkin`: how often an instance says that it lives (7.5s in the code, 15s in
    the documentation). `checkin_tolerance`: it is taken for dead when its check-in is older than
    that interval and this (7.5s). `idle_wait`: how far ahead a trigger is acquired, and how long to
    wait, less up to a fifth, where there is none (30s). `misfire_threshold`: how late a trigger may
    fire, and how often those are looked for that are later (60s); `misfire`: then fire once for the
    latest due time, or skip to the next. `db_retry`: the wait after an error (15s). `threads`: runs
    at a time in one instance (10).

    No two instances acquire a trigger at once. The rest is told by a trigger's state alone, whoever
    put it there. An instance taken for dead while it lives runs on: when it completes, it unblocks
    what another one runs, and a trigger that it had acquired it fires when another one has acquired
    it again, for its old due time and with it those that followed. Without acquire_within_lock that
    needs no failure: a slow instance may acquire what was fired meanwhile (issue 107). Clocks that
    differ by more than the tolerance make living instances seem dead; one that is ahead fires
    early. A run cut short is lost unless requests_recovery is set; a trigger that the dead had
    acquired is late until they are missed. What is released waits until an instance looks: up to
    idle_wait.
    """

    coordinator = "postgres"

    acquire_within_lock: bool = False
    disallow_concurrent: bool = False
    requests_recovery: bool = False
    checkin: PositiveSeconds = 1.0
    checkin_tolerance: Seconds = 1.0
    idle_wait: PositiveSeconds = 4.0
    misfire_threshold: PositiveSeconds = 8.0
    misfire: Misfire = "fire_once"
    db_retry: PositiveSeconds = 2.0
    threads: int = 10

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"threads must be 1 or more, not {self.threads}")

    @property
    def exclusive(self) -> bool:
        """Only where concurrent runs of a job are disallowed."""
        return self.disallow_concurrent

    @property
    def lease_events(self) -> frozenset[str]:
        """Within the lock it is asked for any trigger, not for one by name."""
        by_name = frozenset({"lease.requested", "lease.denied"})
        return OF_LEASES - by_name if self.acquire_within_lock else OF_LEASES

    async def run(self, worker: Worker[PostgresPort]) -> None:
        """Store the triggers, join the cluster, and fire what can be acquired."""
        node = Node(self, worker)
        triggers = [*filter(None, map(first_trigger, worker.jobs.values()))]
        await node.insist(lambda: node.store.store_triggers(triggers))
        cluster, misfires = ClusterManager(node), MisfireHandler(node)
        await cluster.check_in()
        async with asyncio.TaskGroup() as tasks:
            # It checks in until its last run is over, else others would take that for dead.
            beside = [tasks.create_task(each.run()) for each in (cluster, misfires)]
            beside.append(tasks.create_task(node.wake_on_stop()))
            await SchedulerThread(node).run()
            for task in beside:
                task.cancel()
