"""Disturbances, written once against the Cluster interface.

To add one: write its module, and name it here.
"""

from collections.abc import Mapping

from harness.faults.clock_skew import ClockSkew
from harness.faults.coordinator_failover import CoordinatorFailover
from harness.faults.coordinator_outage import CoordinatorOutage
from harness.faults.coordinator_pause import CoordinatorPause
from harness.faults.coordinator_restart import CoordinatorRestart
from harness.faults.crash import Crash
from harness.faults.delay import Delay
from harness.faults.expire import Expire
from harness.faults.failing_job import FailingJob
from harness.faults.fault import Fault
from harness.faults.jitter import Jitter
from harness.faults.load_spike import LoadSpike
from harness.faults.loss import Loss
from harness.faults.partition import Partition
from harness.faults.pause import Pause
from harness.faults.refuse import Refuse
from harness.faults.reset import Reset
from harness.faults.stop import Stop
from harness.faults.thundering_herd import ThunderingHerd

FAULTS: Mapping[str, type[Fault]] = {
    "crash": Crash,
    "stop": Stop,
    "pause": Pause,
    "thundering-herd": ThunderingHerd,
    "partition": Partition,
    "delay": Delay,
    "jitter": Jitter,
    "loss": Loss,
    "reset": Reset,
    "refuse": Refuse,
    "expire": Expire,
    "clock-skew": ClockSkew,
    "failing-job": FailingJob,
    "load-spike": LoadSpike,
    "coordinator-restart": CoordinatorRestart,
    "coordinator-outage": CoordinatorOutage,
    "coordinator-pause": CoordinatorPause,
    "coordinator-failover": CoordinatorFailover,
}
