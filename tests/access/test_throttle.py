"""Guessed passwords: few, by name and address; nobody is locked out by a stranger."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.db import connection
from django.test import Client

from atlaspay.core.access import throttle
from atlaspay.core.access.models import FailureCount
from atlaspay.core.access.throttle import Charge, Limit, TooManyFailuresError
from tests.access.people import CODE, PASSWORD, enrolled, events, is_in, person, sign_in

pytestmark = pytest.mark.django_db

TWO = Limit("test", 2, timedelta(minutes=10))


def charge(subject: bytes = b"x") -> list[Charge]:
    return [Charge(TWO, subject)]


def test_the_sixth_try_waits_half_an_hour_even_with_the_right_password(client, time):
    enrolled(person())
    assert [sign_in(client, password="wrong").status_code for _ in range(5)] == [200] * 5

    answer = sign_in(client)

    assert answer.status_code == 429
    assert answer["Retry-After"] == "1800"
    assert "Too many failed tries. Try again in 30 min." in answer.content.decode()
    assert not client.session.keys()
    assert [event.kind for event in events()] == ["login_failed"] * 5 + ["locked_out"]
    assert events("locked_out")[0].username == "vera"
    time.at += timedelta(minutes=29, seconds=30)
    assert "Try again in 30 s." in sign_in(client).content.decode()
    time.at += timedelta(seconds=30)
    assert sign_in(client).url == CODE


def test_hammering_writes_no_rows_and_lengthens_nothing(client, time):
    enrolled(person())
    for _ in range(5):
        sign_in(client, password="wrong")
    before = len(events())
    for minutes in range(30):
        assert sign_in(client, password="wrong").status_code == 429, minutes
        time.at += timedelta(minutes=1)

    assert len(events()) == before
    assert sign_in(client).url == CODE


def test_a_stranger_elsewhere_locks_nobody_out(client):
    enrolled(person())
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(8):
        sign_in(stranger, password="wrong")

    assert sign_in(stranger).status_code == 429
    assert sign_in(client).url == CODE


def test_one_who_is_locked_out_locks_nobody_beside_them(client):
    enrolled(person("anna"))
    enrolled(person("vera"))
    for _ in range(40):
        sign_in(client, "vera", "wrong")

    assert sign_in(client, "vera").status_code == 429
    assert sign_in(client, "anna").url == CODE


def test_an_address_that_tries_name_after_name_waits(client, time):
    enrolled(person())
    for number in range(50):
        assert sign_in(client, f"guess{number}", "wrong").status_code == 200

    assert sign_in(client).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="203.0.113.9")).url == CODE
    time.at += timedelta(minutes=30)
    assert sign_in(client).url == CODE


def test_a_success_in_between_does_not_reset_what_the_address_owes(client):
    enrolled(person())
    for number in range(49):
        sign_in(client, f"guess{number}", "wrong")
    assert sign_in(client).url == CODE

    assert sign_in(client, "guess", "wrong").status_code == 200
    assert sign_in(client).status_code == 429


def test_a_success_forgives_ones_own_mistakes(client):
    enrolled(person())
    for _ in range(3):
        for _ in range(4):
            assert sign_in(client, password="wrong").status_code == 200
        assert sign_in(client).url == CODE


def test_addresses_are_read_as_everywhere_else(client, settings):
    enrolled(person())
    settings.ATLASPAY_TRUSTED_PROXIES = 1
    for number in range(6):
        # What stands further left is the caller's own claim.
        forwarded = f"198.51.100.{number}, 203.0.113.9"
        answer = sign_in(client, password="wrong", headers={"X-Forwarded-For": forwarded})
    assert answer.status_code == 429
    assert {event.address for event in events()} == {"203.0.113.9"}
    assert sign_in(client, headers={"X-Forwarded-For": "203.0.113.10"}).url == CODE


def test_one_customers_ipv6_network_counts_as_one(client):
    enrolled(person())
    for number in range(1, 7):
        answer = sign_in(client, password="wrong", REMOTE_ADDR=f"2001:db8:0:1::{number}")

    assert answer.status_code == 429
    assert sign_in(client, REMOTE_ADDR="2001:db8:0:2::1").url == CODE


def test_an_unreadable_address_is_throttled_as_one(client):
    enrolled(person())
    for _ in range(6):
        answer = sign_in(client, password="wrong", REMOTE_ADDR="unix:")

    assert answer.status_code == 429


def test_no_name_and_no_password_stands_in_the_counts(client):
    sign_in(client, "hunter2", "secret words")

    rows = list(FailureCount.objects.values_list("limit_name", "subject"))
    assert sorted(name for name, _ in rows) == ["address", "pair"]
    assert all(len(bytes(subject)) == 32 for _, subject in rows)


def test_an_empty_form_is_no_try(client):
    for _ in range(60):
        sign_in(client, "", "")

    assert not FailureCount.objects.exists()
    assert not events()


def test_failures_are_forgotten_after_quiet(time):
    throttle.take(charge())
    time.at += timedelta(minutes=10)

    assert throttle.take(charge()) == []
    assert throttle.take(charge()) == [TWO]


def test_a_refused_try_is_counted_nowhere(time):
    other = Charge(Limit("other", 9, timedelta(minutes=10)), b"y")
    throttle.take(charge())
    throttle.take(charge())

    with pytest.raises(TooManyFailuresError) as refused:
        throttle.take([other, *charge()])

    assert refused.value.wait_s == 600
    assert not FailureCount.objects.filter(limit_name="other").exists()
    assert FailureCount.objects.get().failures == 2


def test_giving_back_takes_one_and_never_below_none():
    throttle.take(charge())
    throttle.take(charge())
    for expected in (1, 0, 0):
        throttle.give_back(charge()[0])
        assert FailureCount.objects.get().failures == expected


def test_rows_that_count_no_longer_go_with_time(time):
    for number in range(25):
        throttle.take(charge(b"%d" % number))
    time.at += timedelta(minutes=11)
    for number in range(3):
        throttle.take(charge(b"new %d" % number))

    assert FailureCount.objects.filter(forgotten_at__gt=time.at).count() == 3
    assert FailureCount.objects.filter(forgotten_at__lte=time.at).count() == 0


def test_the_subject_of_a_pair_depends_on_both():
    here, there = ip_address("203.0.113.9"), ip_address("203.0.113.10")
    subjects = {
        throttle.of_password(name, address)[1].subject
        for name in ("vera", "anna")
        for address in (here, there, None)
    }
    assert len(subjects) == 6


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_are_no_more_than_allowed():
    gate = threading.Barrier(10)

    def one(_: int) -> str:
        try:
            connection.ensure_connection()
            gate.wait(timeout=30)
            throttle.take(charge())
        except TooManyFailuresError:
            return "refused"
        else:
            return "tried"
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(one, range(10))) == ["refused"] * 8 + ["tried"] * 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_passwords_guessed_at_the_same_moment_are_no_more_than_five():
    enrolled(person())
    gate = threading.Barrier(8)

    def one(_: int) -> int:
        try:
            connection.ensure_connection()
            gate.wait(timeout=30)
            return sign_in(Client(), password="wrong").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == [200] * 5 + [429] * 3
    assert len(events("locked_out")) == 1
    assert sign_in(Client(), password=PASSWORD).status_code == 429
    assert not is_in(Client())
