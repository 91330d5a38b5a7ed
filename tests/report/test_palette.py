from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.approaches import APPROACHES
from harness.report.palette import VIOLATION, approach_colours, approach_looks, job_colours

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
VISIONS = {
    "all": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
TUNED = [f"redis-lock-{place}" for place in range(12)]


def linear(colour: str) -> NDArray[np.float64]:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(colour: str, vision: str) -> NDArray[np.float64]:
    seen = np.clip(np.array(VISIONS[vision]) @ linear(colour), 0, 1)
    cones = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ seen
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ cones
    )


def apart(one: str, other: str, vision: str) -> float:
    return float(np.linalg.norm(oklab(one, vision) - oklab(other, vision)))


def contrast(one: str, other: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted(float(linear(colour) @ weights) + 0.05 for colour in (one, other))
    return high / low


def test_the_simulation_of_colour_blindness_sees_a_bad_pair() -> None:
    assert apart("#c00000", "#407000", "deutan") < 0.1 < apart("#c00000", "#407000", "all")


@pytest.mark.parametrize("vision", VISIONS)
def test_registered_approaches_are_told_apart_by_colour_in_every_vision(vision: str) -> None:
    looks = approach_looks(APPROACHES)
    for one, other in combinations(looks, 2):
        distance = apart(looks[one].colour, looks[other].colour, vision)
        assert distance > 0.038, (one, other)
        # Eighteen colours cannot all be far apart for everybody: the marker tells the nearest ones.
        assert distance > 0.06 or looks[one].marker != looks[other].marker, (one, other)


@pytest.mark.parametrize("vision", VISIONS)
def test_no_colour_is_near_that_of_a_violation(vision: str) -> None:
    colours = approach_colours([*APPROACHES, *TUNED]).values()
    assert min(apart(colour, VIOLATION, vision) for colour in colours) > 0.06


def test_thin_lines_show_on_a_white_page_and_on_a_dark_one() -> None:
    for colour in approach_colours([*APPROACHES, *TUNED]).values():
        assert contrast(colour, "#ffffff") >= 3
        assert contrast(colour, "#14171b") >= 3


def test_every_registered_approach_has_a_colour_and_a_look_of_its_own() -> None:
    looks = approach_looks(APPROACHES)
    assert len({look.colour for look in looks.values()}) == len(APPROACHES)
    assert len({(look.marker, look.dash) for look in looks.values()}) == len(APPROACHES)
    kin = {(APPROACHES[name].coordinator, look.marker) for name, look in looks.items()}
    assert len(kin) == len(APPROACHES)


def test_an_approach_looks_the_same_in_any_company_and_any_order() -> None:
    everyone = approach_looks([*APPROACHES, *TUNED])
    assert approach_looks([*reversed(TUNED), *reversed(list(APPROACHES))]) == everyone
    for name in APPROACHES:
        assert approach_looks([name])[name] == everyone[name]
    assert approach_looks(["redis-lock-short"]) == approach_looks(["redis-lock-short"])


def test_of_thirty_approaches_no_two_look_the_same() -> None:
    names = [*APPROACHES, *TUNED]
    looks = approach_looks(names)
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(names)


def test_more_approaches_than_looks_are_drawn_all_the_same() -> None:
    names = [f"name {place}" for place in range(400)]
    assert len(approach_looks(names)) == 400


def test_a_name_of_any_characters_has_a_look() -> None:
    assert approach_looks(["\ud800", ""]).keys() == {"\ud800", ""}


def test_jobs_have_colours_by_their_place() -> None:
    colours = job_colours(["a", "b", "a"])
    assert list(colours) == ["a", "b"]
    assert colours["a"] != colours["b"]
