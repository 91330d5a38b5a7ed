"""Data directories of Postgres: made new, or copied from a primary."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.coordinators.members import Member
from harness.coordinators.postgres.account import choose_account
from harness.coordinators.server import ServerError
from harness.coordinators.starting import HOST, run_child

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
    # What a standby that is just being made, or was down, still has to get.
    "wal_keep_size": "256MB",
}


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The data of one server, in `data` in the member's own directory.

    `programs` is the folder of postgres, initdb and pg_basebackup.
    """

    member: Member
    programs: Path

    @property
    def path(self) -> Path:
        """Where it is; not there before it was made."""
        return self.member.directory / "data"

    @property
    def user(self) -> str | None:
        """Whom it belongs to, where that is not us."""
        return choose_account(self.programs / "postgres", self.member.directory)[0]

    def server(self, port: int) -> Sequence[str]:
        """The command that serves it."""
        command = [*self._command("postgres"), "-D", str(self.path), "-p", str(port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        return command

    async def make_new(self) -> None:
        """An empty cluster, for anyone on the loopback address (initdb)."""
        options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        await self._make("initdb", *options)

    async def copy(self, primary: int) -> None:
        """What the primary at that port has, as a standby that follows it (pg_basebackup)."""
        if not (self.programs / "pg_basebackup").is_file():
            raise ServerError(f"a standby needs pg_basebackup, which is not in {self.programs}")
        options = ["-h", HOST, "-p", str(primary), "-U", "postgres"]
        options += [
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "--write-recovery-conf",
        ]
        await self._make("pg_basebackup", *options)
        self.follow(primary)

    def follow(self, primary: int) -> None:
        """Let a standby follow the primary at that port, once it reads its settings again."""
        # The file is written over, never made new: it stays the property of who runs the server.
        place = f"host={HOST} port={primary} user=postgres application_name={self.member.name}"
        (self.path / "postgresql.auto.conf").write_text(f"primary_conninfo = '{place}'\n")

    def wipe(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _command(self, program: str) -> list[str]:
        _, prefix = choose_account(self.programs / "postgres", self.member.directory)
        return [*prefix, str(self.programs / program)]

    async def _make(self, program: str, *options: str) -> None:
        # Made aside and renamed: one that is there is a whole one.
        unfinished = self.member.directory / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        process = self.member.launcher.spawn(
            [*self._command(program), "-D", str(unfinished), *options],
            cwd=self.member.directory,
            log=self.member.log,
            user=self.user,
        )
        await run_child(f"{program} of {self.member.name}", process, log=self.member.log)
        unfinished.rename(self.path)
