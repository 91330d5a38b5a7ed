"""Empirical distributions: how many were done by when, drawn as steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from harness.report.charts.drawing import INK, SMALL, heading, row_lines, stroke
from harness.report.palette import VIOLATION, Look

# Points of a distribution; with more of them no pixel would change.
_MOST = 300
_FEW = 60
_CUTS = 40
# More lines than these would be spaghetti: each gets a row of its own.
_TOGETHER = 9


@dataclass(frozen=True, slots=True)
class Distribution:
    """At `seconds[i]` the share steps up to `shares[i]`.

    `end` is where the last censored sample was let out of sight, None where the distribution is
    known up to its last step at 1; `cuts` are where those before it were.
    """

    seconds: Sequence[float]
    shares: Sequence[float]
    end: float | None = None
    cuts: Sequence[float] = ()


def distribution(seconds: Sequence[float], censored: Sequence[float] = ()) -> Distribution:
    """The distribution of what was seen, Kaplan and Meier's estimate where some was censored.

    Of long ones, steps are left out evenly; it never is off by more than half a percent. It needs
    at least one value. Source: scipy.stats.ecdf.
    """
    if censored:
        # Imported late: it takes a second to load, which no other command should cost.
        from scipy.stats import CensoredData, ecdf

        data = CensoredData(uncensored=list(seconds), right=list(censored))
        found = ecdf(data).cdf
        places, shares = np.asarray(found.quantiles), np.asarray(found.probabilities)
        rising = np.diff(shares, prepend=0.0) > 0
        places, shares = places[rising], shares[rising]
    else:
        places, counts = np.unique(np.asarray(seconds, dtype=float), return_counts=True)
        shares = np.cumsum(counts) / len(seconds)
    full = len(shares) > 0 and bool(shares[-1] > 1 - 1e-9)
    end = None if full else max(censored)
    cuts = sorted({round(one, 3) for one in censored if one != end})
    cuts = cuts[:: len(cuts) // _CUTS + 1]
    return _thinned(Distribution(places.tolist(), shares.tolist(), end, cuts), _MOST)


def _thinned(one: Distribution, most: int) -> Distribution:
    """With about `most` steps at the most, evenly over the shares, the extremes kept."""
    if len(one.shares) <= most:
        return one
    grid = np.searchsorted(one.shares, np.linspace(0.0, one.shares[-1], most))
    kept = np.unique(np.minimum(grid, len(one.shares) - 1)).tolist()
    return Distribution(
        [one.seconds[place] for place in kept],
        [one.shares[place] for place in kept],
        one.end,
        one.cuts,
    )


def draw_distributions(
    axes: Axes,
    found: Mapping[str, Distribution],
    looks: Mapping[str, Look],
    title: str,
    least: float = 0.0,
) -> None:
    """Steps from `least` on, in one panel, or each beside its name where they are too many."""
    together = len(found) <= _TOGETHER
    heading(axes, title if together else f"{title} (each row 0 to 100 %)")
    if together:
        _draw_together(axes, found, looks, least)
        return
    for row, (name, one) in enumerate(found.items()):
        _draw_row(axes, row, _thinned(one, _FEW), looks[name], least)
    axes.set_ylim(len(found) - 0.5, -0.5)
    row_lines(axes, len(found))


def _draw_together(
    axes: Axes, found: Mapping[str, Distribution], looks: Mapping[str, Look], least: float
) -> None:
    """All in one panel; markers at heights of their own tell apart what is drawn in one place."""
    axes.set_ylim(0, 100)
    axes.set_yticks([0, 25, 50, 75, 100], [f"{share} %" for share in (0, 25, 50, 75, 100)])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="both")
    for place, (name, one) in enumerate(found.items()):
        look = looks[name]
        settings: dict[str, Any] = {**stroke(look), "marker": ""}
        xs, ys = _steps(one, least)
        axes.plot(xs, ys, clip_on=False, zorder=2.2, **settings)
        level = (place + 0.5) / len(found)
        for at, share in zip(one.seconds, one.shares, strict=True):
            if share >= level:
                axes.plot(
                    [max(at, least)],
                    [100 * level],
                    look.marker,
                    color=look.colour,
                    markersize=7,
                    markeredgecolor=INK,
                    markeredgewidth=0.5,
                    clip_on=False,
                    zorder=3,
                )
                break
        _cut_off(axes, one, 100.0, 0.0)


def _draw_row(axes: Axes, row: int, one: Distribution, look: Look, least: float) -> None:
    """One in a row of its own, from 0 % at its foot to 100 % at its top."""
    foot, height = row + 0.38, -0.76
    xs, ys = _steps(one, least)
    ys = [foot + height * y / 100 for y in ys]
    # Once all are done, it stays so.
    if one.end is None:
        xs.append(axes.get_xlim()[1])
        ys.append(ys[-1])
    axes.fill_between(xs, ys, foot, color=look.colour, alpha=0.22, linewidth=0)
    axes.plot(xs, ys, color=look.colour, linewidth=1.6, clip_on=False)
    _cut_off(axes, one, height, foot)


def _steps(one: Distribution, least: float) -> tuple[list[float], list[float]]:
    """The corners in percent, up to where it ends."""
    first = one.seconds[0] if one.seconds else least
    xs, ys = [max(first, least)], [0.0]
    for x, share in zip(one.seconds, one.shares, strict=True):
        at = max(x, least)
        xs += [at, at]
        ys += [ys[-1], 100 * share]
    if one.end is not None:
        xs.append(max(one.end, least))
        ys.append(ys[-1])
    return xs, ys


def _cut_off(axes: Axes, one: Distribution, height: float, foot: float) -> None:
    """Where samples were cut off: ticks, and at the end a mark with the share that was done."""
    places = np.searchsorted(one.seconds, one.cuts, side="right")
    levels = [foot + height * share for share in np.array([0.0, *one.shares])[places]]
    axes.plot(one.cuts, levels, "|", color=VIOLATION, markersize=8, markeredgewidth=1.4, zorder=4)
    if one.end is None:
        return
    share = one.shares[-1] if one.shares else 0.0
    level = foot + height * share
    axes.plot(
        [one.end],
        [level],
        ">",
        color=VIOLATION,
        markersize=7,
        fillstyle="none",
        clip_on=False,
        zorder=4,
    )
    axes.annotate(
        f"{100 * share:.0f} %",
        (one.end, level),
        xytext=(-7, 5),
        textcoords="offset points",
        ha="right",
        fontsize=SMALL - 1,
        color=INK,
        annotation_clip=False,
    )
