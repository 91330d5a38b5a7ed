"""What a gate found, on a terminal: regressions first, the verdict last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

from rich.console import Console
from rich.text import Text

from harness.gate.model import Case, Kind, Status, worst
from harness.gate.wording import counted
from harness.report.phrases import clean

_SIGNS = {
    Status.FAILED: ("✗", "bold red"),
    Status.ERROR: ("!", "yellow"),
    Status.SKIPPED: ("-", "dim"),
    Status.PASSED: ("·", "green"),
}
# What counts most comes first: what somebody wrote down to hold, then what held before.
_KINDS = (Kind.EXPECTATION, Kind.BASELINE, Kind.TRIALS)
_FAILURES: Mapping[Kind, tuple[str, str]] = {
    Kind.EXPECTATION: ("expectation not met", "expectations not met"),
    Kind.BASELINE: ("regression", "regressions"),
    Kind.TRIALS: ("invalid run", "invalid runs"),
}


def print_cases(cases: Sequence[Case], console: Console) -> None:
    """Print what failed, what could not be judged, and what is worth knowing; then the verdict."""
    for status, kind in product(_SIGNS, _KINDS):
        about: dict[str, list[Case]] = {}
        for case in cases:
            if case.status is status and case.kind is kind and _told(case):
                whose = f"{case.scenario} ({case.runtime}), {case.approach}"
                about.setdefault(whose, []).append(case)
        for whose, own in about.items():
            _print(whose, own, console)
    console.print(Text(verdict(cases), style=_SIGNS[worst(cases)][1]))


def verdict(cases: Sequence[Case]) -> str:
    """The gate's last line: `gate: passed`, `gate: failed: 3 regressions`, or inconclusive."""
    count = Counter(case.status for case in cases)
    rest = [f"{count[Status.PASSED]} passed"]
    if count[Status.SKIPPED]:
        rest.append(f"{count[Status.SKIPPED]} skipped")
    errors = counted(count[Status.ERROR], "case") + " could not be judged"
    match worst(cases):
        case Status.FAILED:
            kinds = Counter(case.kind for case in cases if case.status is Status.FAILED)
            what = [
                f"{kinds[kind]} {_FAILURES[kind][kinds[kind] != 1]}"
                for kind in _KINDS
                if kinds[kind]
            ]
            more = [errors] if count[Status.ERROR] else []
            return f"gate: failed: {', '.join([*what, *more, *rest])}"
        case Status.ERROR:
            return f"gate: inconclusive: {', '.join([errors, *rest])}"
        case Status.SKIPPED:
            return f"gate: inconclusive: {', '.join(rest)}"
    if not any(case.kind is Kind.BASELINE for case in cases):
        rest.append("no baseline: only trials and expectations were looked at")
    return f"gate: passed: {', '.join(rest)}"


def _told(case: Case) -> bool:
    return case.notable or case.status in (Status.FAILED, Status.ERROR)


def _print(whose: str, cases: Sequence[Case], console: Console) -> None:
    """What there is to say of one approach, and where to look: the first history, and the page."""
    first = cases[0]
    sign, style = _SIGNS[first.status]
    line = Text(f"{sign} ", style=style)
    line.append(clean(whose), style="bold")
    console.print(line, soft_wrap=True)
    for case in cases:
        console.print(Text(f"    {clean(case.text)}", style=style), soft_wrap=True)
    if first.status is Status.FAILED:
        for where in dict.fromkeys(filter(None, (first.look_at, first.page))):
            console.print(Text(f"    look at {clean(where)}", style="dim"), soft_wrap=True)
