"""The table of a job's rows."""

TABLES = """
create table {schema}.row_locks (
    name text primary key,
    last_due double precision
)
"""
