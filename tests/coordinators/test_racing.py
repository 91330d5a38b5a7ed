"""Asking several at once: the first that will do counts, and nothing of the others stays."""

from __future__ import annotations

import asyncio

import pytest

from harness.coordinators.racing import first_of

pytestmark = pytest.mark.virtual_time


class Attempts:
    """Attempts that end when told, and what became of them."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.discarded: list[str] = []

    async def ends(self, name: str, after: float, error: bool = False) -> str:
        try:
            await asyncio.sleep(after)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        if error:
            raise OSError(name)
        return name

    async def discard(self, name: str) -> None:
        self.discarded.append(name)


async def test_the_first_that_does_not_fail_is_taken_and_the_rest_cancelled() -> None:
    of = Attempts()
    attempts = [of.ends("silent", 99.0), of.ends("refused", 1.0, True), of.ends("good", 2.0)]
    assert await first_of(attempts, of.discard) == "good"
    assert (of.cancelled, of.discarded) == (["silent"], [])


async def test_of_two_that_come_together_one_is_discarded() -> None:
    of = Attempts()
    taken = await first_of([of.ends("a", 1.0), of.ends("b", 1.0)], of.discard)
    assert {taken, *of.discarded} == {"a", "b"}
    assert len(of.discarded) == 1


async def test_where_all_fail_so_does_this() -> None:
    of = Attempts()
    with pytest.raises(OSError, match=r"a|b"):
        await first_of([of.ends("a", 1.0, True), of.ends("b", 2.0, True)], of.discard)


async def test_who_gives_up_waiting_leaves_nothing_running() -> None:
    of = Attempts()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await first_of([of.ends("a", 9.0), of.ends("b", 9.0)], of.discard)
    assert sorted(of.cancelled) == ["a", "b"]
