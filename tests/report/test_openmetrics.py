from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.report.model import Comparison
from harness.report.openmetrics import openmetrics
from harness.scenario.model import Expectation


def samples(comparison: Comparison) -> list[Sample]:
    families = text_string_to_metric_families(openmetrics(comparison))
    return [sample for family in families for sample in family.samples]


def value(comparison: Comparison, name: str, approach: str, **labels: str) -> float:
    about = {"scenario": "worker-crash", "runtime": "process", "approach": approach, **labels}
    [found] = [s for s in samples(comparison) if s.name == name and s.labels == about]
    return float(found.value)


def test_it_ends_as_the_format_wants(comparison: Comparison) -> None:
    assert openmetrics(comparison).endswith("\n# EOF\n")


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("harness_expected_runs", {}, 400),
        ("harness_runs", {"outcome": "once"}, 383),
        ("harness_runs", {"outcome": "never_started"}, 3),
        ("harness_duplicate_runs", {}, 12),
        ("harness_missed_runs", {}, 5),
        ("harness_overlap_seconds", {}, 1.25),
        ("harness_failover_seconds", {"quantile": "0.5"}, 0.85),
        ("harness_failover_unrecovered", {}, 2),
        ("harness_duplicate_ratio", {"bound": "low"}, 0.018),
        ("harness_duplicate_ratio", {"bound": "high"}, 0.052),
        ("harness_failover_median_seconds", {"bound": "high"}, 0.95),
        ("harness_calls_per_run", {}, 6.25),
        ("harness_trials", {"validity": "valid"}, 3),
    ],
)
def test_figures_are_gauges_of_their_approach(
    comparison: Comparison, name: str, labels: dict[str, str], expected: float
) -> None:
    assert value(comparison, name, "redis-lock", **labels) == expected


def test_every_metric_is_a_gauge_with_help_and_times_have_their_unit(
    comparison: Comparison,
) -> None:
    for family in text_string_to_metric_families(openmetrics(comparison)):
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        assert family.name.startswith("harness_")
        assert (family.unit == "seconds") == family.name.endswith("_seconds")


def test_what_is_beyond_the_end_is_left_out(comparison: Comparison) -> None:
    quantiles = [
        sample.labels["quantile"]
        for sample in samples(comparison)
        if sample.name == "harness_failover_seconds" and sample.labels["approach"] == "redis-lock"
    ]
    assert quantiles == ["0.5", "0.95"]


def test_of_what_was_not_measured_only_its_trials_are_told(comparison: Comparison) -> None:
    told = {s.name for s in samples(comparison) if s.labels["approach"] == "none"}
    assert told == {"harness_trials"}
    assert value(comparison, "harness_trials", "none", validity="invalid") == 2
    assert value(comparison, "harness_skipped", "zookeeper-lock", reason="no ZooKeeper here") == 1


def test_expectations_are_told(make: SimpleNamespace) -> None:
    expect = (Expectation("all", "duplicate", maximum=0), Expectation("all", "missed", maximum=9))
    compared = make.comparison(make.result(), expect=expect)
    assert value(compared, "harness_expectation_met", "redis-lock", measure="duplicate") == 0
    assert value(compared, "harness_expectation_met", "redis-lock", measure="missed") == 1


def test_hostile_texts_stay_labels(hostile: Comparison) -> None:
    text = openmetrics(hostile)
    text.encode()
    found = samples(hostile)
    assert {sample.labels["scenario"] for sample in found} == {found[0].labels["scenario"]}
    assert found[0].labels["scenario"].startswith("</svg><script>alert(1)</script>\"'&|`$\\frac{")


def test_nothing_to_compare_is_no_metric(make: SimpleNamespace) -> None:
    assert openmetrics(make.comparison()) == "# EOF\n"


def test_nothing_is_left_in_the_registry_of_the_process(
    comparison: Comparison, tmp_path: Path
) -> None:
    before = {family.name for family in REGISTRY.collect()}
    openmetrics(comparison)
    assert {family.name for family in REGISTRY.collect()} == before
