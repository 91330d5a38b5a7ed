import pytest

from harness.scenario.document import read_document
from harness.scenario.problem import ScenarioError


def test_every_place_knows_its_line() -> None:
    document = read_document("a:\n  - b: 1\n    c: {d: 2}\n  -\n    x\n", "f")
    assert document.data == {"a": [{"b": 1, "c": {"d": 2}}, "x"]}
    assert document.line(("a",)) == 1
    assert document.line(("a", 0, "b")) == 2
    assert document.line(("a", 0, "c", "d")) == 3
    assert document.line(("a", 1)) == 5


def test_a_place_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = read_document("a:\n  b:\n    c: 1\n", "f")
    assert document.line(("a", "b", "x", 3)) == 2


def test_a_key_that_stands_twice_is_noted_with_its_second_line() -> None:
    document = read_document("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert document.repeated == ((("a",), 3), (("b", "c"), 2))


def test_a_key_that_overrides_a_merged_one_does_not_stand_twice() -> None:
    document = read_document("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n", "f")
    assert document.data["b"] == {"x": 1, "y": 3}
    assert document.repeated == ()


def test_words_that_yaml_takes_for_something_else_stay_as_written() -> None:
    text = "{a: 2020-01-02, b: 2020-13-45, c: 0x_, on: 1, 2: 3}"
    assert read_document(text, "f").data == {
        "a": "2020-01-02",
        "b": "2020-13-45",
        "c": "0x_",
        "on": 1,
        "2": 3,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\n2", "f:2: not YAML: while parsing a flow sequence"),
        ("a: b: c", "f:1: not YAML: mapping values are not allowed here"),
        ("a: 1\n\tb: 2", "f:2: not YAML: "),
        ("a: 1\nb: \x01", "f:2: not YAML: special characters are not allowed"),
        ("a: &a [*a]", "f:1: not YAML: this refers to itself"),
        ("a: *b", "f:1: not YAML: found undefined alias 'b'"),
        ("a: !!python/object:os.system {}", "f:1: not YAML: the tag "),
        ("a: !secret x", "f:1: not YAML: could not determine a constructor"),
        ("? [a]\n: 1", "f:1: not YAML: a key must be a word"),
        ("--- 1\n--- 2", "f:2: not YAML: expected a single document"),
        ("[" * 5000, "f: not YAML that can be read: nested too deeply"),
    ],
)
def test_what_is_not_yaml_is_one_problem_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read_document(text, "f")
    [problem] = error.value.problems
    assert str(problem).startswith(message)
