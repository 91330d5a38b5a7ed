"""ShedLock's table, with times in seconds of whichever clock its users go by."""

TABLES = """
create table {schema}.shedlock (
    name text primary key,
    lock_until double precision not null,
    locked_at double precision not null,
    locked_by text not null
)
"""

FREE = """
update {schema}.shedlock set lock_until = '-infinity', locked_by = ''
where name = %(key)s and locked_by <> ''
"""
"""Takes the lock from whoever has it, or had it until it ran out: the clock is not known here."""
