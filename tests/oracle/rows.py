"""The table: what theory says of each approach under each scenario, every row with its source.

Rows that measurement contradicted are not here but in docs/findings.md, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.oracle.table import Bound, Row, Sign

SOURCES: Mapping[str, str] = {
    "none": "Every instance's timer fires: as many runs as instances.",
    "validity": "Redis documentation, 'Distributed Locks with Redis': exclusion holds within the"
    " validity time only. Kleppmann, 'How to do distributed locking': a run that outlives it, or"
    " a pause, and two run at once.",
    "late-del": "Redis documentation, 'Distributed Locks with Redis', on releasing: a DEL that"
    " looks at no owner removes the lock of another client; also one that the network held back.",
    "renewal": "Gray and Cheriton 1989, 'Leases': a lease that is renewed outlives any job, but no"
    " pause of its holder; who counts it from when the request was sent stops in time.",
    "session": "ZooKeeper programmer's guide, 'ZooKeeper Sessions': the session of a client that"
    " is silent for its timeout ends, its ephemeral nodes go with it, and nothing else ends it.",
    "suspended": "Curator, 'Error Handling': only who stops at SUSPENDED is sure not to lead"
    " beside another.",
    "connection": "PostgreSQL documentation, 'Advisory Locks', 'Explicit Locking': held until the"
    " session or transaction ends, for which neither time nor silence is a reason.",
    "claim": "PostgreSQL documentation, 'SELECT', SKIP LOCKED: a claim is a row lock, which dies"
    " with its session; then the run is claimed again. At least once.",
    "pending": "Redis documentation, XAUTOCLAIM: a message that was idle for so long is another"
    " consumer's. At least once.",
    "row": "River's elector; ShedLock's README: a row with an expiry by the database's clock,"
    " durable like any other.",
    "at-most": "ShedLock's README: lockAtMostFor must exceed the longest run, lockAtLeastFor the"
    " difference of the clocks; with the application's clock those must agree.",
    "quartz": "Quartz documentation, 'Clustering'; JobStoreSupport: a trigger is fired by who"
    " changes its state; what a dead instance was executing runs again only if it requests"
    " recovery.",
    "spread": "A lock that is released at the end of the run is free for whoever's clock is late"
    " by more than the run took (Kleppmann 2016 speaks of the reverse; ShedLock issues 6 and 8).",
    "identity": "SRE book, chapter 24: a launch is identified by job and scheduled time; keyed so,"
    " it is not launched twice.",
    "token": "Kleppmann, 'How to do distributed locking': the sink refuses a token that is older"
    " than one it has seen; executions overlap all the same.",
    "volatile": "Redis documentation, 'Persistence': without it a restart forgets every key.",
    "replication": "Redis documentation, 'Replication': asynchronous; what was not replicated is"
    " lost with its primary. PostgreSQL likewise ('Streaming replication is asynchronous by"
    " default'); locks of sessions are never replicated.",
    "quorum": "ZooKeeper 'Internals': what was acknowledged is on a quorum, and survives the"
    " leader.",
    "ring": "Karger et al. 1997: each member computes the owners by itself; exclusion is as good"
    " as the agreement on who is a member.",
    "graceful": "A lease that is given up by its holder is free at once.",
    "apart": "Two systems know nothing of each other's leases.",
    "timeout": "Redis documentation, 'Distributed Locks with Redis': the timeout of a single"
    " server is small against the validity; a server that does not answer within it counts as"
    " down.",
    "share": "Each run fails by itself; what is tried k times fails with the k-th power.",
}

_OVERLAP = "overlap.count"
_GOOD = f"duplicate missed.total {_OVERLAP}"
_ALL_RECOVER = "failover.unrecovered takeover.unrecovered outage.unrecovered"

_TTL_LOCKS = "redis-setnx redis-lock redis-fenced redlock"
_LOCKS = f"{_TTL_LOCKS} redis-watchdog zookeeper-lock postgres-advisory-lock"
_EVERY_LEASE = (
    f"{_LOCKS} redis-pubsub redis-leader zookeeper-leader consistent-hash postgres-row-lock"
    " postgres-leader shedlock quartz-cluster"
)
_QUEUES = "postgres-queue redis-streams"

# Scenario, approaches, measures, sign, source.
_TABLE: tuple[tuple[str, str, str, Sign, str], ...] = (
    ("steady", f"{_EVERY_LEASE} {_QUEUES}", _GOOD, Sign.NONE, "graceful"),
    ("steady", "uncoordinated", "duplicate", Sign.EVERY, "none"),
    # A pause that outlasts whatever has a time.
    ("gc-pause", f"{_TTL_LOCKS} redis-watchdog shedlock", _OVERLAP, Sign.SOME, "validity"),
    ("gc-pause", "redis-leader postgres-leader", _OVERLAP, Sign.SOME, "renewal"),
    ("gc-pause", "zookeeper-lock zookeeper-leader consistent-hash", _OVERLAP, Sign.SOME, "session"),
    ("gc-pause", "postgres-advisory-lock postgres-row-lock", _OVERLAP, Sign.NONE, "connection"),
    ("gc-pause", "postgres-queue", "duplicate missed.total", Sign.NONE, "claim"),
    ("gc-pause", "redis-streams", "duplicate", Sign.SOME, "pending"),
    # A job that outlasts it.
    ("long-running-job", f"{_TTL_LOCKS}", _OVERLAP, Sign.SOME, "validity"),
    ("long-running-job", "shedlock", _OVERLAP, Sign.SOME, "at-most"),
    (
        "long-running-job",
        "redis-watchdog redis-leader postgres-leader",
        _OVERLAP,
        Sign.NONE,
        "renewal",
    ),
    (
        "long-running-job",
        "zookeeper-lock zookeeper-leader consistent-hash",
        _OVERLAP,
        Sign.NONE,
        "session",
    ),
    (
        "long-running-job",
        "postgres-advisory-lock postgres-row-lock",
        _OVERLAP,
        Sign.NONE,
        "connection",
    ),
    ("long-running-job", "quartz-cluster", _OVERLAP, Sign.NONE, "quartz"),
    ("long-running-job", "redis-streams", "duplicate", Sign.NONE, "pending"),
    # Cut off while running; the run is over before its lock has run out.
    (
        "network-partition",
        "redis-lock redis-fenced redlock redis-watchdog",
        _OVERLAP,
        Sign.NONE,
        "validity",
    ),
    ("network-partition", "redis-setnx", _OVERLAP, Sign.SOME, "late-del"),
    ("network-partition", "redis-leader postgres-leader", _OVERLAP, Sign.NONE, "renewal"),
    ("network-partition", "zookeeper-leader", _OVERLAP, Sign.NONE, "suspended"),
    ("network-partition", "zookeeper-leader-ignore", _OVERLAP, Sign.SOME, "suspended"),
    (
        "network-partition",
        "postgres-advisory-lock postgres-row-lock",
        _OVERLAP,
        Sign.NONE,
        "connection",
    ),
    # What the coordinator forgot is free, while its holder runs on.
    ("lease-expiry", f"{_TTL_LOCKS} redis-watchdog redis-leader", _OVERLAP, Sign.SOME, "validity"),
    ("lease-expiry", "zookeeper-lock zookeeper-leader", _OVERLAP, Sign.SOME, "session"),
    ("lease-expiry", "postgres-advisory-lock postgres-row-lock", _OVERLAP, Sign.SOME, "connection"),
    ("lease-expiry", "shedlock postgres-leader", _OVERLAP, Sign.SOME, "row"),
    ("lease-expiry", "postgres-queue", f"duplicate {_OVERLAP}", Sign.SOME, "claim"),
    # Whatever a crash takes with it, the others go on.
    (
        "worker-crash",
        f"{_EVERY_LEASE} {_QUEUES}".replace(" quartz-cluster", ""),
        _ALL_RECOVER,
        Sign.NONE,
        "graceful",
    ),
    (
        "worker-crash",
        "uncoordinated quartz-cluster",
        "failover.unrecovered outage.unrecovered",
        Sign.NONE,
        "none",
    ),
    ("worker-crash", "postgres-queue", "missed.total", Sign.NONE, "claim"),
    ("worker-crash", "redis-streams", "missed.total", Sign.NONE, "pending"),
    # The run that was hit: gone with a lock, run again by a queue.
    (
        "crash-mid-run",
        f"{_TTL_LOCKS} redis-watchdog shedlock",
        "missed.lost missed.never_started",
        Sign.SOME,
        "validity",
    ),
    (
        "crash-mid-run",
        "zookeeper-lock zookeeper-leader",
        "missed.lost missed.never_started",
        Sign.SOME,
        "session",
    ),
    (
        "crash-mid-run",
        "postgres-advisory-lock postgres-row-lock",
        "missed.lost",
        Sign.SOME,
        "connection",
    ),
    (
        "crash-mid-run",
        "postgres-advisory-lock postgres-row-lock",
        "missed.never_started",
        Sign.NONE,
        "connection",
    ),
    ("crash-mid-run", "postgres-queue", "missed.total duplicate", Sign.NONE, "claim"),
    ("crash-mid-run", "postgres-queue", "extra_runs.retried", Sign.SOME, "claim"),
    ("crash-mid-run", "redis-streams", "missed.total", Sign.NONE, "pending"),
    ("crash-mid-run", "redis-streams", "extra_runs.retried", Sign.SOME, "pending"),
    ("crash-mid-run", "quartz-cluster", "missed.lost", Sign.SOME, "quartz"),
    ("crash-mid-run", "quartz-cluster-recovering", "missed.total", Sign.NONE, "quartz"),
    ("crash-mid-run", "quartz-cluster-recovering", "extra_runs.retried", Sign.SOME, "quartz"),
    # Who wakes up too late.
    (
        "zombie-worker",
        "redis-fenced zookeeper-lock zookeeper-leader postgres-leader",
        f"suppressed {_OVERLAP}",
        Sign.SOME,
        "token",
    ),
    ("zombie-worker", "redis-lock", _OVERLAP, Sign.SOME, "validity"),
    ("zombie-worker", "redis-lock zookeeper-lock-unfenced", "suppressed", Sign.NONE, "token"),
    # Two leaders, or not.
    ("split-brain", "zookeeper-leader", _OVERLAP, Sign.NONE, "suspended"),
    ("split-brain", "zookeeper-leader-ignore", _OVERLAP, Sign.SOME, "suspended"),
    ("split-brain", "redis-leader postgres-leader", _OVERLAP, Sign.NONE, "renewal"),
    ("split-brain", "postgres-leader-trusting", _OVERLAP, Sign.SOME, "renewal"),
    ("split-brain", "consistent-hash-ignore", _OVERLAP, Sign.SOME, "ring"),
    ("split-brain", "postgres-row-lock", _OVERLAP, Sign.NONE, "connection"),
    # Granted, and nobody heard.
    ("lost-replies", f"{_LOCKS} shedlock", "duplicate", Sign.NONE, "validity"),
    ("slow-network", "redlock-patient", "duplicate", Sign.NONE, "validity"),
    ("slow-network", "redlock", "missed.total", Sign.SOME, "timeout"),
    (
        "slow-network",
        f"{_LOCKS.replace('redlock ', '')} {_QUEUES} postgres-row-lock",
        "duplicate missed.total",
        Sign.NONE,
        "graceful",
    ),
    # What a coordinator forgets when it comes back.
    ("coordinator-restart", f"{_TTL_LOCKS} redis-watchdog", _OVERLAP, Sign.SOME, "volatile"),
    (
        "coordinator-restart",
        "postgres-advisory-lock postgres-row-lock",
        _OVERLAP,
        Sign.SOME,
        "connection",
    ),
    ("coordinator-restart", "zookeeper-lock zookeeper-leader", _OVERLAP, Sign.NONE, "session"),
    ("coordinator-restart", "shedlock postgres-leader", _OVERLAP, Sign.NONE, "row"),
    ("coordinator-restart", "quartz-cluster", _OVERLAP, Sign.NONE, "quartz"),
    ("coordinator-outage", "postgres-queue", "missed.total", Sign.NONE, "claim"),
    ("coordinator-outage", f"{_LOCKS}", "missed.never_started", Sign.SOME, "graceful"),
    (
        "coordinator-failover",
        "redis-setnx redis-lock redis-watchdog redis-fenced",
        _OVERLAP,
        Sign.SOME,
        "replication",
    ),
    (
        "coordinator-failover",
        "postgres-advisory-lock postgres-row-lock shedlock",
        _OVERLAP,
        Sign.SOME,
        "replication",
    ),
    ("coordinator-failover", "zookeeper-lock zookeeper-leader", _OVERLAP, Sign.NONE, "quorum"),
    # Clocks.
    ("clock-skew", "shedlock", _OVERLAP, Sign.SOME, "at-most"),
    ("clock-skew", "shedlock-database-clock", _OVERLAP, Sign.NONE, "at-most"),
    (
        "clock-skew",
        "redis-lock zookeeper-lock postgres-advisory-lock",
        _OVERLAP,
        Sign.NONE,
        "validity",
    ),
    (
        "clock-spread",
        f"{_LOCKS} postgres-row-lock postgres-row-lock-waiting shedlock-database-clock",
        "duplicate",
        Sign.SOME,
        "spread",
    ),
    (
        "clock-spread",
        "postgres-row-lock-rechecking redis-pubsub",
        "duplicate",
        Sign.NONE,
        "identity",
    ),
    ("clock-spread", "redis-lock-per-run", "duplicate", Sign.NONE, "identity"),
    ("clock-spread", "shedlock-at-least", "duplicate", Sign.NONE, "at-most"),
    (
        "clock-spread",
        f"zookeeper-leader redis-leader postgres-leader {_QUEUES}",
        "duplicate",
        Sign.NONE,
        "identity",
    ),
    ("clock-spread", "quartz-cluster", "duplicate", Sign.NONE, "quartz"),
    # Nothing needs to be lost.
    (
        "rolling-deploy",
        f"{_LOCKS} postgres-row-lock {_QUEUES}",
        "missed.total duplicate",
        Sign.NONE,
        "graceful",
    ),
    (
        "thundering-herd",
        f"{_LOCKS} postgres-row-lock {_QUEUES}",
        "missed.total duplicate",
        Sign.NONE,
        "graceful",
    ),
    ("failing-jobs", "redis-lock-no-retry", "missed.failed", Sign.SOME, "share"),
    (
        "failing-jobs",
        "redis-lock zookeeper-lock postgres-queue",
        "extra_runs.retried",
        Sign.SOME,
        "share",
    ),
    (
        "load-spike",
        "zookeeper-leader redis-leader postgres-leader",
        "missed.total duplicate",
        Sign.NONE,
        "graceful",
    ),
    (
        "migration",
        "redis-to-postgres redis-to-zookeeper lock-to-queue",
        "duplicate",
        Sign.SOME,
        "apart",
    ),
    ("migration", "setnx-to-lock lock-to-watchdog", "duplicate", Sign.NONE, "validity"),
)

ORACLE: tuple[Row, ...] = tuple(
    Row(scenario, approach, measure, sign, source)
    for scenario, approaches, measures, sign, source in _TABLE
    for approach in approaches.split()
    for measure in measures.split()
)


_LOCK = "the ttl counts from the grant; then the next due time finds it free"
_LEASE = "T - U[0, H] + U[0, P]: renewed every H, polled every P"

BOUNDS: tuple[Bound, ...] = (
    # Killed 0.2 s into a run; the job is due every second.
    Bound("crash-mid-run", "redis-lock", "takeover.max", 1.6, 2.6, _LOCK),
    Bound("crash-mid-run", "redis-setnx", "takeover.max", 1.6, 2.6, _LOCK),
    Bound("crash-mid-run", "redis-fenced", "takeover.max", 1.6, 2.6, _LOCK),
    Bound("crash-mid-run", "redis-watchdog", "takeover.max", 1.6, 2.6, _LOCK),
    Bound("crash-mid-run", "redlock", "takeover.max", 1.6, 2.6, _LOCK),
    Bound("crash-mid-run", "shedlock", "takeover.max", 1.6, 2.6, _LOCK),
    Bound("crash-mid-run", "redis-pubsub", "takeover.max", 1.6, 1.7, "the ttl, then the poll"),
    Bound("crash-mid-run", "redis-leader", "takeover.max", 1.2, 1.9, _LEASE),
    Bound("crash-mid-run", "postgres-leader", "takeover.max", 1.2, 2.3, _LEASE),
    Bound(
        "crash-mid-run",
        "zookeeper-leader",
        "takeover.max",
        1.33,
        2.2,
        "T - U[0, T/3] + U(0, tick]: a heartbeat every T/3, expiry at the tick after T of silence",
    ),
    Bound(
        "crash-mid-run",
        "zookeeper-lock",
        "takeover.max",
        1.33,
        3.2,
        "the same, then the next due time",
    ),
    Bound(
        "crash-mid-run",
        "postgres-advisory-lock",
        "failover.max",
        0.7,
        0.9,
        "the kernel closes the connection; the next due time",
    ),
    Bound("crash-mid-run", "postgres-queue", "failover.max", 0.0, 0.1, "the same; the next poll"),
    Bound(
        "crash-mid-run",
        "quartz-cluster-recovering",
        "failover.max",
        1.0,
        3.0,
        "tolerance + U[0, C] since its last check-in, tested once per C: JobStoreSupport",
    ),
    Bound("split-brain", "redis-leader", "takeover.max", 1.2, 1.9, _LEASE),
    Bound("split-brain", "postgres-leader", "takeover.max", 1.2, 2.3, _LEASE),
    Bound("split-brain", "zookeeper-leader", "takeover.max", 1.33, 2.2, "as after a crash"),
    Bound(
        "split-brain",
        "postgres-advisory-lock",
        "outage.max",
        7.0,
        8.5,
        "as long as it is cut off: nothing else frees it",
    ),
    Bound(
        "coordinator-outage",
        "redis-lock",
        "outage.max",
        4.0,
        7.0,
        "as long as it is down, the rest of a period, a connection's timeout",
    ),
)
