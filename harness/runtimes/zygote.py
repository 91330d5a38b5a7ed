"""The warm parent of all workers: forks one in milliseconds, where starting one takes a second.

It has imported all that a worker needs and then does nothing but fork, single-threaded, so that a
child is as good as a fresh process. Spoken to over a unix socket, one JSON message a packet:

    to it     {"worker": name}            with three descriptors: stdin, stdout and stderr
    from it   {"worker": name, "pid": n}  and later {"pid": n, "status": s}, a wait status

It ends when the socket is closed, and its workers with it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback

from harness.runtimes import worker_process

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def main(path: str) -> None:
    """Serve the socket at `path`."""
    requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    requests.connect(path)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    gc.collect()
    gc.freeze()
    while True:
        readable, _, _ = select.select([requests.fileno(), wake_read], [], [])
        if wake_read in readable:
            os.read(wake_read, 4096)
            _report_exits(requests)
        if requests.fileno() in readable:
            packet, descriptors, _, _ = socket.recv_fds(requests, 4096, 3)
            if not packet:
                return
            worker = json.loads(packet)["worker"]
            zygote = os.getpid()
            pid = os.fork()
            if pid == 0:
                _become_worker(zygote, descriptors, [requests.fileno(), wake_read, wake_write])
            for descriptor in descriptors:
                os.close(descriptor)
            _send(requests, {"worker": worker, "pid": pid})


def _report_exits(requests: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(requests, {"pid": pid, "status": status})


def _send(requests: socket.socket, message: dict[str, object]) -> None:
    requests.send(json.dumps(message).encode())


def _become_worker(zygote: int, descriptors: list[int], foreign: list[int]) -> None:
    """Turn the forked child into a worker; never returns."""
    code = 1
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != zygote:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        for descriptor in {*descriptors, *foreign} - {0, 1, 2}:
            os.close(descriptor)
        worker_process.main()
        code = 0
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code)
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
