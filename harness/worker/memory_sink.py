"""The sink in memory, for workers that share a process."""

from __future__ import annotations

from harness.worker.sink import Effect, Policy


class MemorySink:
    """Takes effects as SqliteSink does, and keeps no more of them than its policy needs."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._versions: dict[str, int] = {}
        self._fences: dict[str, int] = {}
        self._executions: set[tuple[str, float]] = set()

    def version(self, job: str) -> int:
        """The job's version: how many of its effects were applied."""
        return self._versions.get(job, 0)

    def apply(self, effect: Effect, read_version: int) -> str | None:
        """Apply the effect; None, or the reason for its rejection: `duplicate` or `stale`."""
        reason = self._refusal(effect, read_version)
        if reason is None:
            self._versions[effect.job] = self.version(effect.job) + 1
            if effect.fence is not None:
                self._fences[effect.job] = max(effect.fence, self._fences.get(effect.job, -1))
            if self._policy is Policy.DEDUP:
                self._executions.add((effect.job, effect.due))
        return reason

    def _refusal(self, effect: Effect, read_version: int) -> str | None:
        match self._policy:
            case Policy.DEDUP:
                return "duplicate" if (effect.job, effect.due) in self._executions else None
            case Policy.VERSION:
                return None if self.version(effect.job) == read_version else "stale"
            case Policy.FENCING:
                if effect.fence is None:
                    raise ValueError("the fencing policy needs a lease with a fence")
                return "stale" if effect.fence < self._fences.get(effect.job, -1) else None
        return None
