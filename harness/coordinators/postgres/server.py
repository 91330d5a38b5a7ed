"""A Postgres server: one that we start, or one that we were given."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from harness.coordinators.postgres.account import choose_account
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import (
    HOST,
    Child,
    ask,
    check_namespace,
    end_child,
    run_child,
    start_child,
)
from harness.scenario.model import Layout

_TIMEOUT = 10.0
_PATIENCE = 3 * _TIMEOUT
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"

_TABLES = """
create schema {schema};
create table {schema}.queue (
    job text not null,
    due double precision not null,
    done boolean not null default false,
    primary key (job, due)
);
create index queue_open on {schema}.queue (due, job) where not done
"""

# Sessions of dead or isolated workers may hold locks for hours; the schema cannot go before them.
_END_SESSIONS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and (
    application_name = %(namespace)s
    or pid in (
        select held.pid from pg_locks held
        join pg_class on pg_class.oid = held.relation
        join pg_namespace on pg_namespace.oid = pg_class.relnamespace
        where nspname = %(namespace)s
            and held.database = (select oid from pg_database where datname = current_database())
    )
)
"""

# A process id whose session has ended may be anybody's by now; our sessions carry our name.
_SESSION = SQL("from pg_stat_activity where pid = %(pid)s and application_name = %(namespace)s")

# Losing power is no part of a trial, losing a process is: commits need the kernel, not the disk.
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "300",
    "max_prepared_transactions": "0",
    "autovacuum": "off",
    "jit": "off",
    "max_wal_size": "64MB",
}


@dataclass(frozen=True, slots=True)
class _Login:
    user: str = "postgres"
    password: str = ""
    database: str = "postgres"


class _Postgres:
    """What can be asked of a Postgres, whoever started it."""

    name = "postgres"

    def __init__(self, source: str) -> None:
        self.source = source
        self._login = _Login()
        self.version = ""
        self.nodes: tuple[Node, ...] = ()

    def url(self, addresses: Sequence[tuple[str, int]]) -> str:
        """postgresql://user[:password]@host:port/database for the one address."""
        ((host, port),) = addresses
        login = quote(self._login.user, safe="")
        if self._login.password:
            login += f":{quote(self._login.password, safe='')}"
        shown = f"[{host}]" if ":" in host else host
        return f"postgresql://{login}@{shown}:{port}/{quote(self._login.database, safe='')}"

    async def create_namespace(self, namespace: str) -> None:
        """Make the trial's schema with the table that runs are queued in."""
        schema = Identifier(check_namespace(namespace))
        async with self._admin() as connection, connection.transaction():
            await connection.execute(SQL(_TABLES).format(schema=schema))

    async def drop_namespace(self, namespace: str) -> None:
        """Drop the trial's schema, and end the sessions that still use it."""
        drop = SQL("drop schema if exists {} cascade").format(
            Identifier(check_namespace(namespace))
        )
        async with self._admin() as connection:
            await connection.execute(_END_SESSIONS, {"namespace": namespace})
            await connection.execute("set lock_timeout = '10s'")
            await connection.execute(drop)

    async def forget(self, namespace: str, handle: str) -> bool:
        """End the namespace's session of that process id, with its locks and its transaction."""
        session = {"pid": int(handle), "namespace": check_namespace(namespace)}
        terminate = SQL("select pg_terminate_backend(pid) ") + _SESSION
        deadline = time.monotonic() + _TIMEOUT
        async with self._admin() as connection:
            terminated = await (await connection.execute(terminate, session)).fetchone()
            while await self._is_active(connection, session):
                if time.monotonic() > deadline:
                    raise ServerError(f"session {handle} does not end within {_TIMEOUT:g} s")
                await asyncio.sleep(0.005)
        return terminated is not None and terminated[0]

    async def answers(self, host: str, port: int, timeout: float) -> bool:
        """Its reply to a request for TLS counts, be it yes or no."""
        return await ask(host, port, _SSL_REQUEST, timeout) in (b"N", b"S")

    @staticmethod
    async def _is_active(connection: AsyncConnection, session: Mapping[str, object]) -> bool:
        query = SQL("select 1 ") + _SESSION
        return await (await connection.execute(query, session)).fetchone() is not None

    def _learn_version(self, connection: AsyncConnection) -> None:
        release = connection.info.parameter_status("server_version") or ""
        self.version = f"PostgreSQL {release.partition(' ')[0]}"

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AsyncConnection]:
        node = self.nodes[0]
        async with _connected(self.source, self.url([(node.host, node.port)])) as connection:
            yield connection


