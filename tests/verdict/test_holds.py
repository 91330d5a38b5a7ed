from __future__ import annotations

from dataclasses import replace

from harness.verdict.model import Held
from tests.verdict.building import judged, lease, life


def test_the_verdict_says_who_held_what_and_how_it_ended() -> None:
    granted = replace(lease(1.0, "granted", "w1", job="report", due=1.0), fence=7)
    verdict = judged(
        granted,
        lease(1.5, "released", "w1"),
        lease(2.0, "granted", "w2"),
        lease(2.5, "lost", "w2"),
        lease(3.0, "granted", "w3"),
        life(3.5, "exited", "w3"),
    )
    assert verdict.holds == (
        Held(
            worker="w1",
            lease="w1/1",
            resource="lock",
            granted=1.0,
            ended=1.5,
            released=True,
            fence=7,
            job="report",
            due=1.0,
        ),
        Held(worker="w2", lease="w2/1", resource="lock", granted=2.0, ended=2.5, lost=True),
        Held(worker="w3", lease="w3/1", resource="lock", granted=3.0, ended=3.5),
    )
