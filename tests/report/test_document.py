from __future__ import annotations

import csv
import json
from io import StringIO
from types import SimpleNamespace

from harness.report.document import results_csv, results_json
from harness.report.model import Comparison


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_the_document_has_the_promised_head_and_a_result_an_approach(
    comparison: Comparison,
) -> None:
    document = results_json(comparison)
    assert list(document) == ["version", "scenario", "runtime", "seed", "about", "results"]
    assert document["version"] == 1
    assert [row["approach"] for row in document["results"]] == [
        result.approach for result in comparison.results
    ]
    assert document["results"][2]["skipped"] == "no ZooKeeper here"


def test_the_document_is_strict_json(hostile: Comparison) -> None:
    text = json.dumps(results_json(hostile), allow_nan=False)
    assert json.loads(text) == results_json(hostile)


def test_csv_is_one_flat_row_an_approach(comparison: Comparison) -> None:
    table = rows(results_csv(comparison))
    first = table[0]
    assert [row["approach"] for row in table] == [r.approach for r in comparison.results]
    assert first["scenario"] == "worker-crash"
    assert (first["expected"], first["missed.total"]) == ("400", "5")
    assert (first["failover.p50"], first["failover.max"]) == ("0.85", "")
    assert first["intervals.duplicate.low"] == "0.018"
    assert first["intervals.duplicate.high"] == "0.052"
    assert first["mechanisms"] == "signal"
    assert table[2]["skipped"] == "no ZooKeeper here"


def test_counts_stay_whole_numbers(comparison: Comparison) -> None:
    for row in rows(results_csv(comparison)):
        assert row["trials"].isdigit()
        assert row["overlap.count"].isdigit()


def test_csv_of_no_results_is_a_head_alone(make: SimpleNamespace) -> None:
    assert results_csv(make.comparison()) == "scenario,runtime,seed,approach\n"
