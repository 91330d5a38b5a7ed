"""Stops asking a coordinator that does not answer, for a while."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.giving_up import is_giving_up
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


class _Opening:
    """One time that a circuit was opened, and from when on the next call is let through."""

    def __init__(self, until: float) -> None:
        self.until = until


class _Breaker:
    """A circuit breaker (Nygard, "Release It!"): closed, open, or half open.

    Only Unavailable and Indeterminate are failures; any other error is an answer. A call that was
    under way when the circuit opened neither closes it nor keeps it open. Half open, one call is
    let through as a trial, and another one each `open_for` that no trial was answered (as in
    Hystrix): one that waits for long, as for a lock, keeps nobody else from asking. What gives
    something up is let through however it stands: refused, it would be held on to for ever.
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
        self._opening: _Opening | None = None

    async def call(
        self, operation: Callable[..., Awaitable[Answer]], *args: Any, **kwargs: Any
    ) -> Answer:
        """Ask, where the circuit is closed, or it is time to try; else raise Unavailable."""
        tried = self._trial()
        if self._opening is not None and tried is None and not is_giving_up(operation):
            raise Unavailable("the circuit is open")
        try:
            answer = await operation(*args, **kwargs)
        except (Unavailable, Indeterminate):
            self._failed(tried)
            raise
        except Exception:
            self._answered(tried)
            raise
        except BaseException:
            # One that was cancelled says nothing of the coordinator; the next may try.
            if tried is not None:
                tried.until = self._now()
            raise
        self._answered(tried)
        return answer

    def _trial(self) -> _Opening | None:
        """Half open: the opening that this call is to end; None where it is none's turn."""
        opening, now = self._opening, self._now()
        if opening is None or now < opening.until:
            return None
        opening.until = now + self._policy.open_for
        return opening

    def _failed(self, tried: _Opening | None) -> None:
        if self._opening is None:
            self._failures += 1
            if self._failures >= self._policy.failures:
                self._opening = _Opening(self._now() + self._policy.open_for)
                self._record("circuit.opened", extra=self._extra)
        elif tried is self._opening:
            tried.until = self._now() + self._policy.open_for

    def _answered(self, tried: _Opening | None) -> None:
        if self._opening is not None and tried is self._opening:
            self._opening = None
            self._record("circuit.closed", extra=self._extra)
        if self._opening is None:
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
