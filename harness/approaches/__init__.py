"""The algorithms compared. To add one: write its module, and name it here."""

from collections.abc import Mapping
from typing import Any

from harness.approaches.approach import Approach
from harness.approaches.postgres_advisory_lock import PostgresAdvisoryLock
from harness.approaches.postgres_queue import PostgresQueue
from harness.approaches.redis_locks import RedisLock, RedisSetnx, RedisWatchdog
from harness.approaches.uncoordinated import Uncoordinated
from harness.approaches.zookeeper_leader import ZooKeeperLeader
from harness.approaches.zookeeper_lock import ZooKeeperLock

APPROACHES: Mapping[str, type[Approach[Any]]] = {
    "uncoordinated": Uncoordinated,
    "redis-setnx": RedisSetnx,
    "redis-lock": RedisLock,
    "redis-watchdog": RedisWatchdog,
    "zookeeper-lock": ZooKeeperLock,
    "zookeeper-leader": ZooKeeperLeader,
    "postgres-advisory-lock": PostgresAdvisoryLock,
    "postgres-queue": PostgresQueue,
}
