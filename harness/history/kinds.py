"""The kinds of events that a history of ours is made of, by who writes them."""

from __future__ import annotations

OF_WORKERS = frozenset(
    {
        "worker.ready",
        "worker.stopping",
        "worker.told",
        "lease.requested",
        "lease.granted",
        "lease.denied",
        "lease.released",
        "lease.lost",
        "run.started",
        "run.finished",
        "run.failed",
        "run.dropped",
        "effect.applied",
        "effect.rejected",
        "coordinator.calls",
        "coordinator.error",
        "circuit.opened",
        "circuit.closed",
    }
)
"""What a worker says of itself."""

OF_FAULTS = frozenset({"fault.injected", "fault.healed", "fault.failed"})
"""What becomes of the faults."""

KINDS = OF_WORKERS | OF_FAULTS | {"worker.started", "worker.exited", "trial.ended"}
"""All of them; the rest is what the runner sees of workers, and the end."""
