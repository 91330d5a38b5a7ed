"""The algorithms compared. To add one: write its module, and name it here."""

from collections.abc import Mapping
from typing import Any

from harness.approaches.approach import Approach
from harness.approaches.consistent_hash import ConsistentHash
from harness.approaches.postgres_advisory_lock import PostgresAdvisoryLock
from harness.approaches.postgres_leader import PostgresLeader
from harness.approaches.postgres_queue import PostgresQueue
from harness.approaches.postgres_row_lock import PostgresRowLock
from harness.approaches.quartz_cluster import QuartzCluster
from harness.approaches.redis_fenced import RedisFenced
from harness.approaches.redis_leader import RedisLeader
from harness.approaches.redis_locks import RedisLock, RedisSetnx, RedisWatchdog
from harness.approaches.redis_pubsub import RedisPubSub
from harness.approaches.redis_streams import RedisStreams
from harness.approaches.redlock import Redlock
from harness.approaches.shedlock import ShedLock
from harness.approaches.uncoordinated import Uncoordinated
from harness.approaches.zookeeper_leader import ZooKeeperLeader
from harness.approaches.zookeeper_lock import ZooKeeperLock

APPROACHES: Mapping[str, type[Approach[Any]]] = {
    "uncoordinated": Uncoordinated,
    "redis-setnx": RedisSetnx,
    "redis-lock": RedisLock,
    "redis-watchdog": RedisWatchdog,
    "redis-fenced": RedisFenced,
    "redis-pubsub": RedisPubSub,
    "redis-leader": RedisLeader,
    "redis-streams": RedisStreams,
    "redlock": Redlock,
    "zookeeper-lock": ZooKeeperLock,
    "zookeeper-leader": ZooKeeperLeader,
    "consistent-hash": ConsistentHash,
    "postgres-advisory-lock": PostgresAdvisoryLock,
    "postgres-row-lock": PostgresRowLock,
    "shedlock": ShedLock,
    "postgres-leader": PostgresLeader,
    "postgres-queue": PostgresQueue,
    "quartz-cluster": QuartzCluster,
}
