"""Real histories under hostile names: what was run stays, what everything is called does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from harness.history.reading import read_history
from harness.report.model import Comparison
from harness.report.page.entry import Entry
from harness.report.page.rendering import overview, page
from harness.verdict.judge import judge
from harness.verdict.model import Verdict
from harness.verdict.result import skipped, summarize
from harness.verdict.tally import tally

NAMES = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "</style><img src=x onerror=alert(3)>",
    '"\'` onclick=alert(4) x="',
    "x" * 300,
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "__proto__",
    "constructor",
    "%2F",
    "#",
    "/",
    "{{ 7 * 7 }} ${7 * 7}",
    "&lt;b&gt; <b>",
    "a/b#c?d=e&f%20g@1",
    "hasOwnProperty",
)


def hostile(directory: Path, source: Sequence[Path]) -> Comparison:
    """A comparison in which everything that has a name has one of NAMES. Its files lie below.

    `source` are the histories to take, again and again.
    """
    given = cycle(source)
    verdicts = {
        name: (_renamed(directory / f"{place}.jsonl", next(given), place),)
        for place, name in enumerate(NAMES)
    }
    tallies = {name: [tally(one) for one in found] for name, found in verdicts.items()}
    results = [summarize(name, found) for name, found in tallies.items()]
    results[3] = replace(results[3], invalid=NAMES, invalid_trials=1, trials=2)
    return Comparison(
        scenario=NAMES[0] + NAMES[14],
        description=" ".join(NAMES),
        runtime=NAMES[3],
        seed=1,
        results=tuple(results),
        tallies=tallies,
        verdicts=verdicts,
        about={name: name for name in NAMES} | {"command": " ".join(NAMES)},
        notes=NAMES,
    )


def write_pages(comparison: Comparison, directory: Path) -> tuple[Path, Path]:
    """The page of a comparison, and one on it and on others that were skipped, under all names."""
    one, several = directory / "index.html", directory / "overview.html"
    one.write_bytes(page(comparison, directory).encode("utf-8", "replace"))
    none = replace(comparison, results=tuple(skipped(name, name) for name in NAMES), verdicts={})
    entries = [Entry(name, comparison if name == NAMES[0] else none, directory) for name in NAMES]
    several.write_bytes(overview(NAMES[0], entries, directory).encode("utf-8", "replace"))
    return one, several


def _renamed(target: Path, source: Path, place: int) -> Verdict:
    """A history under other names, judged again."""
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    trial = rows[0]
    fresh = _fresh(place)
    old = [*trial["workers"], *(job["name"] for job in trial["jobs"])]
    old += [*(fault["fault"] for fault in trial["faults"]), *trial["parameters"]]
    known = {name: next(fresh) for name in dict.fromkeys(old)}
    known[trial["approach"]] = known["simulated"] = NAMES[place]
    known |= {trial["scenario"]: NAMES[0] + NAMES[14], "sim": NAMES[3]}
    lines = [json.dumps(_told(row, known)) for row in rows]
    target.write_text("\n".join(lines) + "\n", "utf-8")
    return judge(read_history(target))


def _fresh(place: int) -> Iterator[str]:
    """All names from a place on, and those again with a number, so that none comes twice."""
    turned = [*NAMES[place:], *NAMES[:place]]
    yield from turned
    for number in range(10):
        yield from (f"{name}{number}" for name in turned)


def _told(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _told(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [_told(one, known) for one in value]
    if not isinstance(value, str):
        return value
    # A lease and a run are named for their worker.
    first, slash, rest = value.partition("/")
    return known.get(value, f"{known.get(first, first)}{slash}{rest}")
