"""Stops asking a coordinator that does not answer, for a while."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.scenario.model import CircuitBreaker

AnyPort = TypeVar("AnyPort")
Answer = TypeVar("Answer")


class Record(Protocol):
    """Writes an event of this worker into the history."""

    def __call__(self, kind: str, **fields: Any) -> None:
        """An event of this kind, now."""
        ...


def guarded(
    port: AnyPort, policy: CircuitBreaker, now: Callable[[], float], record: Record
) -> AnyPort:
    """The port behind a circuit breaker; `now` in seconds, by a clock that nobody sets."""
    return cast(AnyPort, _GuardedPort(port, lambda extra: _Breaker(policy, now, record, extra), {}))


class _Breaker:
    """A circuit breaker (Nygard, "Release It!"): closed, open, or half open.

    Only Unavailable and Indeterminate are failures; any other error is an answer. A call that was
    under way when the circuit opened neither closes it nor keeps it open.
    """

    def __init__(
        self,
        policy: CircuitBreaker,
        now: Callable[[], float],
        record: Record,
        extra: dict[str, Any],
    ) -> None:
        self._policy = policy
        self._now = now
        self._record = record
        self._extra = extra
        self._failures = 0
        self._opened: float | None = None
        self._trying = False

    async def call(
        self, operation: Callable[..., Awaitable[Answer]], *args: Any, **kwargs: Any
    ) -> Answer:
        """Ask, where the circuit is closed, or it is time to try; else raise Unavailable."""
        is_trial = self._opened is not None
        if is_trial:
            self._try_again()
        try:
            answer = await operation(*args, **kwargs)
        except (Unavailable, Indeterminate):
            self._failed(is_trial)
            raise
        except Exception:
            self._answered(is_trial)
            raise
        finally:
            # Also of one that was cancelled, which says nothing of the coordinator.
            if is_trial:
                self._trying = False
        self._answered(is_trial)
        return answer

    def _try_again(self) -> None:
        """Half open: one call is let through."""
        assert self._opened is not None
        if self._trying or self._now() < self._opened + self._policy.open_for:
            raise Unavailable("the circuit is open")
        self._trying = True

    def _failed(self, is_trial: bool) -> None:
        if is_trial:
            self._opened = self._now()
        elif self._opened is None:
            self._failures += 1
            if self._failures >= self._policy.failures:
                self._opened = self._now()
                self._record("circuit.opened", extra=self._extra)

    def _answered(self, is_trial: bool) -> None:
        if is_trial:
            self._opened = None
            self._record("circuit.closed", extra=self._extra)
        if self._opened is None:
            self._failures = 0


class _GuardedPort:
    """A port of which each coroutine function is asked through the breaker.

    All else passes through. What groups some of its operations is guarded by the same breaker;
    of several independent nodes each has one of its own, and its number, from 1, in its events.
    """

    def __init__(
        self, port: Any, make: Callable[[dict[str, Any]], _Breaker], extra: dict[str, Any]
    ) -> None:
        self._port = port
        self._make = make
        self._breaker = make(extra)
        self._nodes: dict[str, tuple[Any, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._nodes:
            return self._nodes[name]
        value = getattr(self._port, name)
        if inspect.iscoroutinefunction(value):
            return partial(self._breaker.call, value)
        if isinstance(value, tuple) and value and all(map(_is_asked, value)):
            numbered = enumerate(value, 1)
            nodes = tuple(_GuardedPort(one, self._make, {"node": count}) for count, one in numbered)
            return self._nodes.setdefault(name, nodes)
        if _is_asked(value):
            return _GuardedPort(value, lambda _: self._breaker, {})
        return value


def _is_asked(value: object) -> bool:
    """Whether it has operations that a coordinator is asked with."""
    if isinstance(value, str | int | float):
        return False
    return any(
        inspect.iscoroutinefunction(member) and not name.startswith("_")
        for name, member in inspect.getmembers_static(type(value))
    )
