"""Inside the seal the real world is out of reach, and who reaches for it is named."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import contextlib
import copy
import datetime
import gc
import logging
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
import uuid
from collections.abc import Callable
from datetime import date as a_date
from datetime import datetime as a_datetime
from random import Random, choice
from time import monotonic, perf_counter
from time import time as now

import pytest

from harness.simulation.kernel import Kernel, SimulationError
from harness.simulation.loop import SimulatedLoop
from harness.simulation.seal import sealed

TRIPWIRES: list[tuple[str, Callable[[], object]]] = [
    ("time.time", lambda: time.time()),
    ("time.time", lambda: now()),
    ("time.time_ns", lambda: time.time_ns()),
    ("time.monotonic", lambda: time.monotonic()),
    ("time.monotonic", lambda: monotonic()),
    ("time.monotonic_ns", lambda: time.monotonic_ns()),
    ("time.perf_counter", lambda: perf_counter()),
    ("time.perf_counter_ns", lambda: time.perf_counter_ns()),
    ("time.process_time", lambda: time.process_time()),
    ("time.process_time_ns", lambda: time.process_time_ns()),
    ("time.clock_gettime", lambda: time.clock_gettime(time.CLOCK_REALTIME)),
    ("time.sleep", lambda: time.sleep(0)),
    ("time.localtime", lambda: time.localtime()),
    ("time.localtime", lambda: time.localtime(None)),
    ("time.gmtime", lambda: time.gmtime()),
    ("time.strftime", lambda: time.strftime("%Y")),
    ("datetime.datetime.now", lambda: datetime.datetime.now()),
    ("datetime.datetime.now", lambda: a_datetime.now(datetime.UTC)),
    ("datetime.datetime.utcnow", lambda: datetime.datetime.utcnow()),
    ("datetime.datetime.today", lambda: datetime.datetime.today()),
    ("datetime.date.today", lambda: datetime.date.today()),
    ("datetime.date.today", lambda: a_date.today()),
    ("random.random", lambda: random.random()),
    ("random.choice", lambda: choice([1])),
    ("random.shuffle", lambda: random.shuffle([1])),
    ("random.seed", lambda: random.seed()),
    ("random.Random() without a seed", lambda: random.Random()),
    ("random.Random() without a seed", lambda: Random()),
    ("random.Random() without a seed", lambda: Random(1).seed()),
    ("random.SystemRandom.random", lambda: random.SystemRandom().random()),
    ("os.urandom", lambda: os.urandom(1)),
    ("uuid.uuid1", lambda: uuid.uuid1()),
    ("uuid.uuid4", lambda: uuid.uuid4()),
    ("secrets.token_hex", lambda: secrets.token_hex()),
    ("secrets.randbelow", lambda: secrets.randbelow(3)),
    ("secrets.choice", lambda: secrets.choice([1])),
    ("socket.socket", lambda: socket.socket()),
    ("socket.create_connection", lambda: socket.create_connection(("localhost", 1))),
    ("socket.getaddrinfo", lambda: socket.getaddrinfo("localhost", 1)),
    ("threading.Thread.start", lambda: threading.Thread(target=print).start()),
    ("_thread.start_new_thread", lambda: _thread.start_new_thread(print, ())),
    ("subprocess.Popen", lambda: subprocess.run(["true"])),
    ("os.fork", lambda: os.fork()),
    ("os.system", lambda: os.system("true")),
    # By way of the standard library.
    ("threading.Thread.start", lambda: concurrent.futures.ThreadPoolExecutor().submit(print)),
    ("random.Random() without a seed", lambda: tempfile._RandomNameSequence().rng),
    ("socket.socketpair", lambda: socket.socketpair()),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("what", "culprit"), TRIPWIRES, ids=[f"{n}-{what}" for n, (what, _) in enumerate(TRIPWIRES)]
)
def test_a_tripwire_names_the_culprit(what: str, culprit: Callable[[], object]) -> None:
    line = culprit.__code__.co_firstlineno
    with sealed() as seal, pytest.raises(SimulationError) as caught:
        culprit()
    message = str(caught.value)
    assert message.startswith(f"{what} was called at {__file__}:{line}; use ")
    assert seal.breaches == [message]


def test_who_swallows_the_error_is_found_out() -> None:
    with sealed() as seal:
        with contextlib.suppress(Exception):
            time.time()
        with contextlib.suppress(Exception):
            uuid.uuid4()
    assert [breach.split()[0] for breach in seal.breaches] == ["time.time", "uuid.uuid4"]


def snapshot() -> list[object]:
    return [
        *(vars(module).copy() for module in (time, random, os, uuid, secrets, socket, datetime)),
        *(vars(kind).copy() for kind in (Random, socket.socket, threading.Thread)),
        globals().copy(),
    ]


def test_all_is_as_before_on_the_way_out() -> None:
    before = snapshot()
    for _ in range(2):
        with sealed() as outer:
            with sealed() as inner, pytest.raises(SimulationError):
                now()
            with pytest.raises(SimulationError):
                monotonic()
        assert len(inner.breaches) == 1
        assert len(outer.breaches) == 2
        assert snapshot() == before
        with pytest.raises(KeyError), sealed():
            raise KeyError
        assert snapshot() == before
    assert now() > 0
    assert a_datetime.now() > a_datetime(2020, 1, 1)


def test_what_has_a_seed_or_an_argument_is_allowed() -> None:
    with sealed() as seal:
        assert Random(1).random() == random.Random(1).random()
        assert random.Random("a/b").randrange(10) < 10
        assert time.gmtime(0).tm_year == 1970
        assert time.strftime("%Y", time.gmtime(0)) == "1970"
        assert time.localtime(0.0).tm_year in (1969, 1970)
    assert seal.breaches == []


def test_dates_are_what_they_were() -> None:
    before = a_datetime(2020, 1, 2)
    real, real_date = a_datetime, a_date
    with sealed():
        inside = a_datetime(2020, 1, 2)
        assert inside == before == datetime.datetime.fromisoformat("2020-01-02")
        assert isinstance(before, a_datetime)
        assert isinstance(before, datetime.date)
        assert not isinstance(a_date(2020, 1, 2), a_datetime)
        assert issubclass(a_datetime, a_date)
        assert type(inside) == a_datetime  # noqa: E721
        assert {type(inside): 1}[a_datetime] == 1
        assert a_datetime.strptime("2020", "%Y").year == 2020
        assert a_datetime.combine(a_date(2020, 1, 2), datetime.time()) == before
        assert copy.deepcopy(inside) == inside
        assert a_datetime.max == before.max
        made = [
            inside,
            a_datetime.fromtimestamp(0),
            inside.replace(year=1),
            inside + before.resolution,
        ]
        assert a_date.fromordinal(1).year == 1

        class Own(a_datetime):
            pass

        assert isinstance(Own(2020, 1, 2), Own)
        assert not isinstance(inside, Own)
    assert {type(it) for it in made} == {real}
    assert type(before.date()) is real_date


def test_modules_loaded_later_are_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with sealed():
        pass
    module = types.ModuleType("loaded_later")
    exec("from time import time\ndef ask(): return time()", vars(module))
    monkeypatch.setitem(sys.modules, "loaded_later", module)
    with sealed(), pytest.raises(SimulationError, match=r"time\.time was called at <string>:2"):
        module.ask()
    assert module.ask() > 0


class Stopwatch:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock


def by_keyword(*, clock: Callable[[], float] = time.time) -> float:
    return clock()


def by_place(clock: Callable[[], float] = time.time) -> float:
    return clock()


def test_default_arguments_are_looked_at_too() -> None:
    for _ in range(2):
        for culprit in (by_place, by_keyword, lambda: Stopwatch().clock()):
            with sealed() as seal, pytest.raises(SimulationError, match="was called at"):
                culprit()
            assert len(seal.breaches) == 1
            assert culprit() > 0
        with sealed():
            assert by_place(lambda: 3) == 3
    assert by_place.__defaults__ == (time.time,)


def test_what_is_imported_inside_works_outside() -> None:
    module = types.ModuleType("loaded_inside")
    with sealed():
        exec("from time import time\nfrom datetime import datetime", vars(module))
    assert module.time() > 0
    assert module.datetime.now() > a_datetime(2020, 1, 1)


def test_what_a_test_put_in_place_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 7)
    with sealed():
        assert time.time() == 7
    assert time.time() == 7


def test_logs_tracebacks_collection_and_simulated_loops_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def program() -> str:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(1, "slept"))
        return task.result()

    with sealed() as seal:
        logging.getLogger("sealed").warning("logged")
        try:
            raise ValueError("shown")
        except ValueError:
            assert "shown" in traceback.format_exc()
        gc.collect()
        with asyncio.Runner(loop_factory=lambda: SimulatedLoop(Kernel())) as runner:
            assert runner.run(program()) == "slept"
    assert caplog.messages == ["logged"]
    assert seal.breaches == []


def test_other_threads_are_not_sealed() -> None:
    asked, answers = threading.Event(), []

    def ask() -> None:
        asked.wait(10)
        answers.append(time.time())

    thread = threading.Thread(target=ask)
    thread.start()
    with sealed():
        asked.set()
        thread.join(10)
    assert len(answers) == 1


def test_sealing_costs_next_to_nothing() -> None:
    def once() -> float:
        start = perf_counter()
        with sealed():
            pass
        return perf_counter() - start

    once()
    assert min(once() for _ in range(20)) < 0.001
