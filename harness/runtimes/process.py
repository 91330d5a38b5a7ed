"""Runtime `process`: workers and coordinators are child processes on loopback.

Every worker reaches its coordinator through a proxy of its own. Needs no privilege.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace

import psutil

from harness.coordinators.server import Server, ServerError
from harness.faults.cluster import SERVER_SIDE, Direction, Landed, NotLanded, TargetGone
from harness.faults.observation import HeldLease, Observation
from harness.history.event import Event, event_from_json
from harness.history.journal import Recorder
from harness.runtimes import proxy
from harness.runtimes.cluster import TrialError
from harness.runtimes.forking import WorkerProcess
from harness.runtimes.ground import Ground
from harness.runtimes.spec import ClusterSpec
from harness.worker.settings import Settings
from harness.worker.sink import SqliteSink

# How long an operation may take to be seen to have worked.
_PATIENCE = 5.0
# How long a probe waits in vain before a cut counts as verified; an answer takes under 1 ms.
_SILENCE = 0.2
_READY = 30.0


class ProcessCluster:
    """The workers of one trial as processes, and what faults may do to them."""

    def __init__(self, ground: Ground, spec: ClusterSpec, name: str, recorder: Recorder) -> None:
        self.observation = Observation()
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ground = ground
        self._spec = spec
        self._name = name
        self._recorder: Recorder | None = recorder
        self._servers = {one: ground.servers[one.name] for one in spec.systems}
        self._directory = ground.launcher.directory / name
        self._sink: SqliteSink | None = None
        self._links: dict[str, list[proxy.Link]] = {}
        self._processes: dict[str, WorkerProcess] = {}
        self._starts: dict[str, int] = {}
        self._killed: set[int] = set()
        self._draining = False
        self._stopping = asyncio.Lock()
        self._reported: set[str] = set()
        self._watchers: set[asyncio.Task[None]] = set()
        self._early: list[tuple[float, Event]] = []
        self._start: float | None = None

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return self._spec.workers

    def now(self) -> float:
        """Seconds since the trial's start; 0 as long as it has not started."""
        return 0.0 if self._start is None else time.monotonic() - self._start

    def record(self, event: Event) -> None:
        """Write an event into the trial's history.

        What comes before the start waits for it: only then is it known how long before.
        """
        if self._start is None:
            self._early.append((time.monotonic(), event))
        else:
            self._write(event)
        self.observation.record(event)

    def _write(self, event: Event) -> None:
        """Write it down; once that failed, nothing more: a history has no holes."""
        if self._recorder is not None:
            try:
                self._recorder.record(event)
            except OSError as error:
                self._recorder = None
                self._break(f"the history could not be written: {error.strerror or error}")

    async def set_up(self) -> None:
        """Make namespace, sink and links, start all workers, and wait until they are ready."""
        self._directory.mkdir()
        SqliteSink.create(self._directory / "sink.sqlite")
        self._sink = SqliteSink(self._directory / "sink.sqlite", self._spec.policy)
        for server in self._servers.values():
            await server.create_namespace(self._name)
        for worker in self.workers:
            if (server := self._server_of(worker)) is not None:
                nodes = server.nodes
                links = [proxy.Link(f"{worker} {n.name}", (n.host, n.port)) for n in nodes]
                self._links[worker] = links
                await asyncio.gather(*(link.open() for link in links))
        for worker in self.workers:
            await self._fork(worker)
        await self._until_ready()

    async def _until_ready(self) -> None:
        everybody = self.observation.until(lambda: len(self.observation.up()) == len(self.workers))
        ready = asyncio.ensure_future(everybody)
        try:
            await asyncio.wait(
                {ready, self.broken}, timeout=_READY, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
        self._raise_if_broken()
        if missing := sorted(set(self.workers) - set(self.observation.up())):
            raise TrialError(f"not ready within {_READY:g} s: {', '.join(missing)}")

    def begin(self) -> None:
        """Start the trial's time, for all workers at once."""
        start = self._begin_history()
        for process in self._processes.values():
            process.tell({"start": start})

    def _begin_history(self) -> float:
        """Let the trial's time begin now, and write down what was before."""
        self._start = time.monotonic()
        for moment, event in self._early:
            self._write(replace(event, at=moment - self._start))
        return self._start

    async def drain(self, patience: float) -> None:
        """Ask all workers to finish and stop; raises TrialError where one does not."""
        self._draining = True
        running = {one.exited: one for one in self._processes.values() if not one.exited.done()}
        for process in running.values():
            process.send(signal.SIGTERM)
        if running:
            _, late = await asyncio.wait(running, timeout=patience)
            for exited in late:
                self._break(f"process {running[exited].pid} did not stop within {patience:g} s")
                self._end(running[exited])
        await self._settle()
        self._record_unreported_effects()
        for server in self._servers.values():
            if not all(await self._nodes_answer(server)):
                self._break(f"{server.name} does not answer any more")
        self._raise_if_broken()

    async def close(self) -> None:
        """End whatever is left, and remove what the trial made; harmless at any time."""
        if self._start is None:
            self._begin_history()
        for process in self._processes.values():
            self._end(process)
        await self._settle()
        for links in self._links.values():
            await asyncio.gather(*(link.close() for link in links))
        if self._sink is not None:
            self._sink.close()
        for server in self._servers.values():
            # A server that died took the namespace with it.
            with suppress(ServerError):
                await server.drop_namespace(self._name)

    async def kill(self, worker: str) -> Landed:
        """SIGKILL."""
        process = self._process(worker)
        self._end(process)
        at = self.now()
        try:
            async with asyncio.timeout(_PATIENCE):
                status = await asyncio.shield(process.exited)
        except TimeoutError:
            raise NotLanded(f"{worker} outlived SIGKILL") from None
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            raise TargetGone(f"{worker} had ended by itself")
        await self.observation.until(lambda: worker not in self.observation.up())
        return Landed(at, "signal")

    async def start(self, worker: str) -> Landed:
        """Fork it again."""
        await self._fork(worker)
        try:
            async with asyncio.timeout(_READY):
                await self.observation.until(lambda: worker in self.observation.up())
        except TimeoutError:
            raise NotLanded(f"{worker} was not ready {_READY:g} s after its restart") from None
        return Landed(self.now(), "signal")

    async def pause(self, worker: str) -> Landed:
        """SIGSTOP, but never in the middle of a write to the sink, which would stop all others."""
        process = self._process(worker)
        assert self._sink is not None
        async with self._stopping:
            with self._sink.held():
                process.send(signal.SIGSTOP)
                at = self.now()
                await _until_stopped(process.pid, True)
        return Landed(at, "signal")

    async def resume(self, worker: str) -> Landed:
        """SIGCONT."""
        process = self._process(worker)
        # Before it: what the worker does next must not seem to come before.
        at = self.now()
        process.send(signal.SIGCONT)
        await _until_stopped(process.pid, False)
        return Landed(at, "signal")

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Stall its links; verified by a probe that gets no answer through them."""
        links = self._links_of(worker)
        for link in links:
            link.stall(proxy.Direction(direction))
        at = self.now()
        if any(await self._answers(worker, _SILENCE)):
            raise NotLanded(f"{worker} was still answered through a cut link")
        return Landed(at, "proxy-stall")

    async def heal(self, worker: str) -> Landed:
        """Let its links flow again; verified by a probe that is answered."""
        links = self._links_of(worker)
        for link in links:
            link.heal()
        at = self.now()
        if not all(await self._answers(worker, _PATIENCE)):
            raise NotLanded(f"{worker} was not answered through a healed link")
        return Landed(at, "proxy-stall")

    async def forget(self, lease: HeldLease) -> Landed:
        """Take the lease away at the coordinator."""
        server = self._server_of(lease.worker)
        if server is None or lease.handle is None:
            raise NotLanded(f"{lease.worker} holds nothing that a coordinator could forget")
        # Its holder may hear of it before we do: what follows must not seem to come before.
        at = self.now()
        try:
            gone = await server.forget(self._name, lease.handle)
        except ServerError as error:
            raise NotLanded(str(error)) from None
        if not gone:
            raise TargetGone(f"{lease.worker} held {lease.resource} no more")
        return Landed(at, SERVER_SIDE)

    async def _fork(self, worker: str) -> None:
        count = self._starts[worker] = self._starts.get(worker, 0) + 1
        self.record(Event(at=self.now(), kind="worker.started", worker=worker))
        process = await self._ground.zygote.fork(
            f"{self._name}/{worker}/{count}", lambda line: self._on_line(worker, line)
        )
        self._processes[worker] = process
        process.tell(self._settings(worker, count).as_json())
        if self._start is not None:
            process.tell({"start": self._start})
        watcher = asyncio.create_task(self._watch(worker, process))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def _settings(self, worker: str, count: int) -> Settings:
        spec = self._spec
        assignment = spec.assignments[worker]
        url = None
        if (server := self._server_of(worker)) is not None:
            url = server.url([link.address for link in self._links[worker]])
        return Settings(
            name=worker,
            identity=worker if count == 1 else f"{worker}.{count}",
            seed=spec.seed,
            jobs=spec.jobs,
            approach=assignment.approach,
            parameters=assignment.parameters,
            misfire_grace=spec.misfire_grace,
            max_instances=spec.max_instances,
            offset=spec.offsets[worker],
            request_timeout=spec.request_timeout,
            url=url,
            namespace=self._name,
            sink=str(self._directory / "sink.sqlite"),
            policy=spec.policy,
        )

    def _on_line(self, worker: str, line: bytes) -> None:
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not a JSON object")
            event = event_from_json({"worker": worker, **row}, at=self.now())
        except ValueError as error:
            shown = line[:200].decode(errors="replace")
            self._break(f"{worker} wrote a line that is no event ({error}): {shown}")
            return
        if event.kind == "effect.applied" and event.run is not None:
            self._reported.add(event.run)
        self.record(event)

    async def _watch(self, worker: str, process: WorkerProcess) -> None:
        status = await process.exited
        code = os.waitstatus_to_exitcode(status)
        self.record(
            Event(
                at=self.now(),
                kind="worker.exited",
                worker=worker,
                code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
            )
        )
        if process.pid not in self._killed and not (self._draining and code == 0):
            how = f"with code {code}" if code >= 0 else f"by signal {-code}"
            said = process.last_error()
            self._break(f"{worker} ended by itself, {how}" + (f": {said}" if said else ""))

    def _end(self, process: WorkerProcess) -> None:
        self._killed.add(process.pid)
        process.send(signal.SIGKILL)

    def _break(self, why: str) -> None:
        if not self.broken.done():
            self.broken.set_exception(TrialError(why))
            # Looked at where it matters; a trial that ends first need not look.
            self.broken.exception()

    def _raise_if_broken(self) -> None:
        if self.broken.done():
            self.broken.result()

    def _process(self, worker: str) -> WorkerProcess:
        process = self._processes.get(worker)
        if process is None or process.exited.done():
            raise TargetGone(f"{worker} is not running")
        return process

    def _links_of(self, worker: str) -> list[proxy.Link]:
        links = self._links.get(worker)
        if not links:
            raise NotLanded(f"{worker} has no coordinator to be cut off from")
        return links

    async def _nodes_answer(self, server: Server) -> list[bool]:
        probes = [server.answers(node.host, node.port, _PATIENCE) for node in server.nodes]
        return await asyncio.gather(*probes)

    def _server_of(self, worker: str) -> Server | None:
        system = self._spec.assignments[worker].system
        return None if system is None else self._servers[system]

    async def _answers(self, worker: str, timeout: float) -> list[bool]:
        server = self._server_of(worker)
        assert server is not None
        probes = [server.answers(*link.address, timeout=timeout) for link in self._links[worker]]
        return await asyncio.gather(*probes)

    async def _settle(self) -> None:
        """Wait until every exit is in the history."""
        if self._watchers:
            await asyncio.wait(self._watchers)

    def _record_unreported_effects(self) -> None:
        """Add the effects of workers that died after their effect and before they could say so."""
        assert self._sink is not None
        assert self._start is not None
        for applied in self._sink.applied():
            effect = applied.effect
            if effect.run not in self._reported:
                self.record(
                    Event(
                        at=applied.moment - self._start,
                        kind="effect.applied",
                        worker=effect.worker,
                        job=effect.job,
                        due=effect.due,
                        run=effect.run,
                    )
                )


async def _until_stopped(pid: int, stopped: bool) -> None:
    """Wait until the process is stopped, or runs, as told by the kernel."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while (psutil.Process(pid).status() == psutil.STATUS_STOPPED) is not stopped:
                await asyncio.sleep(0.001)
    except TimeoutError:
        state = "stopped" if stopped else "running"
        raise NotLanded(f"process {pid} was not seen {state}") from None
    except psutil.NoSuchProcess:
        raise TargetGone(f"process {pid} is gone") from None
