"""Which operations of a port give up what their caller holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Operation = TypeVar("Operation", bound=Callable[..., Any])

_MARK = "gives_up"


def gives_up(operation: Operation) -> Operation:
    """Mark an operation by which a lock, a claim or a seat is given up.

    Whatever stands between an approach and its coordinator must not refuse it: nobody asks twice,
    and what is held stays so. To be said in the Protocol, and wherever it is implemented.
    """
    setattr(operation, _MARK, True)
    return operation


def is_giving_up(operation: Callable[..., Any]) -> bool:
    """Whether it was marked."""
    return getattr(operation, _MARK, False) is True
