"""Cases as annotations of a GitHub workflow: lines on stdout that GitHub shows beside a change.

Source: GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from collections.abc import Sequence

from harness.gate.model import Case, Kind, Status
from harness.report.phrases import clean
from harness.verdict.measures import in_seconds

MOST = 10
"""GitHub shows so many annotations of one level from one step, and drops the others unsaid."""

# An invalid trial guards nothing: it must not be less visible than a violation.
_LEVELS = {
    "error": (Status.FAILED, Status.ERROR),
    "warning": (Status.PASSED,),
    "notice": (Status.SKIPPED,),
}
_KINDS = (Kind.EXPECTATION, Kind.BASELINE, Kind.TRIALS)


def annotations(cases: Sequence[Case]) -> list[str]:
    """A workflow command for each case that did not pass, or is notable; most important first.

    Violations and invalid trials are errors, what is notable is a warning, what was skipped a
    notice. Within a level, violations come before invalid trials, what somebody wrote down before
    what changed, counts before times. The last one says how many more there are.
    """
    lines = []
    for level, statuses in _LEVELS.items():
        found = [case for case in cases if case.status in statuses and _told(case)]
        found.sort(key=lambda case: _rank(case, statuses))
        shown = found if len(found) <= MOST else found[: MOST - 1]
        lines += [_command(level, _title(case), _message(case)) for case in shown]
        if len(shown) < len(found):
            lines.append(_more(level, found[len(shown) :]))
    return lines


def _told(case: Case) -> bool:
    return case.notable or case.status is not Status.PASSED


def _rank(case: Case, statuses: Sequence[Status]) -> tuple[int, int, bool]:
    return statuses.index(case.status), _KINDS.index(case.kind), in_seconds(case.measure)


def _title(case: Case) -> str:
    return f"{case.scenario}, {case.approach} ({case.runtime}): {case.name}"


def _message(case: Case) -> str:
    return case.text if case.look_at is None else f"{case.text}; look at {case.look_at}"


def _more(level: str, rest: Sequence[Case]) -> str:
    counts = {status: sum(case.status is status for case in rest) for status in _LEVELS[level]}
    which = ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)
    return _command(level, f"and {len(rest)} more", f"not shown here: {which}")


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    # `clean` leaves no line break: what it may hold besides is the sign that escapes begin with.
    return clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
