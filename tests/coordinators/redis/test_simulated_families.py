"""What becomes of channels, streams and keys without an end in a simulated Redis that breaks."""

from __future__ import annotations

from random import Random

import pytest

from harness.coordinators.errors import Unavailable
from harness.coordinators.redis.alike import ALIKE
from harness.coordinators.redis.channels.port import Subscription
from harness.coordinators.redis.simulated import SimulatedRedis, SimulatedRedisClient, connect
from harness.coordinators.timing import uniform_timing
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link

OPERATIONS = ("set_if_absent", "delete_if_equal", "extend_if_equal", "get")
TIMING = uniform_timing(OPERATIONS, 0.010, 0.002, alike=ALIKE)
HOUR = 3_600_000


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


@pytest.fixture
def server() -> SimulatedRedis:
    return SimulatedRedis(Kernel(), TIMING)


def wait(server: SimulatedRedis, seconds: float) -> None:
    over: list[None] = []
    server.kernel.plan(seconds, over.append, None)
    server.kernel.run_until(lambda: bool(over))


def client_of(server: SimulatedRedis, loop: SimulatedLoop, link: Link) -> SimulatedRedisClient:
    client: SimulatedRedisClient = loop.run_until_complete(
        connect(server, link, Random(0), 1.0, Silent())
    )
    return client


def test_a_restart_without_data_forgets_stream_and_counters(server: SimulatedRedis) -> None:
    server.set_if_absent_fenced("lock", "a", HOUR, "count")
    server.add_to_stream("report", 1.0, HOUR)
    server.add_to_stream("report", 2.0, HOUR)
    server.read_stream("a")
    server.crash()
    server.restart(keep_data=False)
    assert server.read_stream("a") is None
    assert server.claim_idle("a", 0) is None
    # What had been added can be added again, and the first token comes again.
    assert server.add_to_stream("report", 1.0, HOUR)
    assert server.set_if_absent_fenced("lock", "b", HOUR, "count") == 1


def test_a_restart_with_data_keeps_what_is_pending_for_whom(server: SimulatedRedis) -> None:
    server.add_to_stream("report", 1.0, HOUR)
    message = server.read_stream("a")
    assert message is not None
    server.crash()
    server.restart(keep_data=True)
    assert not server.refresh("b", message.id)
    assert server.refresh("a", message.id)


def test_after_a_fail_over_a_stream_is_what_was_replicated(server: SimulatedRedis) -> None:
    server.add_to_stream("report", 1.0, HOUR)
    first = server.read_stream("a")
    server.add_to_stream("report", 2.0, HOUR)
    assert first is not None
    data = server.snapshot()
    assert server.acknowledge("a", first.id)
    server.read_stream("b")
    server.add_to_stream("report", 3.0, HOUR)
    for _ in range(2):
        server.crash()
        server.restore(data)
        server.restart(keep_data=True)
        # The acknowledgement and the reading are lost, and so is the run that was added.
        assert server.refresh("a", first.id)
        second = server.read_stream("b")
        assert second is not None
        assert second.due == 2.0
        assert server.read_stream("b") is None
        assert server.add_to_stream("report", 3.0, HOUR)


def test_ids_grow_in_one_millisecond_and_over_a_clock_that_goes_back(
    server: SimulatedRedis,
) -> None:
    ids = []
    for number in range(4):
        server.shift_clock(-3600.0 if number == 2 else 0.0)
        server.add_to_stream("report", float(number), HOUR)
        message = server.read_stream("a")
        assert message is not None
        ids.append(tuple(int(part) for part in message.id.split("-")))
    assert ids == sorted(set(ids))


def test_keys_without_an_end_outlive_the_ones_that_have_one(server: SimulatedRedis) -> None:
    server.set("mark", "1")
    server.set_if_absent("lock", "a", 1000)
    server.set_if_absent_fenced("fenced", "a", 1000, "count")
    wait(server, 5.0)
    # Freed too, not only hidden.
    assert len(server) == 2
    assert server.get("mark") == server.get("count") == "1"


def test_a_message_takes_its_way(server: SimulatedRedis) -> None:
    loop = SimulatedLoop(server.kernel, "worker")
    client = client_of(server, loop, Link(server.kernel, Random(1)))
    subscription: Subscription = loop.run_until_complete(client.channels.subscribe("news"))
    before = server.kernel.now
    server.publish("news", "now")
    assert loop.run_until_complete(subscription.receive(60.0)) == "now"
    assert server.kernel.now - before == pytest.approx(0.004)


def test_a_crash_ends_subscriptions_and_their_holders_are_told(server: SimulatedRedis) -> None:
    loop = SimulatedLoop(server.kernel, "worker")
    client = client_of(server, loop, Link(server.kernel, Random(1)))
    subscription: Subscription = loop.run_until_complete(client.channels.subscribe("news"))
    server.crash()
    server.restart(keep_data=True)
    assert server.publish("news", "anybody?") == 0
    with pytest.raises(Unavailable):
        loop.run_until_complete(subscription.receive(60.0))
    loop.run_until_complete(subscription.close())
    again: Subscription = loop.run_until_complete(client.channels.subscribe("news"))
    assert server.publish("news", "back") == 1
    assert loop.run_until_complete(again.receive(60.0)) == "back"


def test_a_worker_that_died_is_no_subscriber(server: SimulatedRedis) -> None:
    loop, link = SimulatedLoop(server.kernel, "worker"), Link(server.kernel, Random(1))
    client = client_of(server, loop, link)
    loop.run_until_complete(client.channels.subscribe("news"))
    assert server.publish("news", "anybody?") == 1
    loop.kill()
    link.hang_up()
    wait(server, 0.1)
    assert server.publish("news", "anybody?") == 0


def test_what_a_paused_worker_is_sent_waits_for_it(server: SimulatedRedis) -> None:
    loop = SimulatedLoop(server.kernel, "worker")
    client = client_of(server, loop, Link(server.kernel, Random(1)))
    subscription: Subscription = loop.run_until_complete(client.channels.subscribe("news"))
    loop.pause()
    server.publish("news", "one")
    server.publish("news", "two")
    wait(server, 5.0)
    loop.resume()
    assert loop.run_until_complete(subscription.receive(0.1)) == "one"
    assert loop.run_until_complete(subscription.receive(0.1)) == "two"
