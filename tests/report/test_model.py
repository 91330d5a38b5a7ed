from __future__ import annotations

from types import SimpleNamespace

from harness.report.circumstances import circumstances
from harness.report.model import Comparison, unmeasured, warnings


def test_only_approaches_with_a_valid_trial_are_measured(comparison: Comparison) -> None:
    names = [result.approach for result in comparison.measured]
    assert names == ["redis-lock", "postgres-queue", "half"]


def test_warnings_hold_the_notes_and_the_invalid_trials(comparison: Comparison) -> None:
    lines = warnings(comparison)
    assert lines[0] == "The machine was noisy."
    assert "half: 1 of 3 trials invalid, left out: seed 9: crash#1 did not land" in lines


def test_faults_made_in_different_ways_are_not_compared_in_silence(make: SimpleNamespace) -> None:
    same = make.comparison(make.result("a"), make.result("b"))
    mixed = make.comparison(make.result("a"), make.result("b", mechanisms=("nft-drop",)))
    assert warnings(same) == []
    assert any("not made in the same way" in line for line in warnings(mixed))
    assert ("faults made by (a)", "signal") in circumstances(mixed)
    assert ("faults made by", "signal") in circumstances(same)


def test_a_trial_cut_short_is_warned_of(make: SimpleNamespace) -> None:
    cut = {"a": (make.verdict("a", partial=True),)}
    lines = warnings(make.comparison(make.result("a"), verdicts=cut))
    assert lines == ["1 trial was cut short, judged up to there."]


def test_of_many_reasons_only_the_first_are_shown(make: SimpleNamespace) -> None:
    reasons = tuple(f"seed {seed}: worker-1 was never ready" for seed in range(100))
    half = make.result("half", trials=200, invalid_trials=100, invalid=reasons)
    none = make.result("none", trials=100, invalid_trials=100, invalid=reasons)
    (line,) = warnings(make.comparison(half))
    assert line.endswith("; seed 4: worker-1 was never ready; and 95 more")
    assert str(unmeasured(none)).endswith("; seed 4: worker-1 was never ready; and 95 more")
