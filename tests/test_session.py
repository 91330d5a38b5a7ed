"""What a session says of itself."""

from __future__ import annotations

import shlex

import pytest

from harness.session import repeating


@pytest.mark.parametrize(
    "more", [["--out", "some where"], ["--out=some where"], ["--json"], ["--json", "--out", "x"]]
)
def test_a_command_can_be_repeated_as_it_is_shown(more: list[str]) -> None:
    words = ["harness", "run", "my scenarios/a.yaml", "--approach", "redis-lock", "--seed", "7"]
    assert shlex.split(repeating([*words[:3], *more, *words[3:]])) == words
