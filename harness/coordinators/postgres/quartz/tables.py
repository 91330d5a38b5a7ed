"""The tables of the job store, and how what an instance had is freed."""

from typing import LiteralString

TABLES: LiteralString = """
create table {schema}.quartz_triggers (
    name text primary key,
    job text not null,
    fires_at double precision not null,
    due double precision not null,
    state text not null
);
create index quartz_triggers_next on {schema}.quartz_triggers (state, fires_at);
create table {schema}.quartz_fired_triggers (
    entry text primary key,
    instance text not null,
    trigger text not null,
    job text not null,
    fires_at double precision not null,
    due double precision not null,
    state text not null,
    disallow_concurrent boolean not null default false,
    requests_recovery boolean not null default false
);
create table {schema}.quartz_scheduler_state (
    instance text primary key,
    last_checkin double precision not null,
    checkin_interval double precision not null
);
create table {schema}.quartz_locks (lock_name text primary key);
insert into {schema}.quartz_locks values ('TRIGGER_ACCESS'), ('STATE_ACCESS')
"""

_FREED: LiteralString = """
WITH gone AS (
    DELETE FROM {schema}.quartz_fired_triggers WHERE {column} = {key} RETURNING *
), freed AS (
    UPDATE {schema}.quartz_triggers AS held SET state = 'WAITING' FROM gone
    WHERE (held.name = gone.trigger AND held.state = 'ACQUIRED' AND gone.state = 'ACQUIRED')
        OR (held.job = gone.job AND held.state = 'BLOCKED' AND gone.disallow_concurrent)
), again AS (
    INSERT INTO {schema}.quartz_triggers (name, job, fires_at, due, state)
    SELECT 'recover_' || entry, job, due, due, 'WAITING' FROM gone
    WHERE state = 'EXECUTING' AND requests_recovery
    ON CONFLICT DO NOTHING
)
SELECT entry FROM gone
"""

FREE: LiteralString = _FREED.replace("{column}", "entry").replace("{key}", "%(key)s")
"""Free the entry of `key`, as though its instance were dead."""

FREE_INSTANCE: LiteralString = (
    _FREED.replace("{column}", "instance").replace("{key}", "%s").replace("{schema}.", "")
)
"""Free all that an instance had."""
