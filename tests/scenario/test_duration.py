import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harness.scenario.duration import PositiveSeconds, Seconds, format_duration, parse_duration


@dataclass(frozen=True)
class Parameters:
    ttl: Seconds = 2.0
    every: PositiveSeconds = 1.0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("300ms", 0.3),
        ("2s", 2.0),
        (" 2 s ", 2.0),
        ("1.5m", 90.0),
        ("1h", 3600.0),
        ("50us", 0.00005),
        ("0s", 0.0),
        ("0", 0.0),
        (0, 0.0),
    ],
)
def test_a_duration_is_a_number_with_a_unit(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", [2, 2.5, "2", "2.5", -1])
def test_a_number_alone_is_told_to_give_a_unit(written: object) -> None:
    with pytest.raises(ValueError, match=r"give a unit, e\.g\. 2s"):
        parse_duration(written)


@pytest.mark.parametrize(
    "written", ["soon", "", "2sec", "2S", "1m30s", "s", "1e3s", "٣s", None, True, [], {"s": 2}]
)
def test_what_is_no_duration_is_shown_one(written: object) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 2s"):
        parse_duration(written)


def test_a_duration_is_neither_negative_nor_without_end() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        parse_duration("-2s")
    with pytest.raises(ValueError, match="too long"):
        parse_duration("9" * 400 + "s")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0s"),
        (0.00005, "50us"),
        (0.15, "150ms"),
        (1.5, "1.5s"),
        (30.0, "30s"),
        (90.0, "90s"),
        (120.0, "2m"),
        (3600.0, "1h"),
        (-0.5, "-500ms"),
    ],
)
def test_a_duration_is_written_as_a_scenario_would(seconds: float, written: str) -> None:
    assert format_duration(seconds) == written


@given(st.floats(min_value=0, max_value=1e9))
def test_what_is_written_reads_back_to_the_microsecond(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


def test_a_field_is_written_with_a_unit_in_a_file_and_is_seconds_in_code() -> None:
    adapter = TypeAdapter(Parameters)
    assert adapter.validate_json('{"ttl": "500ms"}') == Parameters(ttl=0.5)
    assert adapter.validate_python({"ttl": "500ms", "every": 3}) == Parameters(0.5, 3.0)
    with pytest.raises(ValidationError, match="give a unit"):
        adapter.validate_json('{"ttl": 2}')


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), None, True])
def test_code_cannot_pass_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Seconds).validate_python(value)


def test_a_positive_duration_is_not_zero() -> None:
    adapter = TypeAdapter(Parameters)
    with pytest.raises(ValidationError, match="more than 0s"):
        adapter.validate_json('{"every": 0}')
    with pytest.raises(ValidationError, match="more than 0s"):
        adapter.validate_python({"every": 0.0})


@pytest.mark.parametrize("module", ["duration", "target", "model"])
def test_a_worker_can_load_it_without_pydantic(module: str) -> None:
    code = f"import harness.scenario.{module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert f"harness.scenario.{module}" in loaded
    assert not {"pydantic", "pydantic_core", "yaml"} & set(loaded)
