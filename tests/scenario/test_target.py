import pytest
from pydantic import TypeAdapter

from harness.scenario.target import Form, Target, parse_target


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("running", Target(Form.RUNNING)),
        ("holder", Target(Form.HOLDER)),
        ("leader", Target(Form.LEADER)),
        ("random", Target(Form.RANDOM)),
        ("all", Target(Form.ALL)),
        ("coordinator", Target(Form.COORDINATOR)),
        ("worker-2", Target(Form.WORKER, worker="worker-2")),
        (3, Target(Form.COUNT, count=3)),
        ("50%", Target(Form.SHARE, share=0.5)),
    ],
)
def test_a_target_reads_as_it_is_written(written: str | int, target: Target) -> None:
    assert parse_target(written) == target
    assert str(target) == str(written)
    assert TypeAdapter(Target).validate_python(written) == target
    assert TypeAdapter(Target).validate_python(target) is target


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("runing", "unknown target 'runing'; did you mean 'running'"),
        ("wroker-1", "did you mean 'worker-1'"),
        ("worker-0", "unknown target"),
        ("count", "unknown target"),
        ("xyz", "known: all, coordinator, holder, leader, random, running, subject, worker-1"),
        (0, "at least 1 worker, not 0"),
        ("0%", "more than 0%"),
        ("101%", "at most 100%, not 101%"),
        (0.5, "a share such as 50%, not 0.5"),
        (None, "not nothing"),
        (True, "not true"),
    ],
)
def test_a_wrong_target_is_told_what_would_be_right(written: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_target(written)


@pytest.mark.parametrize(
    ("written", "workers", "expected"),
    [("50%", 5, 2), ("1%", 5, 1), ("100%", 5, 5), ("29%", 100, 29), (3, 5, 3), ("running", 5, 1)],
)
def test_a_share_rounds_down_but_hits_somebody(
    written: str | int, workers: int, expected: int
) -> None:
    assert parse_target(written).how_many(workers) == expected


def test_a_target_has_to_be_among_the_workers() -> None:
    assert parse_target("worker-5").misfit(5) is None
    assert parse_target("worker-6").misfit(5) == "there is no worker-6 among 5 workers"
    assert parse_target(5).misfit(5) is None
    assert parse_target(6).misfit(5) == "there are no 6 workers, only 5"
