from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harness.history.event import Event
from harness.history.reading import read_history
from harness.history.trial import JobLine
from harness.report.stories import Story, stories
from harness.report.stories.mermaid import escape
from harness.report.stories.sequence import MOST_STEPS
from harness.verdict.model import Verdict
from tests.report.conftest import HOSTILE
from tests.report.stories.planting import only, paused, planted
from tests.verdict.building import fault, healed, lease, ran, well

NAMES = (
    HOSTILE,
    "end",
    "a;b#c: d",
    "wrap: x",
    "%%{init: {}}%%",
    "x\nparticipant y",
    "->>",
    "",
    "#35;",
    "ﬂ°°35¶ß",
)
# What a line of a diagram may be, and nothing else; text is without any sign that means something.
TEXT = r"(?:[\w .,/()'…✗-]|\#\d+;)+"
GRAMMAR = re.compile(
    rf"""sequenceDiagram
    |\ {{4}}participant\ (?:W\d|L|S)\ as\ {TEXT}
    |\ {{4}}Note\ over\ (?:W\d|L)(?:,W\d)?:\ {TEXT}
    |\ {{4}}(?:W\d|L)-?->>(?:W\d|L|S):\ {TEXT}
    |\ {{4}}(?:de)?activate\ W\d
    |\ {{4}}rect\ rgba\(213,\ 94,\ 0,\ 0\.18\)
    |\ {{4}}end""",
    re.VERBOSE,
)


def renamed(path: Path, name: str) -> Verdict:
    """The trial with a pause, where the job, the resource and two workers have this name."""

    def other(event: Event) -> Event:
        names = {"w1": f"{name}1", "w2": f"{name}2"}
        return replace(
            event,
            worker=names.get(event.worker or "", event.worker),
            job=f"{name}j" if event.job else None,
            resource=name or "lock",
            targets=tuple(f"{name}1" for _ in event.targets) if event.targets else None,
        )

    paused(path)
    events = [other(one) for one in read_history(path).events if one.kind != "trial.ended"]
    return planted(
        path.with_suffix(".renamed"),
        *events,
        duration=6.0,
        grace=2.0,
        jobs=(JobLine(f"{name}j", 1.0, 1.0),),
        workers=(f"{name}1", f"{name}2", "w3", "w9"),
    )


def sound(story: Story) -> None:
    """Every line is one of ours, and what is opened is closed in order."""
    lines = story.mermaid.splitlines()
    for line in lines:
        assert GRAMMAR.fullmatch(line), line
        shown = line.partition(": ")[2] or line.partition(" as ")[2]
        assert not re.search(r"\bend\b", shown, re.IGNORECASE), line
    active: Counter[str] = Counter()
    for line in lines:
        word, _, key = line.strip().partition(" ")
        active[key] += {"activate": 1, "deactivate": -1}.get(word, 0)
        assert active[key] >= 0
    assert story.mermaid.count(" rect ") == len(re.findall(r"^ {4}end$", story.mermaid, re.M))
    steps = [line for line in lines if "Note" in line or ">>" in line]
    assert 0 < len(steps) <= MOST_STEPS


def test_the_diagram_tells_the_story_in_order(tmp_path: Path) -> None:
    story = only(paused(tmp_path / "h.jsonl"), "overlap")
    sound(story)
    text = story.mermaid
    assert text.startswith("sequenceDiagram\n    participant W1 as w1\n    participant W2 as w2\n")
    order = [
        "L-->>W1: 1.00 s granted",
        "Note over W1: 1.00 s starts report due 1.00",
        "Note over W1: 1.20 s paused",
        "Note over L: 2.00 s … 2 attempts denied …",
        "L-->>W2: 3.00 s granted",
        "Note over W2: 3.00 s starts report due 3.00",
        "Note over W1,W2: ✗ 3.00 s 2 runs at the same time",
        "W2->>S: 3.50 s effect of report due 3.00",
        "Note over W1: 3.70 s goes on",
        "W1->>S: 3.70 s effect of report due 1.00",
    ]
    places = [text.index(line) for line in order]
    assert places == sorted(places)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_text(tmp_path: Path, name: str) -> None:
    told = stories(renamed(tmp_path / "h.jsonl", name))
    assert told
    for story in told:
        sound(story)
        root = ET.fromstring(story.svg)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "g", "rect", "line", "path", "text"}
        assert not any(attribute.startswith("on") for e in root.iter() for attribute in e.attrib)
        for line in (story.title, *story.sentences):
            assert line.isprintable()
            assert len(line) < 700


def test_an_escape_is_found_out_if_it_is_left_out() -> None:
    assert GRAMMAR.fullmatch(f"    Note over W1: {escape('a;b')}")
    assert not GRAMMAR.fullmatch("    Note over W1: a;b")
    assert not GRAMMAR.fullmatch("    Note over W1: a#b")
    assert not GRAMMAR.fullmatch("    Note over W1: a: b")
    assert escape("the end") == "the #101;nd"
    assert escape("a\nb") == "a b"
    assert escape(" ") == "#63;"
    assert escape("<b>") == "#60;b#62;"


def test_many_steps_are_cut_in_the_middle_and_counted(tmp_path: Path) -> None:
    events = [ran(1.0 + n * 0.3, f"w{n}", "1", due=1.0, takes=0.5) for n in range(12)]
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(0.5, "granted", "w1", name="a"),
        *events,
        well(6.0),
        duration=8.0,
        workers=tuple(f"w{number}" for number in range(12)),
    )
    story = stories(verdict, 1)[0]
    sound(story)
    assert "more steps …" in story.mermaid or "w5" not in story.mermaid
    assert len(re.findall("participant", story.mermaid)) <= 7


def test_a_long_stretch_of_denials_is_one_step(tmp_path: Path) -> None:
    denials = [
        lease(2.0 + n / 100, "denied", f"w{n % 3}", name=f"x{n}", job="report") for n in range(40)
    ]
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(1.0, "granted", "w1", name="a", job="report"),
        fault(1.2, "pause", "w1"),
        *denials,
        healed(2.8, "pause"),
        well(1.0, 3.0, 4.0),
        duration=5.0,
    )
    assert "… 40 attempts denied …" in only(verdict, "missed").mermaid


def test_the_drawing_takes_the_ink_of_its_page_and_red_for_what_is_wrong(tmp_path: Path) -> None:
    drawing = only(paused(tmp_path / "h.jsonl"), "overlap").svg
    root = ET.fromstring(drawing)
    colours = {
        e.attrib[name] for e in root.iter() for name in ("fill", "stroke") if name in e.attrib
    }
    assert colours <= {"currentColor", "none", "#d55e00"}
    assert "#d55e00" in colours
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith("Two runs of “report” at the same time.")
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "id=" not in drawing


def test_everything_drawn_is_inside_the_drawing(tmp_path: Path) -> None:
    for story in stories(renamed(tmp_path / "h.jsonl", "a rather long name of a worker ")):
        root = ET.fromstring(story.svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for element in root.iter():
            for name in ("x", "x1", "x2"):
                assert 0 <= float(element.attrib.get(name, 0)) <= width
            for name in ("y", "y1", "y2"):
                assert 0 <= float(element.attrib.get(name, 0)) <= height
            assert float(element.attrib.get("height", 1)) >= 0
