"""Operations of Postgres that calibration does not measure, and what each takes as long as."""

from collections.abc import Mapping

ALIKE: Mapping[str, str] = {
    # A transaction that begins with a row lock; the two halves of how it ends.
    "row_locks.lock": "claim",
    "row_locks.note": "complete",
    "row_locks.commit": "complete",
    # One statement, which is committed with it.
    "leader_row.elect": "enqueue",
    "leader_row.renew": "enqueue",
    "leader_row.resign": "enqueue",
    "leader_row.note_run": "enqueue",
    "leader_row.last_run": "try_advisory_lock",
    "shedlock.lock": "enqueue",
    "shedlock.unlock": "enqueue",
    # Transactions of a few statements, each a round trip: the nearest that was measured has two.
    "quartz.store_triggers": "complete",
    "quartz.next_trigger": "complete",
    "quartz.acquire_trigger": "complete",
    "quartz.acquire_next_trigger": "complete",
    "quartz.release_trigger": "complete",
    "quartz.fire_trigger": "complete",
    "quartz.complete_trigger": "complete",
    "quartz.find_fired": "complete",
    "quartz.recover_misfires": "complete",
    "quartz.check_in": "complete",
    "quartz.recover_instances": "complete",
}
