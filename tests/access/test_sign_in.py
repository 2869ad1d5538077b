"""Coming in: password, then code; never by the password alone."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from atlaspay.core import clock
from atlaspay.core.access import gate, second_factor
from atlaspay.core.access.models import RecoveryCode, SecondFactor
from tests.access.people import (
    CODE,
    ENROL,
    HOME,
    LOGIN,
    OWN,
    PASSWORD,
    Phone,
    enrolled,
    events,
    factor_of,
    is_in,
    pass_door,
    person,
    shown_codes,
    shown_secret,
    sign_in,
)

pytestmark = pytest.mark.django_db

# The door itself, and the way out, which leads whoever is not in to the first page.
DOOR = {"login/", "login/code/", "login/enrol/", "logout/"}


def console_addresses() -> list[str]:
    """Return every address under the console, with something in each parameter."""

    def walk(resolver: URLResolver, prefix: str) -> list[str]:
        found: list[str] = []
        for entry in resolver.url_patterns:
            if isinstance(entry, URLResolver):
                found += walk(entry, prefix + str(entry.pattern))
            elif isinstance(entry, URLPattern):
                found.append(prefix + str(entry.pattern))
        return found

    (console,) = [
        entry
        for entry in get_resolver().url_patterns
        if isinstance(entry, URLResolver) and str(entry.pattern) == "console/"
    ]
    raw = [path for path in walk(console, "") if not path.startswith("(?P<url>") and path != ""]
    filled = []
    for path in raw:
        if path in DOOR:
            continue
        path = path.replace("^(?P<app_label>", "<").replace(")/$", ">/")
        for part in path.split("/"):
            if part.startswith("<"):
                path = path.replace(part, "auth" if "app_label" in part else "1", 1)
        filled.append(f"/console/{path}")
    return [HOME, *filled]


def test_password_and_code_open_the_console(client):
    user = person(is_superuser=True)
    phone, _ = enrolled(user)

    pass_door(client, user, phone)

    assert is_in(client)
    (event,) = events("login")
    assert (event.username, event.user_id, event.address, event.method, event.path) == (
        "vera",
        user.pk,
        "127.0.0.1",
        "POST",
        CODE,
    )
    assert event.detail == "password and code of the app"


def test_after_the_password_alone_no_address_of_the_console_opens(client):
    enrolled(person(is_superuser=True))
    sign_in(client)
    addresses = console_addresses()
    assert len(addresses) > 80

    for address in addresses:
        for method in ("get", "post"):
            answer = getattr(client, method)(address)
            assert answer.status_code in {302, 405}, (method, address, answer.status_code)
            if answer.status_code == 302:
                assert answer.url.startswith(LOGIN), (method, address, answer.url)
    assert not events("login")


def test_before_enrolling_no_address_of_the_console_opens_either(client):
    person(is_superuser=True)
    assert sign_in(client).url == ENROL

    for address in console_addresses():
        answer = client.get(address)
        assert answer.status_code == 405 or answer.url.startswith(LOGIN), address


def test_a_session_without_a_factor_is_ended_even_if_django_knows_the_person(client):
    """Such a session is left from a time when no second factor was required."""
    client.force_login(person(is_superuser=True))

    answer = client.get("/console/auth/user/?q=x")

    assert answer.status_code == 302
    assert answer.url == LOGIN + "?next=/console/auth/user/%3Fq%3Dx"
    assert "_auth_user_id" not in client.session
    assert [event.detail for event in events("session_ended")] == ["no second factor"]


def test_the_key_of_the_session_changes_at_each_step(client):
    user = person()
    phone, _ = enrolled(user)
    client.get(LOGIN)
    client.cookies["sessionid"] = "chosen by a stranger"
    sign_in(client)
    waiting = client.session.session_key
    client.post(CODE, {"code": phone.code()})
    inside = client.session.session_key

    assert len({"chosen by a stranger", waiting, inside}) == 3
    assert list(Session.objects.values_list("pk", flat=True)) == [inside]


def test_who_signs_in_over_another_is_alone_in_the_session(client):
    first, second = person("anna"), person("vera")
    phone, _ = enrolled(first)
    enrolled(second)
    pass_door(client, first, phone)

    sign_in(client, "vera")

    assert not is_in(client)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("vera", "wrong"),
        ("nobody", PASSWORD),
        ("nobody", "wrong"),
        ("gone", PASSWORD),
        ("guest", PASSWORD),
        ("VERA", PASSWORD),
        ("vera ", "wrong"),
    ],
)
def test_every_wrong_pair_gets_the_same_answer(client, username, password):
    person()
    person("gone", is_active=False)
    person("guest", is_staff=False)
    expected = sign_in(Client(), "vera", "also wrong").context["form"].non_field_errors()

    answer = sign_in(client, username, password)

    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors() == expected
    assert "_auth_user_id" not in client.session
    assert not client.session.keys()


def test_a_wrong_name_is_not_kept_it_may_be_a_password(client):
    person()
    sign_in(client, "hunter2 hunter2", "x")
    sign_in(client, "vera", "wrong")

    unknown, known = events("login_failed")
    assert (unknown.username, unknown.user_id, unknown.detail) == ("", None, "unknown name")
    assert (known.username, known.detail) == ("vera", "")


@pytest.mark.parametrize("username", ["", "x" * 151, "ve\x00ra", "v" * 100_000, "{{ vera }}", "é"])
@pytest.mark.parametrize("password", ["", "x" * 100_000, "p\x00w", "ключ"])
def test_odd_names_and_passwords_are_refused_quietly(client, username, password):
    person()
    answer = sign_in(client, username, password)

    assert answer.status_code == 200
    assert not client.session.keys()


def test_the_door_needs_a_csrf_token():
    user = person()
    phone, _ = enrolled(user)
    strict = Client(enforce_csrf_checks=True)

    assert sign_in(strict).status_code == 403
    assert strict.post(CODE, {"code": phone.code()}).status_code == 403
    assert strict.post(ENROL, {"code": phone.code()}).status_code == 403
    assert not events("refused")  # nobody was signed in


def test_the_way_to_a_page_survives_both_steps(client):
    user = person()
    phone, _ = enrolled(user)
    wanted = "/console/auth/user/?q=x"
    client.post(LOGIN, {"username": "vera", "password": PASSWORD, "next": wanted})

    assert client.post(CODE, {"code": phone.code()}).url == wanted


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(client, away):
    user = person()
    phone, _ = enrolled(user)
    client.post(LOGIN, {"username": "vera", "password": PASSWORD, "next": away})

    assert client.post(CODE, {"code": phone.code()}).url == HOME


def test_without_the_password_there_is_no_second_step(client):
    enrolled(person())

    assert client.get(CODE).url == LOGIN
    assert client.get(ENROL).url == LOGIN
    assert client.post(CODE, {"code": "123456"}).url == LOGIN


def test_the_wait_at_the_door_ends_after_ten_minutes(client, time):
    user = person()
    phone, _ = enrolled(user)
    sign_in(client)
    time.at += gate.WAITS_AT_MOST + timedelta(seconds=1)

    assert client.post(CODE, {"code": phone.code()}).url == LOGIN
    assert not is_in(client)


@pytest.mark.parametrize("change", ["password", "is_active", "is_staff"])
def test_what_happens_to_the_account_meanwhile_counts(client, change):
    user = person()
    phone, _ = enrolled(user)
    sign_in(client)
    if change == "password":
        user.set_password("another long password")
    else:
        setattr(user, change, False)
    user.save()

    assert client.post(CODE, {"code": phone.code()}).url == LOGIN
    assert not is_in(client)


def test_who_must_not_show_a_code_but_has_one_is_asked_for_it(client, settings):
    settings.ATLASPAY_REQUIRE_TOTP = False
    enrolled(person())
    person("anna")

    assert sign_in(client, "vera").url == CODE
    assert not is_in(client)
    assert sign_in(client, "anna").url == HOME
    assert is_in(client)


def test_the_first_sign_in_enrols_an_app_and_shows_ten_codes_once(client):
    user = person()
    assert sign_in(client).url == ENROL
    page = client.get(ENROL)
    assert b"<svg" in page.content
    assert "no-store" in page["Cache-Control"]
    phone = Phone(shown_secret(page))
    assert shown_secret(client.get(ENROL)) == phone.secret  # a reload shows the same picture

    wrong = client.post(ENROL, {"code": phone.wrong()})
    assert "This is not the code your app shows now" in wrong.content.decode()
    assert not SecondFactor.objects.exists()
    assert not is_in(client)
    done = client.post(ENROL, {"code": phone.code()})

    codes = shown_codes(done)
    assert len(set(codes)) == 10
    assert "no-store" in done["Cache-Control"]
    assert is_in(client)
    assert [event.kind for event in events()] == ["second_factor_enrolled", "login"]
    row = factor_of(user)
    assert phone.secret not in bytes(row.sealed_secret)
    assert not any(
        code.replace("-", "").encode() in bytes(kept)
        for code in codes
        for kept in RecoveryCode.objects.values_list("code_hash", flat=True)
    )
    assert not any(codes[0] in str(value) for value in client.session.values())
    assert client.get(ENROL).url == OWN


def test_the_code_that_enrolled_does_not_open_too(client, time):
    user = person()
    sign_in(client)
    phone = Phone(shown_secret(client.get(ENROL)))
    client.post(ENROL, {"code": phone.code()})
    other = Client()
    sign_in(other)

    assert other.post(CODE, {"code": phone.code()}).status_code == 200
    assert not is_in(other)
    time.at += timedelta(seconds=30)
    assert other.post(CODE, {"code": phone.code()}).url == HOME
    assert factor_of(user).last_step == int(time.at.timestamp()) // 30


def test_of_two_first_enrolments_the_later_is_refused(client):
    user = person()
    sign_in(client)
    mine = Phone(shown_secret(client.get(ENROL)))
    kept = enrolled(user)[0]

    answer = client.post(ENROL, {"code": mine.code()})

    assert answer.url == CODE
    assert not is_in(client)
    assert second_factor.matching_step(kept.secret, kept.code()) is not None
    assert SecondFactor.objects.count() == 1


def test_the_api_and_its_docs_know_nothing_of_it(client):
    assert client.get("/v1/docs/").status_code == 200
    assert client.get("/v1/openapi.json").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_seconds_of_a_clock_that_is_off_are_forgiven_and_minutes_are_not(time):
    secret = second_factor.new_secret()
    phone = Phone(secret)
    now = int(clock.now().timestamp()) // 30
    found = {
        steps: second_factor.matching_step(secret, phone.code(steps=steps))
        for steps in range(-2, 3)
    }
    assert {steps: step for steps, step in found.items() if step is not None} == {
        -1: now - 1,
        0: now,
        1: now + 1,
    }
