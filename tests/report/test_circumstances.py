from __future__ import annotations

from types import SimpleNamespace

from harness.history.trial import JobLine
from harness.report.circumstances import circumstances, fault_lines, remarks
from harness.report.markdown import summary


def test_the_scenario_and_the_parameters_come_first(make: SimpleNamespace) -> None:
    jobs = (JobLine("a", 0.5, 1.0, 0.15), JobLine("b", 1.0, 1.0, {"median": 0.2, "sigma": 0.4}))

    def verdicts(approach: str, **extra: object) -> tuple[object, ...]:
        trial = make.trial(approach, 30.0, jobs=jobs, extra=extra)
        return (make.verdict(approach, trial=trial),)

    names = ("redis-lock", "short", "uncoordinated", "theirs")
    compared = make.comparison(
        *(make.result(name) for name in names),
        verdicts={
            "redis-lock": verdicts("redis-lock", parameters={"ttl": 1.8, "key": "job"}),
            "short": verdicts("short", algorithm="redis-lock", parameters={"ttl": 1.0}),
            "uncoordinated": verdicts("uncoordinated", parameters={}),
            "theirs": verdicts("theirs"),
        },
    )
    lines = circumstances(compared)
    jobs_text = "job a every 0.5 s, takes 0.15 s; job b every 1 s, takes median 0.2, sigma 0.4"
    assert lines[:6] == [
        ("scenario", f"2 workers, 30 s, grace 1 s; {jobs_text}"),
        ("parameters", "as follows, times in seconds"),
        ("redis-lock", "ttl 1.8, key job"),
        ("short", "redis-lock; ttl 1"),
        ("uncoordinated", "none"),
        ("theirs", "none"),
    ]
    assert lines[6][0] == "command"
    assert "- redis-lock: ttl 1.8, key job" in summary(compared)


def test_scenarios_that_differ_are_told_apart(make: SimpleNamespace) -> None:
    wide = make.verdict("b", trial=make.trial("b", 6.0, workers=("w",)))
    compared = make.comparison(
        make.result("a"), make.result("b"), verdicts={"a": (make.verdict("a"),), "b": (wide,)}
    )
    lines = dict(circumstances(compared))
    assert lines["scenario (a)"].startswith("2 workers, 6 s")
    assert lines["scenario (b)"].startswith("1 worker, 6 s")


def test_checksums_are_told_where_there_are_some(make: SimpleNamespace) -> None:
    compared = make.comparison(
        make.result("a", checksum="0badcafe"), make.result("b", trials=0, skipped="no Redis")
    )
    assert ("checksums of the histories", "a 0badcafe") in circumstances(compared)
    assert not any("checksum" in what for what, _ in circumstances(make.comparison()))


def test_planned_faults_are_told_in_words(make: SimpleNamespace) -> None:
    fault = {
        "type": "pause",
        "target": "running",
        "for": 4.0,
        "every": 8.0,
        "at": None,
        "jitter": 0,
    }
    compared = make.comparison(setting={"faults": [fault]})
    assert fault_lines(compared) == [("pause", "target running, for 4 s, every 8 s")]
    assert fault_lines(make.comparison()) == []


def test_remarks_name_the_cause_of_invalid_trials_once(make: SimpleNamespace) -> None:
    half = make.result(
        "half", invalid_trials=1, invalid=("seed 9: no run was expected", "seed 9: x")
    )
    compared = make.comparison(half, notes=("noisy",))
    assert remarks(compared) == [
        "noisy",
        "half: 1 of 3 trials invalid, left out: x (seed 9)",
    ]
    assert remarks(compared, with_invalid=False) == ["noisy"]
