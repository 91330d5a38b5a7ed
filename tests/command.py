"""The `harness` command as users run it: a process of its own, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
from harness.history.reading import History, read_history

ROOT = Path(harness.__file__).parents[1]
COMMAND = Path(sys.executable).with_name("harness")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to; `directory` is where a run wrote its report."""

    code: int
    out: str
    err: str
    directory: Path

    @property
    def document(self) -> dict[str, Any]:
        """Its results.json."""
        document: dict[str, Any] = json.loads((self.directory / "results.json").read_text())
        return document

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results by approach."""
        return {result["approach"]: result for result in self.document["results"]}

    def history(self, approach: str) -> History:
        """The history of the approach's first trial."""
        return read_history(self.directory / "histories" / f"{approach}-1.jsonl")

    def histories(self, approach: str = "*") -> Iterator[History]:
        """All its histories, or those of one approach."""
        for path in sorted((self.directory / "histories").glob(f"{approach}-[0-9]*.jsonl")):
            yield read_history(path)


def run_harness(
    *arguments: str | Path,
    directory: Path = Path(),
    env: Mapping[str, str] | None = None,
    program: tuple[str | Path, ...] = (COMMAND,),
) -> Ran:
    """Run a command to its end; `env` is added to ours, `program` stands in for `harness`."""
    done = subprocess.run(
        [*program, *arguments],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180.0,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr, directory)


def run_scenario(scenario: str | Path, directory: Path, *options: str, **more: Any) -> Ran:
    """`harness run` with its report in `directory`, and the JSON on stdout."""
    arguments = ("run", scenario, "--json", "--out", directory, *options)
    return run_harness(*arguments, directory=directory, **more)
