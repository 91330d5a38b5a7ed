"""The gate's cases: what fails, what cannot be judged, and what passes."""

from __future__ import annotations

from array import array
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from harness.gate.figures import Report
from harness.gate.identity import Across
from harness.gate.judging import Refused, against, alone
from harness.gate.model import Case, Kind, Status, worst
from harness.report.configuration import Configuration
from harness.report.page.entry import encoded
from harness.scenario.model import Expectation
from harness.verdict.model import Extra, Outcome
from harness.verdict.tally import Tally
from tests.fidelity.building import make_tally, samples, trials
from tests.gate.reports import report


def plain(count: int = 10, first: int = 1, **changes: Any) -> list[Tally]:
    return [make_tally(seed, **changes) for seed in range(first, first + count)]


def gated(old: list[Tally], new: list[Tally], **changes: Any) -> dict[str, Case]:
    """The cases by measure, of one approach."""
    cases = against([report({"a": new}, **changes)], [report({"a": old}, **changes).record])
    return {case.measure: case for case in cases}


def recovering(count: int, seed: object, seconds: float, spread: float = 0.1) -> list[Tally]:
    random = Random(f"{seed}")
    return [
        make_tally(
            random.randrange(10**6),
            failover=samples([seconds * random.lognormvariate(0, spread) for _ in range(3)]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("measure", "changes"),
    [
        ("duplicate", {"outcomes": {Outcome.ONCE: 49, Outcome.DUPLICATE: 1}}),
        ("missed", {"outcomes": {Outcome.ONCE: 49, Outcome.LOST: 1}}),
        ("missed", {"outcomes": {Outcome.ONCE: 49, Outcome.NEVER_STARTED: 1}}),
        ("overlap", {"overlap_count": 1, "concurrency": 3}),
        ("overlapping", {"extras": {Extra.OVERLAPPING: 1}}),
        ("repeated", {"extras": {Extra.REPEATED: 1}}),
        ("unrecovered", {"failover": samples([1.0, 99.0], end=20.0)}),
    ],
)
def test_one_occurrence_of_what_the_baseline_had_none_of_fails(
    measure: str, changes: dict[str, Any]
) -> None:
    old = plain(60, failover=samples([1.0, 1.0]))
    new = [*old[:17], replace(old[17], **changes), *old[18:]]
    case = gated(old, new)[measure]
    assert case.status is Status.FAILED
    of = "120" if measure == "unrecovered" else "3000"
    rate = "3.1" if measure == "unrecovered" else "0.13"
    assert case.text.startswith(
        f"{measure}: 1 of {of}, baseline 0 of {of} (true rate below {rate} %, 95 %); "
        "in 1 of 60 trials"
    )
    assert case.text.endswith("; see seed 18")
    assert case.look_at == "nowhere/index.html#made-up/a"
    assert ("up to 3 at once" in case.text) == (measure == "overlap")


def test_one_overlap_is_no_alarm_where_nobody_promised_that_there_is_none() -> None:
    old = plain(60)
    new = [*old[:17], replace(old[17], overlap_count=1, concurrency=2), *old[18:]]
    queue = {"a": Configuration("postgres-queue", exclusive=False)}
    assert gated(old, new)["overlap"].status is Status.FAILED
    assert gated(old, new, configurations=queue)["overlap"].status is Status.PASSED


def test_none_again_passes() -> None:
    cases = gated(plain(), plain(first=50))
    assert cases["duplicate"].status is Status.PASSED
    assert worst(list(cases.values())) is Status.PASSED


def test_a_little_more_of_what_the_baseline_had_passes() -> None:
    cases = gated(trials(30, "old"), trials(30, "new"))
    assert worst(list(cases.values())) is Status.PASSED


def test_much_more_of_what_the_baseline_had_fails_with_how_much_and_how_sure() -> None:
    cases = gated(trials(30, "old"), trials(30, "new", duplicates=0.2))
    case = cases["duplicate"]
    assert case.status is Status.FAILED
    assert case.text.startswith("duplicate: 2.3 % -> 20 % (+779 %; 95 %: +600 to +1070 %; ")
    assert "p < 0.0001 after Holm" in case.text
    assert "30 trials against 30" in case.text
    assert case.figures["baseline"] == pytest.approx(0.02, abs=0.01)
    assert case.figures["now"] == pytest.approx(0.2, abs=0.03)


def test_a_time_that_doubled_fails() -> None:
    cases = gated(recovering(15, "old", 2.0), recovering(15, "new", 4.0))
    assert cases["failover_p50"].status is Status.FAILED
    assert cases["failover_p50"].figures["ratio"] == pytest.approx(2.0, abs=0.2)


def test_a_time_beyond_the_end_is_longer_than_any_and_never_dropped() -> None:
    old = [make_tally(seed, failover=samples([2.0, 2.1, 50.0], end=20.0)) for seed in range(15)]
    new = [make_tally(seed, failover=samples([2.0, 50.0, 50.0], end=20.0)) for seed in range(15)]
    case = gated(old, new)["failover_p50"]
    assert case.status is Status.FAILED
    assert "2.10 s -> > end" in case.text
    assert case.figures["now"] is None


def test_a_change_within_the_tolerance_passes_however_sure_it_is() -> None:
    cases = gated(recovering(60, "old", 2.0, 0.01), recovering(60, "new", 2.2, 0.01))
    assert cases["failover_p50"].status is Status.PASSED
    assert not cases["failover_p50"].notable


def test_a_large_part_of_very_little_passes() -> None:
    late = [[0.001] * 20, [0.003] * 20]
    old, new = (plain(20, lateness=array("d", one)) for one in late)
    assert gated(old, new)["lateness_p50"].status is Status.PASSED


def test_a_change_that_may_be_chance_passes_and_says_how_many_trials_would_show_it() -> None:
    cases = gated(recovering(12, "old", 2.0, 0.9), recovering(12, "x", 3.0, 0.9))
    case = cases["failover_p50"]
    assert (case.status, case.notable) == (Status.PASSED, True)
    assert case.text.startswith("not sure: failover_p50")
    assert "trials on both sides would show it" in case.text


def test_too_few_trials_to_tell_are_told_and_fail_nothing() -> None:
    cases = gated(recovering(3, "old", 2.0), recovering(3, "new", 6.0))
    case = cases["failover_p50"]
    assert (case.status, case.notable) == (Status.SKIPPED, True)
    assert case.text.startswith("too few trials to tell: failover_p50: ")
    assert "3 trials against 3; it takes at least 8 against 8" in case.text
    assert worst(list(cases.values())) is Status.PASSED


def test_too_few_trials_are_told_even_where_nothing_moved() -> None:
    one = gated(plain(3), plain(3, first=9))["trials"]
    assert (one.status, one.approach, one.notable) == (Status.SKIPPED, "all", True)
    assert one.text.startswith("3 trials against 3 are too few to tell a change")
    assert "trials" not in gated(plain(30), plain(30, first=90))


def test_what_got_better_is_told_and_passes() -> None:
    case = gated(recovering(15, "old", 4.0), recovering(15, "new", 2.0))["failover_p50"]
    assert (case.status, case.notable) == (Status.PASSED, True)
    assert case.text.startswith("better: failover_p50: ")


def test_the_same_seeds_in_virtual_time_are_pairs_which_show_less() -> None:
    random = Random(1)
    often = [random.randint(5, 25) for _ in range(30)]
    old, new = (
        [
            make_tally(seed, outcomes={Outcome.ONCE: 50 - n - more, Outcome.LOST: n + more})
            for seed, n in enumerate(often)
        ]
        for more in (0, 4)
    )
    paired, apart = (gated(old, new, runtime=where)["missed"] for where in ("sim", "process"))
    assert paired.status is Status.FAILED
    assert "30 pairs of trials" in paired.text
    assert apart.status is Status.PASSED
    assert apart.notable


def test_what_was_measured_in_the_baseline_and_not_now_cannot_be_judged() -> None:
    case = gated(recovering(10, "old", 2.0), plain(10))["failover_p50"]
    assert case.status is Status.ERROR
    assert "nothing measured" in case.text


def test_what_is_measured_for_the_first_time_passes() -> None:
    cases = gated(plain(10), recovering(10, "new", 2.0))
    assert cases["failover_p50"].status is Status.SKIPPED
    assert worst(list(cases.values())) is Status.PASSED


def test_the_same_histories_are_identical_unless_their_figures_changed() -> None:
    old = [make_tally(seed, checksum=seed) for seed in range(5)]
    assert list(gated(old, old)) == ["all"]
    assert "5 histories identical" in gated(old, old)["all"].text
    judged_otherwise = [replace(one, outcomes={Outcome.LOST: 50}) for one in old]
    assert gated(old, judged_otherwise)["missed"].status is Status.FAILED


def status(reports: list[Report], old: Report, *across: Across) -> tuple[Status, list[str]]:
    cases = against(reports, [old.record], across)
    return worst(cases), [case.text for case in cases if case.status is not Status.PASSED]


def test_an_approach_of_the_baseline_that_is_gone_cannot_pass() -> None:
    old = report({"a": plain(), "b": plain()})
    for new, why in (
        (report({"a": plain()}), "here it was not run"),
        (report({"a": plain(), "b": "no Redis"}), "here skipped: no Redis"),
        (report({"a": plain(), "b": plain(invalid=("x",))}), "here it has no valid trial"),
    ):
        found, (text,) = status([new], old)
        assert found is Status.ERROR
        assert f"the baseline has 10 trials of it, {why}" in text
        assert status([new], old, Across.MISSING)[0] is Status.PASSED


def test_a_scenario_of_the_baseline_without_a_report_cannot_pass() -> None:
    old, other = report({"a": plain()}), report({"a": plain()}, scenario="another")
    cases = against([old], [old.record, other.record])
    assert worst(cases) is Status.ERROR
    (gone,) = (case for case in cases if case.status is Status.ERROR)
    assert (gone.scenario, gone.approach) == ("another", "all")
    assert worst(against([old], [old.record, other.record], {Across.MISSING})) is Status.PASSED


def test_what_is_new_is_told_and_passes() -> None:
    old = report({"a": plain()})
    new = report({"a": plain(), "b": plain()})
    other = report({"c": plain()}, scenario="another")
    cases = against([new, other], [old.record])
    assert worst(cases) is Status.PASSED
    told = [(case.scenario, case.approach) for case in cases if case.status is Status.SKIPPED]
    assert told == [("another", "all"), ("made-up", "b")]


def test_other_parameters_are_refused_unless_told() -> None:
    old, new = report({"a": plain()}, {"ttl": 1.0}), report({"a": plain()}, {"ttl": 2.0})
    with pytest.raises(Refused) as refused:
        against([new], [old.record], {Across.MACHINE})
    assert [str(one) for one in refused.value.differences] == [
        "made-up (process), a: ttl was 1.0, is 2.0; to compare all the same: --across parameters"
    ]
    assert worst(against([new], [old.record], {Across.PARAMETERS})) is Status.PASSED


def test_another_runtime_of_the_scenario_is_refused_unless_told() -> None:
    old, new = report({"a": plain()}, runtime="sim"), report({"a": plain()})
    with pytest.raises(Refused, match="runtime was sim, is process"):
        against([new], [old.record])


def by_name(cases: list[Case]) -> dict[tuple[str, str], Case]:
    return {(case.approach, case.name): case for case in cases}


def test_a_report_alone_is_judged_by_its_trials_and_its_expectations() -> None:
    one = report(
        {
            "good": plain(),
            "bad": plain(outcomes={Outcome.ONCE: 49, Outcome.DUPLICATE: 1}),
            "half": [*plain(4), make_tally(9, invalid=("crash#1 did not land",))],
            "none": plain(2, invalid=("no worker",)),
            "away": "no Redis here",
        },
        expect=(
            Expectation("all", "duplicate", maximum=0),
            Expectation("good", "failover_p50", maximum=3.0),
            Expectation("away", "missed", maximum=0),
        ),
    )
    found = by_name(alone([one]))
    statuses = {key: case.status for key, case in found.items()}
    assert statuses == {
        ("good", "trials that count"): Status.PASSED,
        ("bad", "trials that count"): Status.PASSED,
        ("half", "trials that count"): Status.ERROR,
        ("none", "trials that count"): Status.ERROR,
        ("away", "trials that count"): Status.SKIPPED,
        ("good", "duplicate at most 0"): Status.PASSED,
        ("bad", "duplicate at most 0"): Status.FAILED,
        ("half", "duplicate at most 0"): Status.PASSED,
        ("good", "failover_p50 at most 3s"): Status.ERROR,
        ("away", "missed at most 0"): Status.SKIPPED,
    }
    assert found["bad", "duplicate at most 0"].text == (
        "duplicate is 10, expected at most 0; see seed 1"
    )
    text = found["half", "trials that count"].text
    assert text == "1 of 5 trials invalid: seed 9: crash#1 did not land"
    assert {case.kind for case in found.values()} == {Kind.TRIALS, Kind.EXPECTATION}


@pytest.mark.parametrize(
    ("tallies", "changes"),
    [
        ({"a": plain(partial=True)}, {}),
        ({"a": plain()}, {"interrupted": True}),
        ({"a": plain(), "b": plain(9)}, {"repeat": 10}),
        ({}, {}),
    ],
)
def test_a_run_that_was_cut_short_or_empty_cannot_be_judged(
    tallies: dict[str, list[Tally]], changes: dict[str, Any]
) -> None:
    assert worst(alone([report(tallies, **changes)])) is Status.ERROR


def test_fewer_trials_than_were_asked_for_are_told_and_no_note_is_taken_for_an_interruption() -> (
    None
):
    short = alone([report({"a": plain(9)}, repeat=10)])
    assert [case.text for case in short] == ["9 trials, and 10 were asked for"]
    notes = ("Interrupted sleep is what this scenario is about.",)
    assert worst(alone([report({"a": plain()}, repeat=10, notes=notes)])) is Status.PASSED


def lossy(seeds: range, more: int) -> list[Tally]:
    """Trials whose lost runs are mostly their seed's doing."""
    often = {seed: Random(seed).randint(5, 25) + more for seed in seeds}
    return [
        make_tally(seed, outcomes={Outcome.ONCE: 50 - n, Outcome.LOST: n})
        for seed, n in often.items()
    ]


def test_the_seeds_that_both_have_are_pairs_even_if_the_new_run_has_more() -> None:
    old, new = lossy(range(30), 0), lossy(range(8, 50), 4)
    case = gated(old, new, runtime="sim")["missed"]
    assert case.status is Status.FAILED
    assert "22 pairs of the same seeds, of 42 trials against 30" in case.text
    worst_one = max(new[:22], key=lambda one: one.outcomes[Outcome.LOST])
    assert case.text.endswith(f"see seed {worst_one.seed}")
    calls = gated(old, new, runtime="sim")["calls_per_run"]
    assert calls.text.endswith(
        "as in the baseline; 22 pairs of the same seeds, of 42 trials against 30"
    )
    few = gated(old, lossy(range(11, 50), 4), runtime="sim")["missed"]
    assert (few.status, few.notable) == (Status.PASSED, True)
    assert "39 trials against 30" in few.text


def test_a_scenario_in_two_runtimes_must_be_run_in_both() -> None:
    here, there = (report({"a": plain()}, runtime=where) for where in ("sim", "process"))
    cases = against([here], [here.record, there.record])
    (gone,) = (case for case in cases if case.status is Status.ERROR)
    assert (gone.scenario, gone.runtime) == ("made-up", "process")
    assert worst(against([here, there], [there.record, here.record])) is Status.PASSED
    assert worst(against([here], [here.record])) is Status.PASSED


def test_fewer_than_half_of_the_trials_are_refused_unless_told() -> None:
    old = report({"a": plain(60), "b": plain(60), "c": plain(20)})
    new = report({"a": plain(29), "b": plain(29), "c": plain(10)})
    with pytest.raises(Refused) as refused:
        against([new], [old.record])
    assert [str(one) for one in refused.value.differences] == [
        "made-up (process): the number of trials of a, b was 60, is 29; "
        "to compare all the same: --across trials"
    ]
    assert worst(against([new], [old.record], {Across.TRIALS})) is Status.PASSED
    half = report({"a": plain(30), "b": plain(90), "c": plain(10)})
    assert worst(against([half], [old.record])) is Status.PASSED


def test_a_run_cut_short_is_no_shrunken_one_for_it_cannot_pass() -> None:
    old, new = report({"a": plain(60)}), report({"a": plain(9)}, interrupted=True)
    assert worst([*alone([new]), *against([new], [old.record])]) is Status.ERROR


def failing_now_and_then(count: int, rare: int, first: int) -> list[Tally]:
    """Trials of 50 runs, of which so many have one duplicate."""
    twice = {Outcome.ONCE: 49, Outcome.DUPLICATE: 1}
    return [
        make_tally(seed, outcomes=twice if seed - first < rare else {Outcome.ONCE: 50})
        for seed in range(first, first + count)
    ]


@pytest.mark.parametrize(
    ("count", "before", "now", "status", "notable"),
    [
        (48, 1, 2, Status.PASSED, False),
        (48, 1, 11, Status.PASSED, True),
        (48, 1, 24, Status.FAILED, False),
        (400, 5, 60, Status.FAILED, False),
    ],
)
def test_what_goes_wrong_more_often_is_seen_however_many_runs_go_well(
    count: int, before: int, now: int, status: Status, notable: bool
) -> None:
    old, new = (failing_now_and_then(count, rare, 1000 * rare) for rare in (before, now))
    case = gated(old, new)["duplicate"]
    assert (case.status, case.notable) == (status, notable)
    assert case.text.startswith("not sure: ") == notable


def test_a_measure_that_the_baseline_was_written_without_is_said_and_fails_nothing() -> None:
    old, new = report({"a": plain()}).record, report({"a": recovering(10, "new", 2.0)})
    (one,) = old.approaches
    counts = {name: row for name, row in one.counts.items() if name != "duplicate"}
    times = {name: row for name, row in one.times.items() if name != "failover"}
    lacking = replace(old, approaches=(replace(one, counts=counts, times=times),))
    cases = against([new], [lacking])
    told = {case.measure: case.text for case in cases if case.notable}
    assert told.keys() == {"duplicate", "failover_p50", "failover_p95"}
    assert told["duplicate"] == (
        "duplicate: the baseline has nothing to compare with, which was written without it"
    )
    assert worst(cases) is Status.PASSED


def test_the_link_to_a_strange_name_is_that_of_the_page() -> None:
    strange = "a \u202eb\ud800/~c"
    one = report({strange: plain()}, scenario=strange)
    case = alone([one])[0]
    assert case.page == f"nowhere/index.html#{encoded(strange)}/{encoded(strange)}"
    case.page.encode()


def test_one_history_and_several_are_counted_in_words() -> None:
    for count, words in ((1, "1 history identical"), (2, "2 histories identical")):
        old = [make_tally(seed, checksum=seed) for seed in range(count)]
        assert gated(old, old)["all"].text.startswith(words)
