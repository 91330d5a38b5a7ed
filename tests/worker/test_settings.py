"""What a worker is told survives the way through JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.scenario.model import CircuitBreaker, Job, LogNormal, Retry
from harness.worker.settings import Settings, settings_from_json
from harness.worker.sink import Policy


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379", None])
@pytest.mark.parametrize(
    "used",
    [
        {},
        {
            "retry": Retry(attempts=5, longest=3.0),
            "circuit_breaker": CircuitBreaker(failures=2),
            "breakpoints": frozenset({"run.started", "lease.granted"}),
        },
    ],
)
def test_settings_come_through_json_as_they_were(url: str | None, used: dict[str, Any]) -> None:
    settings = Settings(
        name="worker-1",
        identity="worker-1.2",
        seed=7,
        jobs=(Job("report", 1.0, 0.5, 0.2, 9.0), Job("billing", 2.0, 2.0, LogNormal(0.2, 0.4))),
        approach="redis-lock",
        parameters={"ttl": 2.0, "key": "job", "on_lost": "finish"},
        misfire_grace=1.0,
        max_instances=1,
        offset=-0.01,
        request_timeout=0.5,
        url=url,
        namespace="trial",
        sink="/tmp/sink.sqlite",
        policy=Policy.FENCING,
        **used,
    )
    assert settings_from_json(json.loads(json.dumps(settings.as_json()))) == settings
