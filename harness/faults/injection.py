"""Taking a planned fault through its life: apply, verify, hold, undo, verify."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from harness.faults.cluster import Cluster, Landed, NotLanded, TargetGone
from harness.faults.plan import PlannedFault
from harness.faults.targets import PATIENCE, Targets
from harness.history.event import Event

# Seconds until another target is looked for, after one was gone.
_AGAIN = 0.01


async def inject_all(
    plan: Sequence[PlannedFault], cluster: Cluster, seed: int, patience: float = PATIENCE
) -> None:
    """Inject every fault at its time, until cancelled; then undo what the end needs undone.

    A fault that finds no target for `patience` seconds has failed.
    """
    targets = Targets(cluster, seed, patience)
    async with asyncio.TaskGroup() as faults:
        for planned in plan:
            faults.create_task(_inject(planned, cluster, targets))


async def _inject(planned: PlannedFault, cluster: Cluster, targets: Targets) -> None:
    await asyncio.sleep(planned.at - cluster.now())
    try:
        while (gone := await _hit(planned, cluster, targets)) is not None:
            if cluster.now() >= planned.at + targets.patience:
                raise gone
            await asyncio.sleep(_AGAIN)
    except NotLanded as error:
        cluster.record(
            Event(
                at=cluster.now(),
                kind="fault.failed",
                fault=planned.id,
                type=planned.type,
                error=str(error),
            )
        )


async def _hit(planned: PlannedFault, cluster: Cluster, targets: Targets) -> TargetGone | None:
    """Choose a target and take the fault through its life; an error where the target was gone."""
    async with targets.chosen(planned) as victims:
        try:
            landed = await planned.fault.apply(cluster, victims)
        except TargetGone as gone:
            return gone
        except (asyncio.CancelledError, NotLanded):
            # Part of it may have been done.
            if planned.fault.undone_at_end:
                with suppress(NotLanded):
                    await planned.fault.undo(cluster, victims)
            raise
        _record("fault.injected", planned, cluster, victims, landed)
        await _hold_and_undo(planned, cluster, victims, landed)
        return None


async def _hold_and_undo(
    planned: PlannedFault, cluster: Cluster, victims: Sequence[str], landed: Landed
) -> None:
    fault = planned.fault
    if fault.lasts is None:
        return
    if fault.momentary:
        _record("fault.healed", planned, cluster, victims, landed)
        return
    try:
        await asyncio.sleep(landed.at + fault.lasts - cluster.now())
        await _undo(planned, cluster, victims)
    except asyncio.CancelledError:
        if fault.undone_at_end:
            await _undo(planned, cluster, victims)
        raise


async def _undo(planned: PlannedFault, cluster: Cluster, victims: Sequence[str]) -> None:
    undone = await planned.fault.undo(cluster, victims)
    _record("fault.healed", planned, cluster, victims, undone)


def _record(
    kind: str, planned: PlannedFault, cluster: Cluster, victims: Sequence[str], landed: Landed
) -> None:
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
