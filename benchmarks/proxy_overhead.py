"""What the proxy costs: the same traffic direct and through it, in turns, in one run.

    python -m benchmarks.proxy_overhead

An echo server, the proxy and the client are three processes. Round trips are of one byte on one
connection; throughput is an echo, so every byte crosses the proxy twice.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from harness.runtimes.proxy import Link

ROUNDS = 5
ROUND_TRIPS = 4_000  # a round
MEGABYTES = 64  # a round
CHUNK = b"x" * (256 << 10)

Address = tuple[str, int]


class Echo(asyncio.Protocol):
    """Sends back what it gets, and reads no faster than it can send."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)

    def pause_writing(self) -> None:
        """Wait for the client."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self.transport.resume_reading()


def serve_echo(told: Connection) -> None:
    """Echo until killed; tells its address."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname())
        await asyncio.Event().wait()

    asyncio.run(serve())


def serve_proxy(told: Connection, upstream: Address) -> None:
    """Relay to `upstream` until killed; tells its address."""

    async def serve() -> None:
        link = Link("client echo", upstream)
        await link.open()
        told.send(link.address)
        await asyncio.Event().wait()

    asyncio.run(serve())


@dataclass
class Samples:
    """What one path showed: round trips in ms, throughput in MB/s."""

    round_trips: list[float] = field(default_factory=list)
    throughput: list[float] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """A percentile of the round trips, in ms."""
        return statistics.quantiles(self.round_trips, n=100)[percent - 1]


def measure_round_trips(address: Address, samples: Samples) -> None:
    """One byte there and back, one after the other."""
    with socket.create_connection(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(ROUND_TRIPS):
            start = time.perf_counter()
            client.sendall(b"x")
            client.recv(1)
            samples.round_trips.append((time.perf_counter() - start) * 1000)


def measure_throughput(address: Address, samples: Samples) -> None:
    """Many megabytes there and back at once."""
    total = MEGABYTES << 20

    def send() -> None:
        for _ in range(total // len(CHUNK)):
            client.sendall(CHUNK)

    with socket.create_connection(address) as client:
        start = time.perf_counter()
        sender = threading.Thread(target=send)
        sender.start()
        received = 0
        while received < total:
            received += len(client.recv(1 << 20))
        sender.join()
        samples.throughput.append(total / 1e6 / (time.perf_counter() - start))


def report(direct: Samples, proxied: Samples) -> None:
    """Print both paths and how many times the direct one the proxied one is."""
    rows = [
        ("round trip p50, ms", direct.percentile(50), proxied.percentile(50)),
        ("round trip p99, ms", direct.percentile(99), proxied.percentile(99)),
        (
            "echo, MB/s (median)",
            statistics.median(direct.throughput),
            statistics.median(proxied.throughput),
        ),
    ]
    print(f"{'':22}{'direct':>10}{'proxy':>10}{'ratio':>10}")
    for label, bare, through in rows:
        print(f"{label:22}{bare:10.3f}{through:10.3f}{through / bare:10.2f}")


def main() -> None:
    """Measure and print."""
    spawn = multiprocessing.get_context("spawn")
    processes = []
    address: Address | None = None
    addresses: list[Address] = []
    for target in (serve_echo, serve_proxy):
        here, there = spawn.Pipe()
        arguments = (there,) if address is None else (there, address)
        process = spawn.Process(target=target, args=arguments, daemon=True)
        process.start()
        processes.append(process)
        address = here.recv()
        addresses.append(address)
    direct, proxied = Samples(), Samples()
    try:
        for _ in range(ROUNDS):
            for each, samples in zip(addresses, (direct, proxied), strict=True):
                measure_round_trips(each, samples)
                measure_throughput(each, samples)
    finally:
        for process in processes:
            process.kill()
            process.join()
    report(direct, proxied)


if __name__ == "__main__":
    main()
