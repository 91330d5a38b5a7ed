"""A tally that went through JSON sums up to the same result."""

from __future__ import annotations

import json

import pytest

from harness.history.trial import FaultLine
from harness.verdict.result import result_as_json, summarize
from harness.verdict.tally import Tally, tally
from harness.verdict.tally_json import tally_as_json, tally_from_json
from tests.verdict.building import failed, fault, judged, lease, ran, started, well


def eventful() -> Tally:
    verdict = judged(
        lease(0.9, "requested", "w1"),
        lease(1, "granted", "w1"),
        ran(1, "w1", "1", due=1, takes=0.5),
        ran(1.2, "w2", "1", due=1, takes=0.5),
        started(2, "w1", "2", due=2),
        fault(2.1, "crash", "w1"),
        failed(3.1, "w2", "3"),
        faults=[FaultLine("crash#1", "crash", 2.1)],
    )
    return tally(verdict, checksum=5)


@pytest.mark.parametrize("one", [eventful(), tally(judged(well(1, 2, 3)))])
def test_what_was_written_is_read_back(one: Tally) -> None:
    back = tally_from_json(json.loads(json.dumps(tally_as_json(one))))
    assert result_as_json(summarize("a", [back])) == result_as_json(summarize("a", [one]))
    assert [w for w, *_ in back.overlaps] == [w for w, *_ in one.overlaps]
    assert (back.flawless, back.plans_faults) == (one.flawless, one.plans_faults)


def test_what_is_no_tally_is_refused() -> None:
    with pytest.raises(ValueError, match="no 'duration' in it"):
        tally_from_json({"seed": 1})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("seed", 1.5),
        ("duration", float("inf")),
        ("partial", {}),
        ("late", -1),
        ("late", True),
        ("checksum", 2**32),
        ("invalid", "because"),
        ("outcomes", {"once": "many"}),
        ("outcomes", {"twice": 1}),
        ("extras", []),
        ("overlaps", "x"),
        ("overlaps", [["report", 1.0, 2.0]]),
        ("overlaps", [["report", 1.0, 2.0, 2**32]]),
        ("double_hold", ""),
        ("double_hold", [1]),
        ("failover", [["crash#1", "report", 1.0, None, 0]]),
        ("failover", [["crash#1", "report", 1.0, 2.0, 2]]),
        ("lateness", {}),
        ("lateness", ["late"]),
        ("lateness", [10**400]),
        ("lease_wait", [float("nan")]),
        ("mechanisms", [1]),
    ],
)
def test_what_is_wrong_in_a_tally_is_said_in_one_line(name: str, wrong: object) -> None:
    row = {**tally_as_json(eventful()), name: wrong}
    with pytest.raises(ValueError, match=rf"'{name}' must be|'twice' is not a valid") as raised:
        tally_from_json(row)
    assert "\n" not in str(raised.value)