class PostgresServer(_Postgres):
    """A cluster of our own in the launcher's directory, for anyone on the loopback address.

    `programs` is the folder of postgres and initdb. Started again after it ended, it comes back at
    the same port with the same data.
    """

    def __init__(self, programs: Path, source: str, layout: Layout) -> None:
        super().__init__(source)
        self._programs = programs
        self._child: Child | None = None

    async def start(self, launcher: Launcher) -> None:
        """Make the cluster where there is none yet, start it and wait until it can be used."""
        await self.stop()
        directory = (launcher.directory / self.name).resolve()
        directory.mkdir(exist_ok=True)
        data = directory / "data"
        log = directory / "server.log"
        user, prefix = choose_account(self._programs / "postgres", directory)
        if not data.exists():
            await self._make_cluster(launcher, directory, log, user, prefix)
        command = [*prefix, str(self._programs / "postgres"), "-D", str(data)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]

        def launch(port: int) -> subprocess.Popen[bytes]:
            return launcher.spawn([*command, "-p", str(port)], cwd=directory, log=log, user=user)

        before = self._child.port if self._child else None
        self._child = await start_child(
            "postgres-1", launch, lambda port: self._is_up(port, data), log=log, port=before
        )
        self.nodes = (Node("postgres-1", HOST, self._child.port, self._child.process.pid),)

    async def _make_cluster(
        self, launcher: Launcher, directory: Path, log: Path, user: str | None, prefix: list[str]
    ) -> None:
        # Made aside and renamed: a cluster that is there is a whole one.
        unfinished = directory / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [*prefix, str(self._programs / "initdb"), "-D", str(unfinished)]
        command += ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        process = launcher.spawn(command, cwd=directory, log=log, user=user)
        await run_child("initdb of postgres-1", process, log=log)
        unfinished.rename(directory / "data")

    async def _is_up(self, port: int, data: Path) -> bool:
        if not await self.answers(HOST, port, 0.5):
            return False
        try:
            async with _connected(self.source, self.url([(HOST, port)])) as connection:
                row = await (await connection.execute("show data_directory")).fetchone()
                self._learn_version(connection)
        except ServerError:
            return False
        return row is not None and row[0] == str(data)

    async def stop(self) -> None:
        """Stop it at once; its data stay until the launcher's directory goes."""
        if self._child:
            await end_child(self._child.process, signal.SIGQUIT)


class GivenPostgres(_Postgres):
    """A database that somebody else runs. It gets schemas of our own, and nothing else."""

    def __init__(self, dsn: str, source: str, layout: Layout) -> None:
        super().__init__(source)
        self._dsn = dsn

    async def start(self, launcher: Launcher) -> None:
        """Connect once, to see that it is there and who we are."""
        try:
            given = conninfo_to_dict(self._dsn)
        except psycopg.Error as error:
            raise ServerError(f"{self.source}: {_first_line(error)}") from error
        if given.get("sslmode") in ("require", "verify-ca", "verify-full"):
            raise ServerError(
                f"{self.source}: sslmode={given['sslmode']} cannot be used: workers connect "
                "through a proxy, which TLS does not pass; give one without"
            )
        async with _connected(self.source, self._dsn) as connection:
            info = connection.info
            if info.host.startswith(("/", "@")) or not info.host:
                raise ServerError(f"{self.source}: name a host: workers connect through TCP only")
            self._login = _Login(info.user, info.password, info.dbname)
            self.nodes = (Node("postgres-1", info.host, info.port),)
            self._learn_version(connection)

    async def stop(self) -> None:
        """Nothing: it is not ours."""


@asynccontextmanager
async def _connected(source: str, conninfo: str) -> AsyncIterator[AsyncConnection]:
    try:
        async with asyncio.timeout(_PATIENCE):
            connection = await AsyncConnection.connect(
                make_conninfo(conninfo, connect_timeout=int(_TIMEOUT)), autocommit=True
            )
            async with connection:
                yield connection
    except psycopg.Error as error:
        raise ServerError(f"{source}: Postgres: {_first_line(error)}") from error
    except TimeoutError as error:
        raise ServerError(f"{source}: Postgres takes more than {_PATIENCE:g} s") from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
