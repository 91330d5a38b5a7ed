"""Do trials that run side by side disturb each other? Each approach alone, then all at once.

Prints, for each approach, what was measured both ways and the ratio (side by side / alone). About
four minutes: `python benchmarks/side_by_side.py [SCENARIO] [DURATION]`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MEASURES = ("lateness p50", "lateness p95", "lease_wait p50", "failover p50")


def measured(scenario: str, duration: str, at_once: int) -> dict[str, dict[str, Any]]:
    """One run of the scenario: its results by approach, and how late the runner's timers were."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["harness", "run", scenario, "--duration", duration, "--json"]
        command += ["--side-by-side", str(at_once), "--out", str(Path(directory) / "run")]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        document = json.loads(done.stdout)
    print(f"{at_once} at once: timers late by {document['about']['timers late by']}")
    return {result["approach"]: result for result in document["results"]}


def main(scenario: str = "worker-crash", duration: str = "20s") -> None:
    """Measure both ways, and compare."""
    alone = measured(scenario, duration, at_once=1)
    together = measured(scenario, duration, at_once=len(alone))
    print(f"\n{'approach':24}{'measure':16}{'alone':>10}{'together':>10}{'ratio':>8}")
    for approach, result in alone.items():
        for measure in MEASURES:
            name, quantile = measure.split()
            one, many = result[name][quantile], together[approach][name][quantile]
            if one and many:
                times = f"{one * 1000:8.1f}ms{many * 1000:8.1f}ms"
                print(f"{approach:24}{measure:16}{times}{many / one:8.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
