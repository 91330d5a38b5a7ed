"""What a worker is told before it starts: one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.scenario.model import CircuitBreaker, Job, Retry
from harness.worker.schedule import job_from_json, job_line
from harness.worker.sink import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Who a worker is, what it runs and how, and where its coordinator and its sink are.

    `identity` is the name and, from the second start on, the number of its start. Times in
    seconds; `offset` is by how much its clock is ahead. `url` is None where the approach needs no
    coordinator. At events of the kinds in `breakpoints` it stands still until it is told to go on.
    """

    name: str
    identity: str
    seed: int
    jobs: tuple[Job, ...]
    approach: str
    parameters: Mapping[str, Any]
    misfire_grace: float
    max_instances: int
    offset: float
    request_timeout: float
    url: str | None
    namespace: str
    sink: str
    policy: Policy
    retry: Retry | None = None
    circuit_breaker: CircuitBreaker | None = None
    breakpoints: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        row: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        row["jobs"] = [job_line(job).as_json() for job in self.jobs]
        row["retry"] = None if self.retry is None else asdict(self.retry)
        breaker = self.circuit_breaker
        row["circuit_breaker"] = None if breaker is None else asdict(breaker)
        row["breakpoints"] = sorted(self.breakpoints)
        return row


def settings_from_json(row: Mapping[str, Any]) -> Settings:
    """Read what `Settings.as_json` wrote."""
    fields = dict(row)
    fields["jobs"] = tuple(job_from_json(job) for job in row["jobs"])
    fields["policy"] = Policy(row["policy"])
    if (retry := row.get("retry")) is not None:
        fields["retry"] = Retry(**retry)
    if (breaker := row.get("circuit_breaker")) is not None:
        fields["circuit_breaker"] = CircuitBreaker(**breaker)
    fields["breakpoints"] = frozenset(row.get("breakpoints", ()))
    return Settings(**fields)
