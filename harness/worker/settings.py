"""What a worker is told before it starts: one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.scenario.model import Job
from harness.worker.schedule import job_from_json, job_line
from harness.worker.sink import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Who a worker is, what it runs and how, and where its coordinator and its sink are.

    `identity` is the name and, from the second start on, the number of its start. Times in
    seconds; `offset` is by how much its clock is ahead. `url` is None where the approach needs no
    coordinator.
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

    def as_json(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        row: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        row["jobs"] = [job_line(job).as_json() for job in self.jobs]
        return row


def settings_from_json(row: Mapping[str, Any]) -> Settings:
    """Read what `Settings.as_json` wrote."""
    fields = dict(row)
    fields["jobs"] = tuple(job_from_json(job) for job in row["jobs"])
    fields["policy"] = Policy(row["policy"])
    return Settings(**fields)
