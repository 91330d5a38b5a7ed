"""Whether what faults wait for of other faults can come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.scenario.model import FaultChoice
from harness.scenario.problem import Where


@dataclass(frozen=True, slots=True)
class _Planned:
    """Faults of one type that the plan will have: all that have a time, or one that waits.

    `ids` is what the plan will call them, `ending` how many of them end.
    """

    type: str
    ids: range
    ending: int

    def events(self, when: Any) -> int:
        """How many of the events that `when` waits for they bring at most."""
        if when.fault in (None, self.type):
            count = len(self.ids)
        else:
            count = sum(when.fault == f"{self.type}#{number}" for number in self.ids)
        return min(count, self.ending) if when.kind == "fault.healed" else count


def waiting_misfits(
    faults: Sequence[FaultChoice], duration: float
) -> Iterator[tuple[int, Where, str]]:
    """Which faults wait for something of a fault that never comes: number, where, and why.

    For an id that the plan does not have; for itself; for one that waits for it in turn; for more
    than there are.
    """
    timed = _timed(faults, duration)
    stuck = _waiting(faults, timed)
    ids = {f"{one.type}#{n}" for one in (*timed.values(), *stuck.values()) for n in one.ids}
    coming = [*timed.values()]
    while free := [n for n in stuck if _comes(faults[n].params.when, coming)]:
        coming += [stuck.pop(number) for number in free]
    for number, planned in stuck.items():
        when = faults[number].params.when
        if "#" in (when.fault or "") and when.fault not in ids:
            kind = when.fault.partition("#")[0]
            last = sum(one.partition("#")[0] == kind for one in ids)
            known = f"{kind}#1" if last == 1 else f"{kind}#1 to {kind}#{last}"
            yield number, ("when", "fault"), f"there will be no '{when.fault}', only {known}"
        else:
            yield number, ("when",), _why(when, planned, coming)


def _why(when: Any, planned: _Planned, coming: Sequence[_Planned]) -> str:
    before = sum(one.events(when) for one in coming)
    if before == 0 and planned.events(when):
        return "waits for itself"
    if before == 0:
        return f"waits for a {when.kind} that cannot come"
    return f"waits for {when.kind} number {when.nth}, and no more than {before} can come"


def _comes(when: Any, coming: Sequence[_Planned]) -> bool:
    """Whether its event may come, where faults bring no more than these do."""
    of_faults: bool = when.kind.startswith("fault.")
    return not of_faults or sum(one.events(when) for one in coming) >= int(when.nth)


def _timed(faults: Sequence[FaultChoice], duration: float) -> dict[str, _Planned]:
    """By type. Chance decides in which order they get their ids."""
    count: Counter[str] = Counter()
    ending: Counter[str] = Counter()
    for fault in faults:
        if fault.params.when is None:
            times = len(fault.params.times(duration))
            count[fault.type] += times
            ending[fault.type] += times if fault.params.lasts is not None else 0
    return {one: _Planned(one, range(1, count[one] + 1), ending[one]) for one in count}


def _waiting(faults: Sequence[FaultChoice], timed: Mapping[str, _Planned]) -> dict[int, _Planned]:
    """By their number in the scenario; the plan has them after those that have a time."""
    count = Counter({name: len(planned.ids) for name, planned in timed.items()})
    found = {}
    for number, fault in enumerate(faults):
        if fault.params.when is not None:
            count[fault.type] += 1
            place = count[fault.type]
            ending = int(fault.params.lasts is not None)
            found[number] = _Planned(fault.type, range(place, place + 1), ending)
    return found
