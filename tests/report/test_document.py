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
    assert list(document) == [
        *("version", "scenario", "description", "runtime", "seed"),
        *("workers", "duration", "grace", "jobs"),
        *("setting", "expect", "about", "notes", "repeat", "interrupted", "results"),
    ]
    assert document["version"] == 1
    assert [row["approach"] for row in document["results"]] == [
        result.approach for result in comparison.results
    ]
    assert document["results"][2]["skipped"] == "no ZooKeeper here"


def test_the_document_says_what_was_run_with_which_parameters(make: SimpleNamespace) -> None:
    given = {"ttl": 1.8, "key": "job"}
    verdict = make.verdict("a", trial=make.trial("a", 6.0, extra={"parameters": given}))
    odd = make.verdict("c", trial=make.trial("c", 6.0, extra={"parameters": "none of yours"}))
    results = [make.result(name) for name in "abc"]
    compared = make.comparison(*results, verdicts={"a": (verdict,), "c": (odd,)})
    document = results_json(compared)
    assert (document["workers"], document["duration"], document["grace"]) == (2, 6.0, 1.0)
    assert document["jobs"] == [{"name": "report", "every": 1.0, "first": 1.0, "takes": 0.2}]
    assert [row["parameters"] for row in document["results"]] == [given, {}, {}]
    assert rows(results_csv(compared))[0]["parameters.ttl"] == "1.8"


def test_without_a_trial_nothing_is_said_of_the_scenario(make: SimpleNamespace) -> None:
    document = results_json(make.comparison())
    assert (document["workers"], document["jobs"]) == (None, None)


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
    measured = {result.approach for result in comparison.measured}
    for row in rows(results_csv(comparison)):
        assert row["trials"].isdigit()
        assert row["overlap.count"].isdigit() == (row["approach"] in measured)


def test_csv_has_empty_cells_where_nothing_was_measured(comparison: Comparison) -> None:
    for row in rows(results_csv(comparison))[2::2]:
        filled = {name for name, cell in row.items() if cell}
        assert filled <= {
            *(
                "scenario",
                "runtime",
                "seed",
                "approach",
                "algorithm",
                "exclusive",
                "trials",
                "invalid_trials",
            ),
            *("invalid", "skipped"),
        }


def test_csv_of_no_results_is_a_head_alone(make: SimpleNamespace) -> None:
    assert results_csv(make.comparison()) == "scenario,runtime,seed,approach\n"
