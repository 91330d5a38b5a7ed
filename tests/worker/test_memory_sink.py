"""The sink in memory decides as the one on disk does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.worker.memory_sink import MemorySink
from harness.worker.sink import Effect, Policy, SqliteSink

EFFECTS = st.lists(
    st.tuples(
        st.builds(
            Effect,
            worker=st.just("worker-1"),
            run=st.just("worker-1/1"),
            job=st.sampled_from(["report", "billing"]),
            due=st.sampled_from([1.0, 2.0, 3.0]),
            fence=st.integers(0, 5),
        ),
        st.integers(0, 3),
    ),
    max_size=12,
)


# Real transactions of a real database: on a busy machine one may take any time.
@settings(deadline=None)
@given(st.sampled_from(Policy), EFFECTS)
def test_it_refuses_what_the_other_refuses(
    policy: Policy, effects: list[tuple[Effect, int]]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "sink.sqlite")
        SqliteSink.create(path)
        on_disk, in_memory = SqliteSink(path, policy), MemorySink(policy)
        for effect, version in effects:
            assert in_memory.apply(effect, version) == on_disk.apply(effect, version)
            assert in_memory.version(effect.job) == on_disk.version(effect.job)
        on_disk.close()


def test_fencing_needs_a_token() -> None:
    with pytest.raises(ValueError, match="fence"):
        MemorySink(Policy.FENCING).apply(Effect("w", "w/1", "report", 1.0), 0)
