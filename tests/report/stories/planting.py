"""Histories in which something went wrong on purpose, on disk and judged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.history.event import Event
from harness.history.trial import TrialLine
from harness.report.stories import Story, stories
from harness.verdict.judge import judge
from harness.verdict.model import Verdict
from tests.verdict.building import fault, finished, healed, history, lease, started, well


def planted(
    path: Path,
    *events: Event | Sequence[Event],
    algorithm: str = "redis-lock",
    parameters: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Verdict:
    """The verdict on these events, whose history lies at `path`."""
    made = history(*events, **settings)
    trial = TrialLine(
        **{
            **{name: getattr(made.trial, name) for name in TrialLine.__slots__},
            "extra": {"algorithm": algorithm, "parameters": dict(parameters or {})},
        }
    )
    # As other people may write it: half a character, escaped, is fine for JSON.
    rows = [trial.as_json(), *(event.as_json() for event in made.events)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return judge(type(made)(trial, made.events, path=path))


def paused(path: Path, **settings: Any) -> Verdict:
    """w1 is paused in its run due at 1 with a lock of 1.2 s; w2 gets the lock and runs due 3.

    Nothing is done for due 2, as the lock stands in the way.
    """
    return planted(
        path,
        lease(1.0, "granted", "w1", name="a", job="report", due=1.0),
        started(1.0, "w1", "1", due=1.0),
        fault(1.2, "pause", "w1", mechanism="signal"),
        lease(2.0, "denied", "w2", name="b", job="report", due=2.0),
        lease(2.01, "denied", "w3", name="b", job="report", due=2.0),
        lease(3.0, "granted", "w2", name="c", job="report", due=3.0),
        started(3.0, "w2", "1", due=3.0),
        finished(3.5, "w2", "1"),
        lease(3.5, "released", "w2", name="c", job="report", due=3.0),
        healed(3.7, "pause"),
        finished(3.7, "w1", "1"),
        lease(3.7, "released", "w1", name="a", job="report", due=1.0),
        well(4.0),
        **{
            "duration": 6.0,
            "grace": 2.0,
            "workers": ("w1", "w2", "w3", "w9"),
            "parameters": {"ttl": 1.2, "key": "job"},
            **settings,
        },
    )


def told(verdict: Verdict) -> str:
    """All sentences of all stories."""
    return "\n".join(sentence for story in stories(verdict) for sentence in story.sentences)


def only(verdict: Verdict, kind: str) -> Story:
    """The one story of this kind."""
    (story,) = (one for one in stories(verdict) if one.kind == kind)
    return story
