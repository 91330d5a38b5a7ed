"""Whom a fault hits: a worker by name, whoever has a role at that moment, or so many of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.scenario.share import percentage
from harness.scenario.wording import hint, shown

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema


class Form(StrEnum):
    """How a target names what it means. All but the last three stand for themselves in a file.

    running: in a run now. holder: holds a lease now. leader: leads now. random: any worker, by
    the seed. all: every worker. subject: whom the event is about that a fault waits for.
    coordinator: not a worker, but what they agree through.
    """

    RUNNING = "running"
    HOLDER = "holder"
    LEADER = "leader"
    RANDOM = "random"
    ALL = "all"
    SUBJECT = "subject"
    COORDINATOR = "coordinator"
    WORKER = "worker"
    COUNT = "count"
    SHARE = "share"


_WORDS = tuple(form.value for form in Form if form not in (Form.WORKER, Form.COUNT, Form.SHARE))
_WORKER = re.compile(r"worker-[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a fault hits. Only the field that belongs to `form` is set.

    `worker` is a name; `count` a number of workers, at least 1; `share` a part of them, more than
    0 and up to 1. A field of this type is filled by pydantic from what a scenario writes.
    """

    form: Form
    worker: str | None = None
    count: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        match self.form:
            case Form.WORKER:
                return str(self.worker)
            case Form.COUNT:
                return str(self.count)
            case Form.SHARE:
                return f"{100 * (self.share or 0):g}%"
        return self.form.value

    def how_many(self, workers: int) -> int:
        """How many of `workers` a count or a share means; a share rounds down, to at least 1."""
        if self.share is not None:
            # Rounded first: 29 % of 100 is 28.999999999999996 to a computer.
            return max(1, int(round(self.share * workers, 6)))
        return self.count or 1

    def misfit(self, workers: int) -> str | None:
        """Why this target cannot be found among so many workers; None if it can."""
        if self.worker is not None and int(self.worker.removeprefix("worker-")) > workers:
            return f"there is no {self.worker} among {workers} workers"
        if self.count is not None and self.count > workers:
            return f"there are no {self.count} workers, only {workers}"
        return None

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(parse_target)


def parse_target(written: object) -> Target:
    """A target from `worker-2`, `running`, `holder`, …, `3` or `50%`.

    Raises ValueError, in one line, on anything else.
    """
    if isinstance(written, Target):
        return written
    if isinstance(written, int) and not isinstance(written, bool):
        if written < 1:
            raise ValueError(f"must hit at least 1 worker, not {written}")
        return Target(Form.COUNT, count=written)
    if not isinstance(written, str):
        raise ValueError(
            f"must be a role such as running, a worker's name, a count such as 2"
            f" or a share such as 50%, not {shown(written)}"
        )
    text = written.strip()
    if text in _WORDS:
        return Target(Form(text))
    if _WORKER.fullmatch(text):
        return Target(Form.WORKER, worker=text)
    if (share := percentage(text)) is not None:
        if not 0 < share <= 1:
            raise ValueError(f"must be more than 0% and at most 100%, not {text}")
        return Target(Form.SHARE, share=share)
    raise ValueError(f"unknown target '{text}'; {hint(text, (*_WORDS, 'worker-1'))}")
