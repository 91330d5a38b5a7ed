"""Tripwires: inside a simulation, use of the real world is an error that names the culprit.

Replaced are the functions of the standard library, and what the modules of the program itself have
imported from it by name or have as a default argument. What they keep elsewhere, as in an object
made before, is not found.
"""

from __future__ import annotations

import datetime
import sys
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinMethodType, FunctionType, ModuleType
from typing import Any

from harness.simulation.culprit import LIBRARIES, PACKAGES, culprit
from harness.simulation.forbidden import FORBIDDEN, Forbidden
from harness.simulation.kernel import SimulationError


class Seal:
    """What was done inside although it is forbidden; `breaches` also has what was swallowed."""

    def __init__(self) -> None:
        self.breaches: list[str] = []


class _Tripwires:
    """The replacements, made once in a process, and the places where they go."""

    def __init__(self) -> None:
        self.open: list[Seal] = []
        self._thread = 0
        # The replacement by the address of what it replaces, which it keeps alive.
        self._instead: dict[int, tuple[object, object]] = {}
        self._classes: list[tuple[type, str, object, object]] = []
        self._places: list[tuple[dict[str, Any], str, object, object]] = []
        self._defaults: list[tuple[Any, ...]] = []
        self._seen: dict[str, ModuleType] = {}
        for forbidden in FORBIDDEN:
            self._prepare(forbidden)
        for name, kind in (("datetime", datetime.datetime), ("date", datetime.date)):
            namespace = vars(datetime)
            self._replace(namespace, name, kind, _sealed_class(kind, self))

    def enter(self, seal: Seal) -> None:
        """Put the tripwires up, where they are not."""
        self.open.append(seal)
        if len(self.open) == 1:
            self._thread = get_ident()
            self._look_at_new_modules()
            self._exchange(put=3, where=2)

    def leave(self, seal: Seal) -> None:
        """Take them down, with the last seal."""
        self.open.remove(seal)
        if not self.open:
            self._exchange(put=2, where=3)

    def _exchange(self, put: int, where: int) -> None:
        # Only where it is: a test may have put something of its own there.
        for method in self._classes:
            kind, name = method[0], method[1]
            if vars(kind).get(name) is method[where]:
                setattr(kind, name, method[put])
        for default in self._defaults:
            if default[0].__defaults__ is default[where]:
                default[0].__defaults__ = default[put]
        for place in self._places:
            namespace, name = place[0], place[1]
            if namespace.get(name) is place[where]:
                namespace[name] = place[put]

    @property
    def armed(self) -> bool:
        """Whether this thread is sealed; other threads are not simulated."""
        return bool(self.open) and get_ident() == self._thread

    def tripped(self, what: str, instead: str) -> SimulationError:
        """What to raise, and remembered; to be called by what replaces the culprit's callee."""
        breach = f"{what} was called at {culprit(sys._getframe(2))}; use {instead} instead"
        for seal in self.open:
            seal.breaches.append(breach)
        return SimulationError(breach)

    def _prepare(self, forbidden: Forbidden) -> None:
        original = vars(forbidden.owner).get(forbidden.name)
        if original is None:
            # Not on this system, or not in this version.
            return
        replacement = _tripwire(forbidden, original, self)
        if isinstance(forbidden.owner, type):
            self._classes.append((forbidden.owner, forbidden.name, original, replacement))
        else:
            self._replace(vars(forbidden.owner), forbidden.name, original, replacement)

    def _replace(
        self, namespace: dict[str, Any], name: str, original: object, replacement: object
    ) -> None:
        self._instead[id(original)] = (original, replacement)
        self._places.append((namespace, name, original, replacement))

    def _look_at_new_modules(self) -> None:
        seen = self._seen
        modules = [item for item in sys.modules.items() if seen.get(item[0]) is not item[1]]
        for name, module in modules:
            seen[name] = module
            if isinstance(module, ModuleType) and not _foreign(name, module):
                self._look_at(vars(module))

    def _look_at(self, namespace: dict[str, Any]) -> None:
        for name, value in namespace.items():
            found = self._instead.get(id(value))
            if found is not None:
                self._places.append((namespace, name, *found))
            elif isinstance(value, FunctionType):
                self._look_at_defaults(value)
            elif isinstance(value, type) and value.__module__ == namespace.get("__name__"):
                for member in vars(value).values():
                    if isinstance(member, FunctionType):
                        self._look_at_defaults(member)

    def _look_at_defaults(self, function: FunctionType) -> None:
        instead, original = self._instead, function.__defaults__
        if original is not None and any(id(value) in instead for value in original):
            replaced = tuple(instead.get(id(value), (value, value))[1] for value in original)
            self._defaults.append((function, "__defaults__", original, replaced))
        keywords: dict[str, Any] = function.__kwdefaults__ or {}
        for name, value in keywords.items():
            if id(value) in instead:
                self._places.append((keywords, name, *instead[id(value)]))


