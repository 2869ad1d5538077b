"""Dividing claims among endpoints, worked out by hand."""

from datetime import UTC, datetime

from webhooks.delivery.breaker import Health
from webhooks.delivery.claim import Target, share

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HEALTHY = Health(window=16)  # depth 256
FAILING = Health(window=2, failing_since=NOW)
PROBING = Health(window=8, failing_since=NOW, streak=5, breaker_trips=1)


def target(name: str, health: Health) -> Target:
    return Target(name, "pt", "https://shop.example/", (b"k" * 32,), health)


def test_depth_follows_health():
    depths = [target("e", health).depth for health in (HEALTHY, Health(), FAILING, PROBING)]
    assert depths == [256, 64, 2, 1]


def test_one_that_lets_us_wait_gets_no_rows_claimed_ahead():
    assert target("e", HEALTHY).without_backlog().depth == 16
    assert target("e", FAILING).without_backlog().depth == 2
    assert target("e", PROBING).without_backlog().depth == 1
    assert target("e", HEALTHY).narrowed(1).without_backlog().depth == 1


def test_equal_shares_and_no_more_than_the_capacity():
    targets = [target(f"we_{n}", HEALTHY) for n in range(4)]
    assert share(targets, capacity=400, in_flight={}) == {f"we_{n}": 100 for n in range(4)}
    alone = share(targets[:1], capacity=500, in_flight={"we_0": 56})
    assert alone == {"we_0": 200}
    assert sum(share(targets, capacity=3, in_flight={}).values()) == 3


def test_what_a_failing_endpoint_may_not_have_goes_to_the_others():
    targets = [target("dead", FAILING), target("probe", PROBING), target("good", HEALTHY)]
    quotas = share(targets, capacity=300, in_flight={})
    assert (quotas["dead"], quotas["probe"]) == (2, 1)
    assert quotas["good"] >= 100
    busy = share(targets, capacity=300, in_flight={"dead": 2, "probe": 1})
    assert set(busy) == {"good"}


def test_with_more_endpoints_than_capacity_each_has_its_chance():
    targets = [target(f"we_{n}", HEALTHY) for n in range(50)]
    served: set[str] = set()
    for _ in range(200):
        quotas = share(targets, capacity=10, in_flight={})
        assert len(quotas) == sum(quotas.values()) == 10
        served |= set(quotas)
    assert len(served) == 50
