"""What a simulated program must not call, and what it may call instead."""

from __future__ import annotations

import _thread
import os
import random
import secrets
import select
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Unless = Callable[[tuple[Any, ...], Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A function of a module, or a method of a class, that is not to be called.

    `unless` says of the arguments (a method's own included) whether the call is harmless.
    """

    owner: ModuleType | type
    name: str
    what: str
    instead: str
    unless: Unless | None = None


CLOCK = "the loop's time(), or the worker's clock"
CHANCE = "a random.Random with a seed of its own, as the worker's random(purpose)"
NETWORK = "the simulated network"
THREAD = "a task"
PROCESS = "a task"


def _functions(
    module: ModuleType, names: str, instead: str, unless: Unless | None = None
) -> Iterator[Forbidden]:
    for name in names.split():
        yield Forbidden(module, name, f"{module.__name__}.{name}", instead, unless)


def _argument(place: int, name: str) -> Unless:
    """Harmless where that argument is given."""
    return lambda args, options: (
        (args[place] if len(args) > place else options.get(name)) is not None
    )


def _of_the_hidden_instance() -> str:
    """Each function of `random` that is a method of the one instance that all share."""
    hidden = random.random.__self__  # type: ignore[attr-defined]
    return " ".join(
        name for name, value in vars(random).items() if getattr(value, "__self__", None) is hidden
    )


FORBIDDEN: tuple[Forbidden, ...] = (
    *_functions(
        time,
        "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time"
        " process_time_ns thread_time thread_time_ns clock_gettime clock_gettime_ns",
        CLOCK,
    ),
    *_functions(time, "sleep", "asyncio.sleep"),
    *_functions(os, "times", CLOCK),
    *_functions(signal, "alarm setitimer", "asyncio.timeout"),
    *_functions(select, "select", "asyncio"),
    *_functions(time, "localtime gmtime ctime", CLOCK, _argument(0, "seconds")),
    *_functions(time, "asctime", CLOCK, _argument(0, "t")),
    *_functions(time, "strftime", CLOCK, _argument(1, "t")),
    *_functions(random, _of_the_hidden_instance(), CHANCE),
    Forbidden(random.Random, "seed", "random.Random() without a seed", CHANCE, _argument(1, "a")),
    *(
        Forbidden(random.SystemRandom, name, f"random.SystemRandom.{name}", CHANCE)
        for name in ("random", "getrandbits", "randbytes")
    ),
    *_functions(os, "urandom getrandom", CHANCE),
    *_functions(uuid, "uuid1 uuid4 uuid6 uuid7", CHANCE),
    *_functions(secrets, "token_bytes token_hex token_urlsafe choice randbits randbelow", CHANCE),
    Forbidden(socket.socket, "__init__", "socket.socket", NETWORK),
    *_functions(
        socket,
        "create_connection create_server socketpair fromfd getaddrinfo gethostbyname getnameinfo",
        NETWORK,
    ),
    Forbidden(threading.Thread, "start", "threading.Thread.start", THREAD),
    *_functions(_thread, "start_new_thread start_new", THREAD),
    Forbidden(subprocess.Popen, "__init__", "subprocess.Popen", PROCESS),
    *_functions(
        os,
        "fork forkpty system posix_spawn posix_spawnp spawnv spawnve spawnvp spawnvpe"
        " execv execve execvp execvpe",
        PROCESS,
    ),
)