def _foreign(name: str, module: ModuleType) -> bool:
    if name.partition(".")[0] == __name__.partition(".")[0]:
        # Wherever it is installed.
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return name.partition(".")[0] in sys.stdlib_module_names and name != "__main__"
    return str(file).startswith((*LIBRARIES, *PACKAGES))


def _tripwire(forbidden: Forbidden, original: Any, tripwires: _Tripwires) -> Callable[..., object]:
    what, instead = forbidden.what, forbidden.instead
    unless = forbidden.unless

    def tripwire(*args: Any, **options: Any) -> object:
        # Out of the seal too: what was imported inside may have taken it along.
        if not tripwires.armed or (unless is not None and unless(args, options)):
            return original(*args, **options)
        # A log record's time stamp is not the program's doing.
        if sys._getframe(1).f_globals.get("__name__") == "logging":
            return original(*args, **options)
        raise tripwires.tripped(what, instead)

    tripwire.__name__ = tripwire.__qualname__ = forbidden.name
    tripwire.__doc__ = f"A tripwire for {what}."
    return tripwire


def _sealed_class(kind: type, tripwires: _Tripwires) -> type:
    """A stand-in for datetime or date: the same but for asking the clock.

    Its values are those of the original, so that none of its own outlives the seal.
    """

    class Meta(type):
        def __call__(cls, *args: Any, **options: Any) -> Any:
            return kind(*args, **options) if cls is sealed else super().__call__(*args, **options)

        def __instancecheck__(cls, instance: object) -> bool:
            return (
                isinstance(instance, kind) if cls is sealed else super().__instancecheck__(instance)
            )

        def __subclasscheck__(cls, subclass: type) -> bool:
            return (
                issubclass(subclass, kind) if cls is sealed else super().__subclasscheck__(subclass)
            )

        def __eq__(cls, other: object) -> bool:
            return other is cls or (cls is sealed and other is kind)

        def __hash__(cls) -> int:
            return hash(kind) if cls is sealed else super().__hash__()

    members: dict[str, Any] = {"__slots__": (), "__module__": "datetime", "__doc__": kind.__doc__}
    for name in dir(kind):
        member = getattr(kind, name)
        if not name.startswith("__") and isinstance(member, BuiltinMethodType):
            members[name] = staticmethod(member)
    for name in ("now", "utcnow", "today"):
        if name in members:
            clock = Forbidden(kind, name, f"datetime.{kind.__name__}.{name}", "the loop's time()")
            members[name] = staticmethod(_tripwire(clock, getattr(kind, name), tripwires))
    sealed = Meta(kind.__name__, (kind,), members)
    return sealed


_made: list[_Tripwires] = []


@contextmanager
def sealed() -> Iterator[Seal]:
    """Let no program inside use the clock, chance, sockets, threads or processes of the host.

    Who does gets a SimulationError that says what was called, where, and what to use instead; that
    is also kept in the `breaches` of what this yields, for who swallows it. It holds for the
    thread that enters it; all is as before on the way out. It may be nested.
    """
    if not _made:
        _made.append(_Tripwires())
    tripwires, seal = _made[0], Seal()
    tripwires.enter(seal)
    try:
        yield seal
    finally:
        tripwires.leave(seal)
