"""The kinds of events that a history of ours is made of, by who writes them."""

from __future__ import annotations

OF_LEASES = frozenset(
    {"lease.requested", "lease.granted", "lease.denied", "lease.released", "lease.lost"}
)
"""What becomes of leases. Which of them come depends on the approach."""

OF_RUNS = frozenset(
    {
        "run.started",
        "run.finished",
        "run.failed",
        "run.dropped",
        "effect.applied",
        "effect.rejected",
    }
)
"""What becomes of runs and their effects."""

OF_JOBS = OF_LEASES | OF_RUNS
"""Those that may name a job."""

OF_OPERATIONS = frozenset({"coordinator.error"})
"""Those that name an operation of a coordinator."""

OF_WORKERS = (
    OF_LEASES
    | OF_RUNS
    | {
        "worker.ready",
        "worker.stopping",
        "worker.told",
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
