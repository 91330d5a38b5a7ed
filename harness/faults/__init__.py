"""Disturbances, written once against the Cluster interface.

To add one: write its module, and name it here.
"""

from collections.abc import Mapping

from harness.faults.crash import Crash
from harness.faults.expire import Expire
from harness.faults.fault import Fault
from harness.faults.partition import Partition
from harness.faults.pause import Pause

FAULTS: Mapping[str, type[Fault]] = {
    "crash": Crash,
    "pause": Pause,
    "partition": Partition,
    "expire": Expire,
}
