"""The row of the leader, and what leaders note for those to come."""

TABLES = """
create table {schema}.leader (
    name text primary key,
    holder text not null,
    expires_at timestamptz not null,
    epoch bigint not null
);
create table {schema}.leader_runs (
    job text primary key,
    due double precision not null
)
"""

FREE = """
update {schema}.leader set holder = '', expires_at = '-infinity'
where name = %(key)s and expires_at > clock_timestamp()
"""
"""Takes the seat from whoever has it. The epoch stays, as it must only ever grow."""
