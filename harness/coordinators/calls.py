"""Counting what an approach asks of its coordinator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from harness.coordinators.errors import Indeterminate, Unavailable


class CallLog(Protocol):
    """Where a port reports each operation, so that coordination has a price."""

    def called(self, operation: str) -> None:
        """One operation was asked of the coordinator."""
        ...

    def failed(self, operation: str, error: str) -> None:
        """That operation ended in Unavailable or Indeterminate; `error` says why in one line."""
        ...


@contextmanager
def reported(calls: CallLog, operation: str) -> Iterator[None]:
    """Report one operation, and its failure if it fails."""
    calls.called(operation)
    try:
        yield
    except (Unavailable, Indeterminate) as error:
        calls.failed(operation, str(error))
        raise
