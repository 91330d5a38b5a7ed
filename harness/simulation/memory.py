"""Python's garbage collector, kept out of the way of a simulation."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Let the collector look for cycles only when it is called.

    By default it runs after so many allocations, whoever made them before: what a generator or a
    task does when it is collected would come sooner or later in another process. And it goes over
    everything alive again and again, which with thousands of tasks takes longer than what they do.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
