"""What is said between a live trial and one process of a worker."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from typing import Any

from harness.faults.cluster import NotLanded, TargetGone
from harness.history.event import Event, event_from_json
from harness.runtimes.chronicle import Chronicle
from harness.runtimes.forking import WorkerProcess
from harness.runtimes.orders import TOLD, Order, word_and_fault

# How long a worker may take to do as it is told.
_PATIENCE = 5.0
# How long a worker stands still at most; what an event triggers is done within milliseconds.
_STANDSTILL = 2.0
# So much earlier goes on whose event it was, before those who came to theirs meanwhile.
_HEAD_START = 0.01


class Dialogue:
    """Takes down the events of a worker's process, and tells it what to do.

    At some events the process stands still. It goes on once all is over that such events have
    brought about: its own event first, then those who came later, so that nobody overtakes it.
    `take` gets every event.
    """

    def __init__(self, worker: str, chronicle: Chronicle, take: Callable[[Event], None]) -> None:
        self.worker = worker
        self._chronicle = chronicle
        self._take = take
        self._process: WorkerProcess | None = None
        self._answers: defaultdict[tuple[str, str], deque[asyncio.Future[Event]]] = defaultdict(
            deque
        )
        self._standstill: asyncio.Task[None] | None = None
        self._holds = True

    def begin(self, process: WorkerProcess) -> None:
        """Say who is at the other end."""
        self._process = process

    @property
    def process(self) -> WorkerProcess:
        """Who is at the other end."""
        assert self._process is not None
        return self._process

    def hear(self, line: bytes) -> None:
        """Take down a line that it wrote."""
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not a JSON object")
            held = row.pop("held", False)
            event = event_from_json({"worker": self.worker, **row}, at=self._chronicle.now())
        except ValueError as error:
            shown = line[:200].decode(errors="replace")
            self._chronicle.fail(f"{self.worker} wrote a line that is no event ({error}): {shown}")
            return
        before = self._chronicle.observation.landings if held else frozenset()
        self._take(event)
        if event.kind == TOLD:
            self._answered(event)
        if held:
            landings = self._chronicle.observation.landings
            self._hold_until(landings, first=not landings <= before)

    async def order(self, order: Order) -> Event:
        """Tell it to do something, and wait until it says that it did: the event that says so.

        Raises TargetGone where it ends meanwhile, NotLanded where it does not answer.
        """
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        word, fault = word_and_fault(order)
        self._answers[word, fault].append(answer)
        self.process.tell(dict(order))
        either: set[asyncio.Future[Any]] = {answer, self.process.exited}
        await asyncio.wait(either, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        if self.process.exited.done():
            raise TargetGone(f"{self.worker} is gone")
        raise NotLanded(f"{self.worker} did not do within {_PATIENCE:g} s as it was told: {word}")

    def go_on(self) -> None:
        """Let it go on, if it stands still."""
        if self._standstill is not None:
            self._standstill.cancel()
            self._standstill = None
            self.process.tell({"go": True})

    def hold_no_more(self) -> None:
        """Let it go on at every event from now on."""
        self._holds = False
        self.go_on()

    def _answered(self, event: Event) -> None:
        waiting = self._answers[str(event.extra.get("what")), event.fault or ""]
        if waiting and not (answer := waiting.popleft()).done():
            answer.set_result(event)

    def _hold_until(self, landings: Collection[asyncio.Future[None]], first: bool) -> None:
        if landings and self._holds:
            self._standstill = asyncio.create_task(self._let_go_after(landings, first))
        else:
            self.process.tell({"go": True})

    async def _let_go_after(self, landings: Collection[asyncio.Future[None]], first: bool) -> None:
        await asyncio.wait(landings, timeout=_STANDSTILL)
        if not first:
            await asyncio.sleep(_HEAD_START)
        self._standstill = None
        self.process.tell({"go": True})
