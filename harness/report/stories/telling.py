"""Telling the stories of a trial."""

from __future__ import annotations

from harness.report.stories import never, twice
from harness.report.stories.drawing import drawn
from harness.report.stories.mermaid import mermaid
from harness.report.stories.record import Record, record_of
from harness.report.stories.sequence import course
from harness.report.stories.story import Story
from harness.report.stories.stretch import stretch
from harness.report.stories.violations import Violation, violations_in
from harness.verdict.model import Verdict


def stories(verdict: Verdict, limit: int = 5) -> tuple[Story, ...]:
    """The violations of a trial told, at most `limit`: of each kind the first, then by time.

    What happened is read from the history at `verdict.path`; without one, the runs alone tell.
    How many there are in all, `harness.report.stories.violations` says.
    """
    record = record_of(verdict)
    return tuple(_told(violation, record) for violation in violations_in(record)[:limit])


def _told(violation: Violation, record: Record) -> Story:
    voice = never if violation.never else twice
    title = voice.title(violation)
    start, end = stretch(violation, record)
    steps = course(violation, record)
    return Story(
        kind=violation.kind,
        title=title,
        start=round(start, 3),
        end=round(end, 3),
        sentences=tuple(voice.sentences(violation, record)),
        mermaid=mermaid(steps),
        svg=drawn(steps, title),
    )
