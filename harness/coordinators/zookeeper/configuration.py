"""How a ZooKeeper server of our own is started and configured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.coordinators.starting import HOST

JVM = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xms16m",
    "-Xmx128m",
    "-Dzookeeper.forceSync=no",
    "-Dzookeeper.jmx.log4j.disable=true",
)
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"

# Sessions may last from two to a hundred ticks: 400 ms to 20 s.
_CONFIGURATION = """\
tickTime=200
initLimit=10
syncLimit=5
minSessionTimeout=400
maxSessionTimeout=20000
dataDir={data}
clientPort={port}
clientPortAddress={host}
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
forceSync=no
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server of an ensemble: its number, and the ports for its leader and for elections."""

    number: int
    quorum_port: int
    election_port: int


def configure(data: Path, port: int, peers: Sequence[Peer], own: Peer) -> str:
    """What is in zoo.cfg; with several peers also makes `myid`, which says which one it is."""
    data.mkdir(parents=True, exist_ok=True)
    text = _CONFIGURATION.format(data=data, port=port, host=HOST)
    if len(peers) == 1:
        return text
    (data / "myid").write_text(f"{own.number}\n")
    servers = (f"server.{p.number}={HOST}:{p.quorum_port}:{p.election_port}\n" for p in peers)
    return text + "".join(servers)
