"""How `chaos.run` runs where the test does not say: marker, options, configuration file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MARKER = (
    "chaos(runtime, repeat, seed, workers, duration): what chaos.run does in this test "
    "unless it is told otherwise"
)

_RUNTIMES = ("sim", "process")
_MARKED = ("runtime", "repeat", "seed", "workers", "duration")
# Simulated trials cost milliseconds, live ones half a minute.
_REPEAT = {"sim": 10, "process": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything about a run but its scenario.

    `out` is where reports are to stay, None for pytest's temporary directory; `scenarios` is where
    a scenario's name is looked up; `strict` fails a test that this machine cannot run, which is
    skipped else. `test` is the name of the test.
    """

    marked: Mapping[str, Any]
    runtime: str
    repeat: int | None
    seed: int
    out: Path | None
    strict: bool
    scenarios: Path
    test: str

    def chosen(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the call gives, else the marker, else the options; each but None counts."""
        __tracebackhide__ = True
        plain = {"runtime": self.runtime, "repeat": self.repeat, "seed": self.seed}
        chosen = {
            name: next(
                (each[name] for each in (given, self.marked, plain) if each.get(name) is not None),
                None,
            )
            for name in _MARKED
        }
        if chosen["runtime"] not in _RUNTIMES:
            raise pytest.UsageError(f"runtime must be sim or process, not {chosen['runtime']!r}")
        if chosen["repeat"] is None:
            chosen["repeat"] = _REPEAT[chosen["runtime"]]
        for name, least in (("repeat", 1), ("seed", 0)):
            value = chosen[name]
            if type(value) is not int or value < least:
                raise pytest.UsageError(
                    f"{name} must be a whole number from {least}, not {value!r}"
                )
        return chosen


def add_options(parser: pytest.Parser) -> None:
    """The options, and the same in the configuration file."""
    group = parser.getgroup("chaos", "chaos-harness")
    group.addoption(
        "--chaos-runtime",
        choices=_RUNTIMES,
        help="where scenarios run: sim (virtual time, the default) or process (real servers)",
    )
    group.addoption(
        "--chaos-repeat",
        type=int,
        metavar="N",
        help="trials of each approach; by default 10 in sim, 1 live",
    )
    group.addoption("--chaos-seed", type=int, metavar="SEED", help="what all chance is drawn from")
    group.addoption(
        "--chaos-out",
        metavar="DIR",
        help="keep a report of every run here; else there is one where a test fails",
    )
    group.addoption(
        "--chaos-strict",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="fail, not skip, where a coordinator is missing; the default where CI is set",
    )
    parser.addini("chaos_runtime", "where scenarios run: sim or process", default="sim")
    parser.addini("chaos_repeat", "trials of each approach", default="")
    parser.addini("chaos_seed", "what all chance is drawn from", default="1")
    parser.addini("chaos_out", "keep a report of every run here", default="")
    parser.addini("chaos_strict", "fail where a coordinator is missing: true, false", default="")
    parser.addini("chaos_scenarios", "where scenarios are looked up by name", default="scenarios")


def settings_of(request: pytest.FixtureRequest) -> Settings:
    """The settings of the test, or module, that asks. Raises UsageError."""
    config = request.config
    out = config.getoption("--chaos-out")
    written = config.getini("chaos_out")
    if out is not None:
        out = config.invocation_params.dir / out
    elif written:
        out = config.rootpath / written
    return Settings(
        marked=_marked(request.node),
        runtime=_either(config, "runtime", str),
        repeat=_either(config, "repeat", int),
        seed=_either(config, "seed", int),
        out=out,
        strict=_strict(config, os.environ),
        scenarios=config.rootpath / config.getini("chaos_scenarios"),
        test=request.node.name,
    )


def _either(config: pytest.Config, name: str, kind: Callable[[str], Any]) -> Any:
    """The option, else what the configuration file says, else None."""
    given = config.getoption(f"--chaos-{name}")
    if given is not None:
        return given
    written = config.getini(f"chaos_{name}")
    try:
        return kind(written) if written else None
    except ValueError:
        raise pytest.UsageError(f"chaos_{name} must be a number, not {written!r}") from None


def _strict(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    given = config.getoption("--chaos-strict")
    if given is not None:
        return bool(given)
    written = config.getini("chaos_strict") or environ.get("CI", "")
    return written.strip().lower() not in ("", "0", "false", "no", "off")


def _marked(node: Any) -> dict[str, Any]:
    """What the markers say; the nearest one counts."""
    found: dict[str, Any] = {}
    for marker in node.iter_markers("chaos"):
        unknown = sorted(set(marker.kwargs) - set(_MARKED))
        if marker.args or unknown:
            wrong = f"not {', '.join(unknown)}" if unknown else "by name"
            raise pytest.UsageError(f"the marker chaos takes {', '.join(_MARKED)}; {wrong}")
        found = {**marker.kwargs, **found}
    return found
