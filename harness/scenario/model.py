"""What a scenario is. All times in seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Annotated, Any, Literal

from harness.scenario.duration import PositiveSeconds, Seconds, format_duration
from harness.scenario.share import Share

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema

ALL = "all"
"""What `expect` calls every approach; so none can have this name."""

SLUG = re.compile(r"[a-z0-9-]+")
"""What the names of scenarios and approaches look like: they become names of files."""

Sink = Literal["none", "dedup", "version", "fencing"]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a scenario may name. The layers above hand it in.

    `approaches` maps names to frozen dataclasses whose fields are the parameters, each with a
    default; `faults` maps types to pydantic dataclasses that have `times(duration)`, when they are
    planned, `when`, what they wait for if they do, `lasts`, `brings`, their jobs, and
    `misfits(duration)`, which of their fields do not fit a trial that long; `measures` are what
    `expect` may bound.
    """

    approaches: Mapping[str, type]
    faults: Mapping[str, type]
    measures: Collection[str]


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal duration: its `median`, and the `sigma` of its logarithm, 0 or more."""

    median: PositiveSeconds
    sigma: float

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < math.inf:
            raise ValueError(f"sigma must be 0 or more, not {self.sigma}")


class _SecondsOrLogNormal:
    """Tells pydantic which of the two is written, so that messages speak of that one only."""

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.tagged_union_schema(
            {
                "seconds": handler.generate_schema(Seconds),
                "log-normal": handler.generate_schema(LogNormal),
            },
            discriminator=lambda given: (
                "log-normal" if isinstance(given, dict | LogNormal) else "seconds"
            ),
        )


Takes = Annotated[float | LogNormal, _SecondsOrLogNormal()]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run on a schedule. `first` is its first due time, by default `every`.

    It is due no more from `until` on; without it, to the end.
    """

    name: str
    every: PositiveSeconds
    first: Seconds = math.nan
    takes: Takes = 0.0
    until: PositiveSeconds | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.first):
            object.__setattr__(self, "first", self.every)
        if self.until is not None and self.until <= self.first:
            first, until = format_duration(self.first), format_duration(self.until)
            raise ValueError(f"until must be after its first due time, {first}, not {until}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How far the workers' clocks are apart: each has a fixed offset within ±spread/2."""

    spread: Seconds = 0.0


MOST_NODES = 7
"""How many servers a coordinator may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a coordinator is made of.

    `nodes`: independent Redis servers (Redlock), or the servers of a ZooKeeper ensemble.
    `replicas`: how many of them follow a primary and may be promoted (Redis, Postgres).
    `persistent`: whether Redis keeps its data on disk; the others always do.
    """

    nodes: int = 1
    replicas: int = 0
    persistent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What a worker does about a run that failed: try again, under the lease that it still has.

    Up to `attempts` runs in all. It waits `backoff` before the second one and `factor` times as
    long before each that follows, at most `longest`; each wait is shortened at random by up to
    the share `jitter`.
    """

    attempts: int = 3
    backoff: Seconds = 0.1
    factor: float = 2.0
    longest: PositiveSeconds = 10.0
    jitter: Share = 0.5

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be 1 or more, not {self.attempts}")
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"factor must be 1 or more, not {self.factor:g}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must be a share from 0 to 1, not {self.jitter:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """When a worker stops asking a coordinator that does not answer (Nygard, "Release It!").

    After `failures` failed calls in a row every call fails at once for `open_for`, but for those
    that give something up; then one call is let through, which closes it or opens it again.
    """

    failures: int = 5
    open_for: PositiveSeconds = 1.0

    def __post_init__(self) -> None:
        if self.failures < 1:
            raise ValueError(f"failures must be 1 or more, not {self.failures}")


@dataclass(frozen=True, slots=True)
class FaultChoice:
    """A fault that the scenario asks for: its type, and an instance of the catalog's class."""

    type: str
    params: Any


class AsScenario(Enum):
    """Says of an approach's policy that it is the scenario's."""

    SAME = auto()


SAME = AsScenario.SAME


@dataclass(frozen=True, slots=True)
class ApproachChoice:
    """An approach that the scenario asks for, under the name that results carry.

    `approach` is its name in the catalog, `params` an instance of the catalog's class, `given`
    the parameters as the file wrote them; `sink`, `retry` and `circuit_breaker` override the
    scenario's, the last two also with None, for none. Where there is an `others`, the first half of
    the workers (rounded up) runs this approach, the second half that one.
    """

    name: str
    approach: str
    params: Any
    given: Mapping[str, Any] = field(default_factory=dict)
    sink: Sink | None = None
    retry: Retry | AsScenario | None = SAME
    circuit_breaker: CircuitBreaker | AsScenario | None = SAME
    others: ApproachChoice | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Inclusive bounds for a measure of one approach, or of `all`. Durations in seconds."""

    approach: str
    measure: str
    minimum: float | None = None
    maximum: float | None = None


def expected_of(expect: Sequence[Expectation], name: str) -> tuple[Expectation, ...]:
    """What of these is expected of the approach of this name.

    What is said of it by name goes before what is said of `all` on that measure.
    """
    own = [bound for bound in expect if bound.approach == name]
    named = {bound.measure for bound in own}
    shared = (b for b in expect if b.approach == ALL and b.measure not in named)
    return (*own, *shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens to the service.

    `grace` is how late after its due time a run may start without being `late`, and what the
    trial leaves after the last expected due time. `misfire_grace` is how late an instance may
    notice a due time and still run it; `max_instances` how many runs of a job it may have in
    progress. `request_timeout` is how long a worker waits for a coordinator's answer before it
    calls the outcome indeterminate. `coordinators` says what those are made of that are more than
    one server.
    """

    name: str
    description: str = ""
    workers: int = 5
    duration: PositiveSeconds
    grace: Seconds = 2.0
    misfire_grace: Seconds = 1.0
    max_instances: int = 1
    request_timeout: PositiveSeconds = 1.0
    clocks: Clocks = Clocks()
    sink: Sink = "none"
    retry: Retry | None = None
    circuit_breaker: CircuitBreaker | None = None
    coordinators: Mapping[str, Layout] = field(default_factory=dict)
    jobs: tuple[Job, ...]
    faults: tuple[FaultChoice, ...] = ()
    approaches: tuple[ApproachChoice, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @property
    def worker_names(self) -> tuple[str, ...]:
        """`worker-1` to `worker-N`."""
        return tuple(f"worker-{number}" for number in range(1, self.workers + 1))

    @property
    def all_jobs(self) -> tuple[Job, ...]:
        """Its jobs, and those that faults bring along."""
        return (*self.jobs, *(job for fault in self.faults for job in fault.params.brings))

    def retry_of(self, choice: ApproachChoice) -> Retry | None:
        """What a worker of this approach does about a run that failed; None for nothing."""
        return self.retry if isinstance(choice.retry, AsScenario) else choice.retry

    def circuit_breaker_of(self, choice: ApproachChoice) -> CircuitBreaker | None:
        """When a worker of this approach stops asking its coordinator; None for never."""
        own = choice.circuit_breaker
        return self.circuit_breaker if isinstance(own, AsScenario) else own

    def expectations(self, name: str) -> tuple[Expectation, ...]:
        """What is expected of the approach of this name."""
        return expected_of(self.expect, name)
