"""Keys that do not work: refused, counted by address, and never to the harm of one that works."""

from ipaddress import ip_address

import pytest
import redis
from django.test import Client

from partners import guesses
from partners.models import ApiKey
from tests.factories import ApiKeyFactory, api_client

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.core.probe_urls"),
    pytest.mark.usefixtures("clean_redis"),
]

WRONG = "Bearer ap_test_0123456789_" + "0" * 40
ADDRESS = "203.0.113.9"


@pytest.fixture(autouse=True)
def _three_a_minute(settings) -> None:
    settings.ATLASPAY_KEY_FAILURES_PER_MINUTE = 3


def attempt(web: Client, header: str = WRONG, address: str = ADDRESS):
    return web.get("/v1/echo", headers={"Authorization": header}, REMOTE_ADDR=address)


def test_the_fourth_wrong_key_of_a_minute_is_told_to_wait(web):
    answers = [attempt(web) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[3].json()["code"] == "rate_limited"
    assert answers[3].json()["detail"].startswith("This is no API key of ours. Too many requests")
    assert 1 <= int(answers[3]["Retry-After"]) <= 60
    assert "Retry-After" not in answers[0]


def test_a_key_that_works_passes_from_the_same_address(web):
    client = api_client()
    for _ in range(6):
        attempt(web)

    assert attempt(client, f"Bearer {client.key.text}").status_code == 200
    assert attempt(web).status_code == 429


def test_another_address_has_tries_of_its_own(web):
    for _ in range(4):
        attempt(web)

    assert attempt(web, address="203.0.113.10").status_code == 401


def test_one_customers_ipv6_network_counts_as_one(web):
    answers = [attempt(web, address=f"2001:db8:0:1::{n}") for n in range(1, 5)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert attempt(web, address="2001:db8:0:2::1").status_code == 401


def test_expired_revoked_and_malformed_keys_count_too_and_say_why(web):
    expired = f"Bearer {ApiKeyFactory(expired=True).text}"
    attempt(web, f"Bearer {ApiKeyFactory(revoked=True).text}")
    attempt(web, "Bearer ap_test_short")
    attempt(web, expired)

    answer = attempt(web, expired)

    assert answer.status_code == 429
    assert answer.json()["detail"].startswith("This API key has expired.")
    assert not ApiKey.objects.filter(last_used_at__isnull=False).exists()


def test_no_credentials_are_no_guess(web):
    for _ in range(5):
        assert web.get("/v1/echo", REMOTE_ADDR=ADDRESS).status_code == 401
        assert attempt(web, "Basic dXNlcjpwYXNz").status_code == 401


def test_the_count_ends_with_its_minute():
    address = ip_address(ADDRESS)
    assert [guesses.count(address) for _ in range(4)][:3] == [0, 0, 0]
    key = f"atlaspay:guesses:{ADDRESS}/32"
    # The clock is Redis's own: the end is brought near instead.
    assert 1 <= guesses.client().pttl(key) <= 60_000
    guesses.client().delete(key)

    assert guesses.count(address) == 0


def test_a_counter_that_lost_its_end_gets_one():
    address = ip_address(ADDRESS)
    guesses.client().set(f"atlaspay:guesses:{ADDRESS}/32", 1_000)

    assert guesses.count(address) == 60
    assert guesses.client().pttl(f"atlaspay:guesses:{ADDRESS}/32") > 0


def test_an_address_nobody_can_read_is_counted_together():
    assert [guesses.count(None) for _ in range(3)] == [0, 0, 0]
    assert guesses.count(None) > 0


def test_without_redis_the_key_is_refused_and_nobody_throttled(web, monkeypatch, caplog):
    tried = []

    def away(**_: object) -> None:
        tried.append(1)
        raise redis.ConnectionError

    monkeypatch.setattr(guesses, "_script", lambda: away)

    assert [attempt(web).status_code for _ in range(6)] == [401] * 6
    assert len(tried) == 1
    assert "guesses.redis_away" in [record.getMessage() for record in caplog.records]


def test_a_key_that_works_never_asks_redis_about_guesses(monkeypatch):
    monkeypatch.setattr(guesses, "count", lambda address: pytest.fail("asked"))
    client = api_client()

    assert client.get("/v1/echo").status_code == 200


def test_throttling_is_logged_once_a_minute(web, caplog):
    for _ in range(8):
        attempt(web)

    lines = [r for r in caplog.records if r.getMessage() == "guesses.throttled"]
    assert [line.peer for line in lines] == [f"{ADDRESS}/32"]
