"""Python's garbage collector, kept out of the way of a simulation."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Reference counting frees nearly all of what a simulation lets go of; cycles come with exceptions.
_ALLOCATIONS = 200_000


@contextmanager
def rare_collection() -> Iterator[None]:
    """Look for cycles seldom, and never among what was there before.

    By default the collector goes over everything alive again and again, which with thousands of
    tasks takes longer than what they do.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
