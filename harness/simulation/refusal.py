"""What asyncio offers and virtual time does not: each of it says so."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NoReturn

from harness.simulation.culprit import culprit
from harness.simulation.kernel import Kernel, SimulationError


class _Refused:
    """A method that raises SimulationError and names the loop, itself and what it needs."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __set_name__(self, owner: type, name: str) -> None:
        self._what = f"{self._what} ({name})"

    def __get__(self, loop: RealWorld | None, owner: type) -> Any:
        def refuse(*_args: object, **_options: object) -> NoReturn:
            if loop is None:
                raise SimulationError(f"{self._what} is not to be had in virtual time")
            where = culprit(sys._getframe(1))
            text = f"{loop.name}: {self._what} is not to be had in virtual time, at {where}"
            loop.kernel.breaches.append(text)
            raise SimulationError(text)

        return refuse


def _refused(what: str) -> Any:
    return _Refused(what)


class RealWorld(asyncio.AbstractEventLoop):
    """The methods of a loop that need the real world, or that are not for one loop of many."""

    name: str
    kernel: Kernel

    stop = _refused("an end of one loop alone")
    run_in_executor = _refused("a thread")
    set_default_executor = _refused("a thread")
    create_connection = _refused("a socket")
    create_server = _refused("a socket")
    create_datagram_endpoint = _refused("a socket")
    create_unix_connection = _refused("a socket")
    create_unix_server = _refused("a socket")
    connect_accepted_socket = _refused("a socket")
    start_tls = _refused("a socket")
    sendfile = _refused("a socket")
    sock_accept = _refused("a socket")
    sock_connect = _refused("a socket")
    sock_recv = _refused("a socket")
    sock_recv_into = _refused("a socket")
    sock_recvfrom = _refused("a socket")
    sock_recvfrom_into = _refused("a socket")
    sock_sendall = _refused("a socket")
    sock_sendfile = _refused("a socket")
    sock_sendto = _refused("a socket")
    getaddrinfo = _refused("a socket")
    getnameinfo = _refused("a socket")
    add_reader = _refused("a file descriptor")
    remove_reader = _refused("a file descriptor")
    add_writer = _refused("a file descriptor")
    remove_writer = _refused("a file descriptor")
    subprocess_exec = _refused("a process")
    subprocess_shell = _refused("a process")
    connect_read_pipe = _refused("a process")
    connect_write_pipe = _refused("a process")
    run_forever = _refused("a way of its own")
    set_task_factory = _refused("a way of its own")
    set_exception_handler = _refused("a way of its own")
    default_exception_handler = _refused("a way of its own")
    add_signal_handler = _refused("a signal")
    remove_signal_handler = _refused("a signal")
