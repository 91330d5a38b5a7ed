"""What is in effect for each worker, whichever process it is by now."""

from __future__ import annotations

from collections import defaultdict

from harness.faults.cluster import NotLanded
from harness.runtimes.orders import Order, word_and_fault


class StandingOrders:
    """The orders that a worker is under, and is given again when it starts.

    A machine's clock stays wrong when a process restarts, and a bug is in the next process too.
    """

    def __init__(self) -> None:
        self._orders: defaultdict[str, dict[str, Order]] = defaultdict(dict)

    def of(self, worker: str) -> tuple[Order, ...]:
        """What the worker is to be told before its first due time, in the order of the faults."""
        return tuple(self._orders[worker].values())

    def give(self, worker: str, order: Order) -> None:
        """Let an order be in effect; raises NotLanded where the worker's clock would stand still.

        The last one of each fault counts.
        """
        _, fault = word_and_fault(order)
        under = {**self._orders[worker], fault: order}
        lost = -sum(one["skew"]["drift"] for one in under.values() if "skew" in one)
        if lost >= 1.0:
            raise NotLanded(f"the clock of {worker} cannot lose {lost:g} s a second and go on")
        self._orders[worker] = under

    def withdraw(self, worker: str, fault: str) -> None:
        """Let that fault's order be in effect no more; harmless where there is none."""
        self._orders[worker].pop(fault, None)
