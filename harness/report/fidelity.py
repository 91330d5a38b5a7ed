"""How well the simulation agrees: on a terminal, as Markdown, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.fidelity.model import Bias, Estimate, Fidelity, Finding, Interval, Order, Row, Unit
from harness.history.event import DIGITS
from harness.report.markdown import code, prose
from harness.report.phrases import BEYOND, NOTHING, clean

VERSION = 1

_STYLES = {
    Finding.AGREES: "",
    Finding.DIFFERS: "bold red",
    Finding.TOO_SMALL: "dim",
    Finding.TOO_LITTLE: "yellow",
}
_SHORT = {Finding.TOO_LITTLE: "too little"}
_TITLES = ("metric", "live", "simulated", "ratio", "allowed", "finding")
# What the six columns need; a narrower terminal has smaller gaps, and not what is allowed.
_WIDE = 100
_WIDE_NOTE = "* the interval reaches out of what is allowed: more live trials would narrow it."


def print_fidelity(fidelity: Fidelity, console: Console) -> None:
    """Print a table an approach, what differs, and the summary. Intervals are of 95 %."""
    console.print(Text(f"{clean(fidelity.scenario)}: live and simulated", style="bold"))
    console.print()
    for name, trials in fidelity.trials.items():
        title = Text(clean(name), style="bold")
        title.append(
            f"  {trials.live} live trials, {trials.simulated} simulated", style="not bold dim"
        )
        console.print(title)
        console.print(_table([row for row in fidelity.rows if row.approach == name], console.width))
        console.print()
    if any(row.wide for row in fidelity.rows):
        console.print(Text(_WIDE_NOTE, style="dim"))
    for bias in fidelity.biases:
        console.print(Text(clean(biased(bias)), style="yellow"))
    for order in fidelity.orders:
        console.print(Text(clean(ranked(order))))
    if fidelity.orders:
        console.print()
    for line in disagreements(fidelity):
        console.print(Text(f"! {clean(line)}", style="red"))
    for line in remarks(fidelity):
        console.print(Text(f"! {clean(line)}", style="yellow"))
    console.print(Text(summary_line(fidelity), style="bold"))


def _table(rows: Sequence[Row], width: int) -> Table:
    shown = [place for place, title in enumerate(_TITLES) if width >= _WIDE or title != "allowed"]
    gap = 2 if width >= _WIDE else 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for place in shown:
        table.add_column(_TITLES[place])
    for row in rows:
        cells = _cells(row)
        table.add_row(*(Text(cells[place]) for place in shown), style=_STYLES[row.finding])
    return table


def _cells(row: Row) -> tuple[str, ...]:
    scale, unit = _scale(row)
    return (
        f"{row.metric}, {unit}" if unit else row.metric,
        _estimate(row.live, scale),
        _estimate(row.simulated, scale),
        "" if row.ratio is None else _estimate(row.ratio),
        _allowed(row),
        f"{_SHORT.get(row.finding, row.finding)}{'*' if row.wide else ''}",
    )


def summary_line(fidelity: Fidelity) -> str:
    """How many metrics agree, of those that could differ, and whether the ranking does."""
    if not fidelity.rows:
        return "nothing to compare"
    agreeing = fidelity.found(Finding.AGREES)
    small = len(fidelity.found(Finding.TOO_SMALL))
    judged = len(fidelity.rows) - small
    clauses = [f"{len(agreeing)} of {judged} metrics agree"] if judged else []
    wide = sum(row.wide for row in agreeing)
    if wide:
        clauses[0] += f", {wide} of them with a wide interval"
    differing = len(fidelity.found(Finding.DIFFERS))
    if differing:
        clauses.append(f"{differing} differ{'' if differing > 1 else 's'}")
    if small:
        more = " more" if judged else " metrics" if small > 1 else " metric"
        clauses.append(f"{small}{more} {'are' if small > 1 else 'is'} too small to tell")
    unsettled = len(fidelity.found(Finding.TOO_LITTLE))
    if unsettled:
        clauses.append(f"too little data for {unsettled}")
    ranking = {
        Finding.AGREES: "ranking agrees",
        Finding.DIFFERS: "ranking differs",
        Finding.TOO_LITTLE: "nothing to rank",
    }
    return "; ".join([*clauses, ranking[fidelity.ranking]])


def disagreements(fidelity: Fidelity) -> list[str]:
    """A line for each metric that differs and each pair of approaches that is swapped."""
    lines = [_difference(row) for row in fidelity.found(Finding.DIFFERS)]
    for order in fidelity.orders:
        lines += [
            f"ranking by {order.metric}: {swap.less_live} has less than {swap.less_simulated} "
            "live, and more simulated"
            for swap in order.swapped
        ]
    return lines


def _difference(row: Row) -> str:
    if row.predicted is not None:
        return (
            f"{row.approach}: {row.metric} {row.live.samples} in all live trials, where the "
            f"simulation predicts {row.predicted[0]} to {row.predicted[1]}"
        )
    values = (
        f"{row.approach}: {row.metric} {_figure(row.live.value, row)} live, "
        f"{_figure(row.simulated.value, row)} simulated"
    )
    if row.ratio is not None:
        values += f", {_estimate(row.ratio)} times"
    allowed = " ".join(filter(None, (_allowed(row), _scale(row)[1])))
    return f"{values}; allowed {allowed}" if _allowed(row) else values


def ranked(order: Order) -> str:
    """The agreement of an order in words."""
    if not order.compared:
        return f"ranking by {order.metric}: both sides tell no two approaches apart"
    right = order.compared - len(order.swapped)
    tau = "" if order.tau is None else f"; Kendall's tau {order.tau:.2f}"
    return f"ranking by {order.metric}: {right} of {order.compared} pairs in the same order{tau}"


def biased(bias: Bias) -> str:
    """A bias in words."""
    few, many = sorted(round(abs(one - 1) * 100) for one in bias.ratio)
    percent = f"{few}" if few == many else f"{few}-{many}"
    side = "higher" if bias.ratio[0] > 1 else "lower"
    return (
        f"bias: {bias.metric} is {percent} % {side} live in {len(bias.approaches)} "
        f"of {bias.compared} approaches"
    )


def remarks(fidelity: Fidelity) -> list[str]:
    """What was left out, one line each."""
    return [
        *(f"{name}: not compared: {why}" for name, why in fidelity.left_out.items()),
        *fidelity.notes,
    ]


def fidelity_markdown(fidelity: Fidelity, about: Mapping[str, str]) -> str:
    """The text of fidelity.md; `about` says how it was measured."""
    parts = [f"## {prose(fidelity.scenario)}: live and simulated", f"{summary_line(fidelity)}."]
    found = disagreements(fidelity)
    if found:
        parts += ["### What differs", _bullets(found)]
    for name, trials in fidelity.trials.items():
        parts.append(f"### {code(name)}")
        parts.append(f"{trials.live} live trials, {trials.simulated} simulated. Intervals: 95 %.")
        lines = ["| " + " | ".join(_TITLES) + " |", "| --- | ---: | ---: | ---: | ---: | --- |"]
        lines += [
            "| " + " | ".join(prose(cell) for cell in _cells(row)) + " |"
            for row in fidelity.rows
            if row.approach == name
        ]
        parts.append("\n".join(lines))
    if any(row.wide for row in fidelity.rows):
        parts.append(prose(_WIDE_NOTE))
    if fidelity.biases:
        parts += ["### Bias", _bullets([biased(one) for one in fidelity.biases])]
    if fidelity.orders:
        parts += ["### Ranking", _bullets([ranked(order) for order in fidelity.orders])]
    if said := remarks(fidelity):
        parts += ["### Notes", _bullets(said)]
    if about:
        how = [f"{name}: {value}" for name, value in about.items()]
        parts += ["### How it was measured", _bullets(how)]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {prose(line)}" for line in lines)


def fidelity_json(fidelity: Fidelity, about: Mapping[str, str]) -> dict[str, Any]:
    """The document of fidelity.json, version 1. Times in seconds; null is unknown or unbounded."""
    return {
        "version": VERSION,
        "scenario": fidelity.scenario,
        "finding": fidelity.finding,
        "agreeing": len(fidelity.found(Finding.AGREES)),
        "differing": len(fidelity.found(Finding.DIFFERS)),
        "too_small": len(fidelity.found(Finding.TOO_SMALL)),
        "too_little_data": len(fidelity.found(Finding.TOO_LITTLE)),
        "ranking": fidelity.ranking,
        "trials": {
            name: {"live": trials.live, "simulated": trials.simulated}
            for name, trials in fidelity.trials.items()
        },
        "metrics": [_row_as_json(row) for row in fidelity.rows],
        "biases": [_bias_as_json(bias) for bias in fidelity.biases],
        "orders": [_order_as_json(order) for order in fidelity.orders],
        "left_out": dict(fidelity.left_out),
        "broken": list(fidelity.broken),
        "notes": list(fidelity.notes),
        "about": dict(about),
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "approach": row.approach,
        "metric": row.metric,
        "unit": row.unit,
        "live": _estimate_as_json(row.live),
        "simulated": _estimate_as_json(row.simulated),
        "ratio": _with_interval(row.ratio),
        "allowed": [_rounded(bound) for bound in row.allowed],
        "excess": _with_interval(row.excess),
        "predicted_total": None if row.predicted is None else list(row.predicted),
        "finding": row.finding,
        "wide": row.wide,
        "why": row.why,
    }


def _with_interval(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    interval = [_rounded(bound) for bound in estimate.interval]
    return {"value": _rounded(estimate.value), "interval": interval}


def _estimate_as_json(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": _rounded(estimate.value),
        "interval": [_rounded(bound) for bound in estimate.interval],
        "beyond_end": estimate.value == inf,
        "samples": estimate.samples,
        "censored": estimate.censored,
    }


def _bias_as_json(bias: Bias) -> dict[str, Any]:
    return {
        "metric": bias.metric,
        "live": "higher" if bias.ratio[0] > 1 else "lower",
        "ratio": [_rounded(bound) for bound in bias.ratio],
        "approaches": list(bias.approaches),
        "compared": bias.compared,
    }


def _order_as_json(order: Order) -> dict[str, Any]:
    return {
        "metric": order.metric,
        "finding": order.finding,
        "live": list(order.live),
        "simulated": list(order.simulated),
        "compared": order.compared,
        "swapped": [
            {"less_live": swap.less_live, "less_simulated": swap.less_simulated}
            for swap in order.swapped
        ],
        "tau": _rounded(order.tau),
    }


def write_fidelity(fidelity: Fidelity, directory: Path, about: Mapping[str, str]) -> None:
    """Write fidelity.json and fidelity.md into a directory that is there. Raises OSError."""
    document = json.dumps(fidelity_json(fidelity, about), indent=2, allow_nan=False)
    for name, text in (
        ("fidelity.json", document + "\n"),
        ("fidelity.md", fidelity_markdown(fidelity, about)),
    ):
        (directory / name).write_bytes(text.encode("utf-8", "replace"))


def _estimate(estimate: Estimate, scale: float = 1.0) -> str:
    """A value with its interval, short enough for a table."""
    value = _number(estimate.value * scale)
    interval = _span(estimate.interval, scale) if isfinite(estimate.value) else ""
    return f"{value} ({interval})" if interval else value


def _figure(value: float, row: Row) -> str:
    scale, unit = _scale(row)
    number = _number(value * scale)
    return f"{number} {unit}" if unit and isfinite(value) else number


def _allowed(row: Row) -> str:
    """What the live value may be; of counts, their total. Nothing where nothing is known."""
    if row.predicted is not None:
        return f"{row.predicted[0]}-{row.predicted[1]} in all"
    if row.allowed[0] == inf:
        return BEYOND
    return _span(row.allowed, _scale(row)[0])


def _scale(row: Row) -> tuple[float, str]:
    """What to multiply the values of a row by, and the unit that they are in then."""
    if row.unit is not Unit.SECONDS:
        return 1.0, ""
    known = [one.value for one in (row.live, row.simulated) if isfinite(one.value)]
    return (1000.0, "ms") if max(known, default=1.0) < 0.0995 else (1.0, "s")


def _span(interval: Interval, scale: float) -> str:
    """The bounds of an interval; nothing where there are none."""
    low, high = interval
    if isnan(low) or isnan(high) or (low <= 0 and high == inf):
        return ""
    return f"{_number(low * scale)}-{'…' if high == inf else _number(high * scale)}"


def _number(value: float) -> str:
    if not isfinite(value):
        return NOTHING if isnan(value) else BEYOND
    if value == 0:
        return "0"
    if value < 0.095:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else round(value, DIGITS)
