"""A small catalog, and reading against it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from harness.scenario.duration import PositiveSeconds, Seconds
from harness.scenario.loading import parse_scenario
from harness.scenario.model import Catalog, Job, Scenario
from harness.scenario.problem import ScenarioError
from harness.scenario.target import Target


@dataclass(frozen=True, kw_only=True)
class Lock:
    ttl: Seconds = 2.0
    key: Literal["job", "run"] = "job"
    renew: bool = False
    tries: int = 1


@dataclass(frozen=True, kw_only=True)
class Nothing:
    pass


@dataclass(frozen=True, kw_only=True)
class When:
    kind: str
    nth: int = 1
    after: Seconds = 0.0
    fault: str | None = None


@pydantic_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Pause:
    target: Target
    for_: Annotated[Seconds, Field(alias="for")]
    at: Seconds | None = None
    every: PositiveSeconds | None = None
    when: When | None = None
    direction: Literal["both", "requests"] = "both"
    brings: ClassVar[tuple[Job, ...]] = ()

    @model_validator(mode="after")
    def _timed(self) -> "Pause":
        if self.at is None and self.every is None and self.when is None:
            raise ValueError("give a time: at, every or when")
        return self

    @property
    def lasts(self) -> float:
        return self.for_

    def misfits(self, duration: float) -> Iterator[tuple[str, str]]:
        if self.for_ >= duration:
            yield "for", "takes all of it"

    def times(self, duration: float) -> list[float]:
        return [time for time in (self.at, self.every, 0.0) if time is not None][:1]


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(
        approaches={"redis-lock": Lock, "redis-watchdog": Lock, "uncoordinated": Nothing},
        faults={"pause": Pause},
        measures={"duplicate", "missed", "overlap", "failover_p95"},
    )


@pytest.fixture
def parse(catalog: Catalog) -> Callable[[str], Scenario]:
    return lambda text: parse_scenario(text, catalog, "scenarios/small.yaml")


@pytest.fixture
def problems(parse: Callable[[str], Scenario]) -> Callable[[str], list[str]]:
    """The problems of a text, a line each without the name of the file."""

    def found(text: str) -> list[str]:
        try:
            parse(text)
        except ScenarioError as error:
            return [
                str(problem).removeprefix("scenarios/small.yaml:") for problem in error.problems
            ]
        return []

    return found
