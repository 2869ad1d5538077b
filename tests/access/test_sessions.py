"""How sessions end: by rest, by age, by signing out; and what does not count as use."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from atlaspay.core.access import second_factor
from tests.access.people import HOME, LOGIN, enrolled, events, is_in, pass_door, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def inside(client, time) -> Client:
    """A browser that is in."""
    user = person()
    phone, _ = enrolled(user)
    pass_door(client, user, phone)
    return client


def test_half_an_hour_of_rest_ends_it(inside, time):
    time.at += timedelta(minutes=29, seconds=59)
    assert is_in(inside)
    time.at += timedelta(minutes=30)

    answer = inside.get("/console/auth/user/")

    assert answer.url == LOGIN + "?next=/console/auth/user/"
    assert "You were signed out: 30 minutes without activity." in inside.get(LOGIN).content.decode()
    (event,) = events("session_ended")
    assert (event.username, event.detail) == ("vera", "30 minutes without activity")
    assert not is_in(inside)


def test_twelve_hours_end_it_however_busy(inside, time):
    for _ in range(12 * 4 - 1):
        time.at += timedelta(minutes=15)
        assert is_in(inside)
    time.at += timedelta(minutes=15)

    assert not is_in(inside)
    assert [event.detail for event in events("session_ended")] == ["12 hours after signing in"]


def test_a_page_that_asks_by_itself_is_no_use(inside, time):
    for _ in range(2):
        time.at += timedelta(minutes=15)
        answer = inside.get(HOME, headers={"X-AtlasPay-Background": "1"})

    assert answer.url.startswith(LOGIN)


def test_a_post_after_the_end_changes_nothing_and_leads_home(inside, time):
    time.at += timedelta(hours=1)

    answer = inside.post("/console/password_change/", {"old_password": "x"})

    assert answer.url == LOGIN + "?next=/console/"


def test_the_use_is_noted_at_most_once_a_minute(inside, time):
    def writes() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert is_in(inside)
        return len([q for q in captured if 'UPDATE "django_session"' in q["sql"]])

    is_in(inside)
    assert writes() == 0
    time.at += timedelta(seconds=60)
    assert writes() == 1
    time.at += timedelta(seconds=59)
    assert writes() == 0


def test_a_second_factor_costs_one_query_a_page_and_none_without(inside, settings):
    def queries(client: Client) -> int:
        is_in(client)
        with CaptureQueriesContext(connection) as captured:
            assert is_in(client)
        return len([query for query in captured if "core_secondfactor" in query["sql"]])

    assert queries(inside) == 1
    settings.ATLASPAY_REQUIRE_TOTP = False
    # Nobody needs one, but a session that one opened ends with it.
    assert queries(inside) == 1
    by_password = Client()
    by_password.force_login(User.objects.create_user("paul", is_staff=True))
    assert queries(by_password) == 0


def test_a_session_ends_with_its_factor_also_where_none_is_needed(inside, settings):
    settings.ATLASPAY_REQUIRE_TOTP = False
    assert is_in(inside)
    second_factor.reset(User.objects.get(username="vera"))
    assert not is_in(inside)


def test_signing_out_is_by_post_alone_and_logged(inside):
    assert inside.get("/console/logout/").status_code == 405
    assert is_in(inside)
    key = inside.session.session_key

    assert inside.post("/console/logout/").url == LOGIN

    assert "You are signed out." in inside.get(LOGIN).content.decode()
    assert not is_in(inside)
    assert not Session.objects.filter(pk=key).exists()
    assert [(event.kind, event.username) for event in events("logout")] == [("logout", "vera")]


def test_a_new_password_is_logged_and_ends_other_sessions(inside, time):
    old = {"old_password": "a long enough password"}
    new = {"new_password1": "quite another one", "new_password2": "quite another one"}
    elsewhere = Client()
    elsewhere.cookies["sessionid"] = inside.cookies["sessionid"].value
    assert is_in(elsewhere)
    assert inside.post("/console/password_change/", {**old, **new}).status_code == 302

    assert is_in(inside)
    assert not is_in(elsewhere)
    assert [event.username for event in events("password_changed")] == ["vera"]
    wrong = {"old_password": "no", **new}
    assert inside.post("/console/password_change/", wrong).status_code == 200
    assert len(events("password_changed")) == 1


def test_taking_staff_or_active_away_ends_it(inside):
    User.objects.filter(username="vera").update(is_active=False)

    assert not is_in(inside)


def test_cookies_are_kept_from_scripts_and_other_sites(inside, settings):
    cookie = inside.cookies["sessionid"]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 12 * 3600
    assert settings.SESSION_COOKIE_SECURE is settings.IS_PRODUCTION
