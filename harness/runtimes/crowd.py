"""Processes that measure coordinators, as the harness sees them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.coordinators.server import Launcher
from harness.history.event import event_from_json
from harness.runtimes import measuring
from harness.runtimes.cluster import TrialError
from harness.runtimes.measuring import MOST_IN_A_LINE, Task

_SOCKET = "measuring.sock"
_PATIENCE = 30.0


class MeasuringProcess:
    """A measuring process, as we speak to it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._log = log

    async def ready(self) -> None:
        """Wait until it has loaded everything."""
        await self._answer()

    async def do(self, task: Task) -> dict[str, Any]:
        """Give it something to measure, and wait for what came of it."""
        self._writer.write(json.dumps(asdict(task)).encode() + b"\n")
        await self._writer.drain()
        return await self._answer()

    async def close(self) -> None:
        """Let it end."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _answer(self) -> dict[str, Any]:
        while line := await self._reader.readline():
            answer: dict[str, Any] = json.loads(line)
            if "kind" not in answer:
                return answer
            event_from_json(answer, at=0.0)
        raise TrialError(f"a measuring process ended: {_last_line(self._log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


@asynccontextmanager
async def measuring_processes(
    launcher: Launcher, count: int
) -> AsyncIterator[list[MeasuringProcess]]:
    """So many measuring processes, all of them ready."""
    log = launcher.directory / "measuring.log"
    arrived: asyncio.Queue[MeasuringProcess] = asyncio.Queue()
    directory = os.open(launcher.directory, os.O_RDONLY)
    try:
        # By its descriptor, as the path of a socket must be short.
        server = await asyncio.start_unix_server(
            lambda reader, writer: arrived.put_nowait(MeasuringProcess(reader, writer, log)),
            path=f"/proc/self/fd/{directory}/{_SOCKET}",
            limit=MOST_IN_A_LINE,
        )
    finally:
        os.close(directory)
    command = [sys.executable, "-m", measuring.__name__, _SOCKET]
    crowd: list[MeasuringProcess] = []
    children: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            child = launcher.spawn(command, cwd=launcher.directory, log=log)
            children.append(child)
        try:
            async with asyncio.timeout(_PATIENCE):
                for _ in range(count):
                    crowd.append(await arrived.get())
                    await crowd[-1].ready()
        except TimeoutError:
            raise TrialError(f"no measuring process: {_last_line(log)}") from None
        yield crowd
    finally:
        server.close()
        await asyncio.gather(*(process.close() for process in crowd))
        for child in children:
            child.kill()
            child.wait()
