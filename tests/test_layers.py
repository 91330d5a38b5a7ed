"""What a worker process loads: it is forked by the dozen, and starts in milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"jinja2", "matplotlib", "pandas", "pydantic", "rich", "scipy", "typer"}


def heavy_modules_loaded_by(statement: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after that statement."""
    program = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )
    return HEAVY & set(json.loads(done.stdout))


def test_a_worker_stays_light() -> None:
    assert heavy_modules_loaded_by("import harness.runtimes.zygote") == set()


def test_a_heavy_module_would_be_noticed() -> None:
    assert heavy_modules_loaded_by("import harness.faults.crash") == {"pydantic"}
