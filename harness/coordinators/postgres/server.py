"""What can be asked of any Postgres, and one that we were given."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from harness.coordinators.given import Given
from harness.coordinators.postgres.tables import FREE, TABLES
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import ask, check_namespace

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


@dataclass(frozen=True, slots=True)
class _Login:
    user: str = "postgres"
    password: str = ""
    database: str = "postgres"


class AnyPostgres(ABC):
    """What can be asked of a Postgres, whoever started it."""

    name = "postgres"

    def __init__(self, source: str) -> None:
        self.source = source
        self._login = _Login()
        self.version = ""

    @property
    @abstractmethod
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; known once started."""

    def _primary(self) -> Node:
        """The node that takes writes."""
        return self.nodes[0]

    def url(self, addresses: Sequence[tuple[str, int]]) -> str:
        """postgresql://user[:password]@host:port/database, with more hosts after a comma.

        Of several hosts, a client is to use the one that takes writes.
        """
        login = quote(self._login.user, safe="")
        if self._login.password:
            login += f":{quote(self._login.password, safe='')}"
        hosts = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses
        )
        wanted = "?target_session_attrs=read-write" if len(addresses) > 1 else ""
        return f"postgresql://{login}@{hosts}/{quote(self._login.database, safe='')}{wanted}"

    async def create_namespace(self, namespace: str) -> None:
        """Make the trial's schema with its tables."""
        schema = Identifier(check_namespace(namespace))
        async with self._admin() as connection, connection.transaction():
            for tables in (_TABLES, *TABLES):
                await connection.execute(SQL(tables).format(schema=schema))

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
        """End the namespace's session of that process id, with its locks and its transaction.

        Of "row:<table>:<key>", the lease that the row stands for is taken away.
        """
        if handle.startswith("row:"):
            return await self._free_row(namespace, *handle.split(":", 2)[1:])
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

    async def _free_row(self, namespace: str, table: str, key: str) -> bool:
        free = SQL(FREE[table]).format(schema=Identifier(check_namespace(namespace)))
        async with self._admin() as connection:
            return (await connection.execute(free, {"key": key})).rowcount == 1

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
        async with self._connected(self._primary()) as connection:
            yield connection

    @asynccontextmanager
    async def _connected(self, node: Node) -> AsyncIterator[AsyncConnection]:
        """A connection to a node; what goes wrong on it is a ServerError."""
        async with connected(self.source, self.url([(node.host, node.port)])) as connection:
            yield connection


class GivenPostgres(Given, AnyPostgres):
    """A database that somebody else runs. It gets schemas of our own, and nothing else."""

    def __init__(self, dsn: str, source: str) -> None:
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
        async with connected(self.source, self._dsn) as connection:
            info = connection.info
            if info.host.startswith(("/", "@")) or not info.host:
                raise ServerError(f"{self.source}: name a host: workers connect through TCP only")
            self._login = _Login(info.user, info.password, info.dbname)
            self.nodes = (Node("postgres-1", info.host, info.port),)
            self._learn_version(connection)


@asynccontextmanager
async def connected(source: str, conninfo: str) -> AsyncIterator[AsyncConnection]:
    """A connection in autocommit; what goes wrong on it is a ServerError in one line."""
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
