"""Taking a planned fault through its life: apply, verify, hold, undo, verify."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from harness.faults.cluster import Cluster, Landed, NotLanded, TargetGone
from harness.faults.plan import PlannedFault
from harness.faults.targets import PATIENCE, Targets
from harness.faults.trigger import Occasion, Trigger
from harness.history.event import Event

# Seconds until another target is looked for, after one was gone.
_AGAIN = 0.01

# What a clock may lack at the end of a trial, in seconds.
_SLACK = 1e-3

_CUT_OFF = "cut off before it was over; part of it may have been done"


def inject_all(
    plan: Sequence[PlannedFault],
    cluster: Cluster,
    seed: int,
    patience: float = PATIENCE,
    duration: float = math.inf,
) -> Coroutine[Any, Any, None]:
    """Inject every fault at its time, until cancelled; then undo what the end needs undone.

    A fault that finds no target for `patience` seconds has failed; so has one whose event has not
    come when `duration` is over. Events count from this call on, before the coroutine first runs.
    """
    triggers = {
        planned.id: Trigger(planned, planned.fault.when, cluster.observation)
        for planned in plan
        if planned.fault.when is not None
    }
    return _inject_all(plan, cluster, triggers, Targets(cluster, seed, patience), duration)


async def _inject_all(
    plan: Sequence[PlannedFault],
    cluster: Cluster,
    triggers: Mapping[str, Trigger],
    targets: Targets,
    duration: float,
) -> None:
    try:
        async with asyncio.TaskGroup() as faults:
            for planned in plan:
                trigger = triggers.get(planned.id)
                faults.create_task(_inject(planned, cluster, targets, trigger))
    finally:
        for trigger in triggers.values():
            trigger.close()
        if cluster.now() >= duration - _SLACK:
            for planned in plan:
                _record_absence(planned, cluster, triggers.get(planned.id))


def _record_absence(planned: PlannedFault, cluster: Cluster, trigger: Trigger | None) -> None:
    if trigger is not None and (missing := trigger.missing) is not None:
        _record_failure(planned, cluster, f"its event never came: {missing}")


async def _inject(
    planned: PlannedFault, cluster: Cluster, targets: Targets, trigger: Trigger | None
) -> None:
    occasion = await _occasion(planned, trigger)
    await asyncio.sleep(occasion.at - cluster.now())
    try:
        while (gone := await _hit(occasion, cluster, targets)) is not None:
            occasion.release()
            if cluster.now() >= occasion.at + targets.patience:
                raise gone
            await asyncio.sleep(_AGAIN)
    except NotLanded as error:
        _record_failure(planned, cluster, str(error))
    finally:
        occasion.release()


async def _occasion(planned: PlannedFault, trigger: Trigger | None) -> Occasion:
    if trigger is not None:
        return await trigger.occasion()
    assert planned.at is not None
    return Occasion(planned, planned.at)


async def _hit(occasion: Occasion, cluster: Cluster, targets: Targets) -> TargetGone | None:
    """Choose a target and take the fault through its life; an error where the target was gone."""
    fault = occasion.planned.fault
    async with targets.chosen(occasion) as victims:
        try:
            landed = await fault.apply(cluster, victims, occasion.planned.id)
        except TargetGone as gone:
            return gone
        except (asyncio.CancelledError, NotLanded) as error:
            # Part of it may have been done.
            if fault.momentary:
                if isinstance(error, asyncio.CancelledError):
                    _record_failure(occasion.planned, cluster, _CUT_OFF)
            elif fault.undone_at_end:
                with suppress(NotLanded):
                    await fault.undo(cluster, victims, occasion.planned.id)
            raise
        _record("fault.injected", occasion, cluster, victims, landed)
        occasion.release()
        if fault.lasts is None:
            targets.keep(occasion, victims)
        else:
            await _hold_and_undo(occasion, cluster, victims, landed, fault.lasts)
        return None


async def _hold_and_undo(
    occasion: Occasion, cluster: Cluster, victims: Sequence[str], landed: Landed, lasts: float
) -> None:
    fault = occasion.planned.fault
    if fault.momentary:
        over = fault.end_of(landed, cluster.now())
        _record("fault.healed", occasion, cluster, victims, over)
        return
    try:
        await asyncio.sleep(landed.at + lasts - cluster.now())
        await _undo(occasion, cluster, victims, landed)
    except asyncio.CancelledError:
        if fault.undone_at_end:
            await _undo(occasion, cluster, victims, landed)
        raise


async def _undo(
    occasion: Occasion, cluster: Cluster, victims: Sequence[str], landed: Landed
) -> None:
    try:
        undone = await occasion.planned.fault.undo(cluster, victims, occasion.planned.id)
    except TargetGone:
        # Another fault took them meanwhile, and with them all that was done to them.
        undone = Landed(cluster.now(), landed.mechanism)
    _record("fault.healed", occasion, cluster, victims, undone)


def _record(
    kind: str, occasion: Occasion, cluster: Cluster, victims: Sequence[str], landed: Landed
) -> None:
    planned = occasion.planned
    cluster.record(
        Event(
            at=landed.at,
            kind=kind,
            fault=planned.id,
            type=planned.type,
            mechanism=landed.mechanism,
            targets=tuple(victims),
            extra=planned.fault.particulars,
        )
    )


def _record_failure(planned: PlannedFault, cluster: Cluster, why: str) -> None:
    cluster.record(
        Event(
            at=cluster.now(),
            kind="fault.failed",
            fault=planned.id,
            type=planned.type,
            error=why,
        )
    )
