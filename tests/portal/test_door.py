"""Coming into the portal and leaving it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from atlaspay.core import clock
from atlaspay.core.access.models import AccessEvent
from portal.models import Membership, Role
from portal.sessions import COOKIE
from tests.access.people import enrolled
from tests.factories import PartnerFactory
from tests.portal.conftest import Market
from tests.portal.people import LOGIN, PASSWORD, cookie_of, is_in, member, sign_in, signed_in

pytestmark = pytest.mark.django_db
HOME = "/portal/"


def kinds() -> list[str]:
    return list(AccessEvent.objects.order_by("id").values_list("kind", flat=True))


def test_a_member_comes_in_by_address_and_password_whatever_its_letters(market: Market) -> None:
    client = Client()
    answer = sign_in(client, " Owner@ACME.example ")

    assert (answer.status_code, answer.url) == (302, HOME)
    cookie = client.cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/portal/", True, "Lax")
    assert "sessionid" not in client.cookies
    assert is_in(client)
    assert kinds() == ["login"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("owner@acme.example", "another long password"),
        ("nobody@acme.example", PASSWORD),
        ("staff@acme.example", PASSWORD),
        ("alone@acme.example", PASSWORD),
        ("gone@acme.example", PASSWORD),
    ],
)
def test_all_others_are_answered_alike(market: Market, email: str, password: str) -> None:
    staff = member(market.partner, email="staff@acme.example")
    staff.is_staff = True
    staff.save()
    User.objects.create_user("alone@acme.example", password=PASSWORD)
    gone = member(market.partner, email="gone@acme.example")
    gone.is_active = False
    gone.save()
    client = Client()

    answer = sign_in(client, email, password)

    assert answer.status_code == 200
    assert "Address or password is wrong, or the account may not come in here." in (
        answer.content.decode()
    )
    assert not is_in(client)
    assert kinds() == ["login_failed"]


def test_tries_are_throttled_and_the_right_password_is_not_looked_at(market: Market) -> None:
    client = Client()
    for _ in range(5):
        sign_in(client, "owner@acme.example", "wrong wrong wrong")
    answer = sign_in(client, "owner@acme.example")

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 1800
    assert not is_in(client)


def test_who_has_a_second_factor_needs_its_code(market: Market) -> None:
    phone, codes = enrolled(market.owner)
    client = Client()
    answer = sign_in(client, "owner@acme.example", next="/portal/account/?x=1")
    assert answer.url == "/portal/login/code/"
    assert not is_in(client)

    assert client.post(answer.url, {"code": phone.wrong()}).status_code == 200
    assert not is_in(client)
    answer = client.post("/portal/login/code/", {"code": phone.code()})

    assert answer.url == "/portal/account/?x=1"
    assert is_in(client)
    assert kinds()[-2:] == ["second_factor_failed", "login"]
    other = Client()
    sign_in(other, "owner@acme.example")
    assert other.post("/portal/login/code/", {"code": codes[0]}).status_code == 302
    assert is_in(other)


def test_a_session_without_the_factor_ends_when_one_is_set_up(market: Market) -> None:
    client = signed_in(market.owner)
    assert is_in(client)
    enrolled(market.owner)

    assert not is_in(client)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("/portal/account/", "/portal/account/"),
        ("https://evil.example/portal/", HOME),
        ("//evil.example/portal/", HOME),
        ("/console/", HOME),
        ("/portal/../console/", HOME),
        ("javascript:alert(1)", HOME),
    ],
)
def test_the_door_leads_into_the_portal_alone(market: Market, wanted: str, got: str) -> None:
    assert sign_in(Client(), "owner@acme.example", next=wanted).url == got


def test_leaving_takes_a_post_and_ends_the_session(market: Market) -> None:
    client = signed_in(market.owner)
    assert client.get("/portal/logout/").status_code == 405
    assert is_in(client)
    cookie = client.cookies[COOKIE].value

    assert client.post("/portal/logout/").url == LOGIN
    assert not is_in(client)
    client.cookies[COOKIE] = cookie
    assert not is_in(client)


def test_rest_and_age_end_a_session(market: Market, settings) -> None:
    client = signed_in(market.owner)
    start = clock.now()
    with clock.frozen(start + timedelta(minutes=settings.ATLASPAY_SESSION_IDLE_MINUTES + 1)):
        assert not is_in(client)
    client = signed_in(market.owner)
    for step in range(1, 12 * 3 + 1):
        with clock.frozen(start + timedelta(minutes=20 * step)):
            client.get("/portal/account/")
    with clock.frozen(start + timedelta(hours=12, minutes=1)):
        assert not is_in(client)
    assert kinds()[-1] == "session_ended"


def test_a_page_that_asks_by_itself_is_nobody_at_work(market: Market, settings) -> None:
    client = signed_in(market.owner)
    start = clock.now()
    for minutes in (10, 20, 29):
        with clock.frozen(start + timedelta(minutes=minutes)):
            asked = client.get("/portal/account/", headers={"X-AtlasPay-Background": "1"})
            assert asked.status_code == 200
    with clock.frozen(start + timedelta(minutes=31)):
        assert not is_in(client)


def test_a_portal_session_opens_no_console_page_and_the_reverse(market: Market) -> None:
    portal = signed_in(market.owner)
    # The same key, sent by hand as the console's.
    portal.cookies["sessionid"] = portal.cookies[COOKIE].value
    assert portal.get("/console/").url.startswith("/console/login/")

    root = User.objects.create_superuser("root@acme.example", password=PASSWORD)
    console = Client()
    console.force_login(root)
    assert console.get("/console/").status_code == 200
    console.cookies[COOKIE] = console.cookies["sessionid"].value
    assert not is_in(console)


def test_staff_have_no_portal_even_with_a_membership_and_a_session(market: Market) -> None:
    user = member(market.partner, email="both@acme.example")
    client = signed_in(user)
    assert is_in(client)
    user.is_staff = True
    user.save()

    assert not is_in(client)


def test_a_session_ends_with_the_membership_and_with_a_new_password(market: Market) -> None:
    client = signed_in(market.owner)
    market.owner.set_password("an entirely new password")
    market.owner.save()
    assert not is_in(client)

    client = signed_in(market.owner)
    Membership.objects.all().delete()
    assert not is_in(client)


def test_who_belongs_to_two_partners_switches_and_to_no_third(
    market: Market, other: Market
) -> None:
    second = PartnerFactory(name="Zebra")
    Membership.objects.create(user=market.owner, partner=second, role=Role.VIEWER)
    client = signed_in(market.owner)
    assert "<strong>Acme" not in client.get("/portal/account/").content.decode()
    assert client.get("/portal/account/").context["scope"].partner == market.partner

    client.post("/portal/switch/", {"partner": second.id})
    assert client.get("/portal/account/").context["scope"].partner == second
    assert client.get("/portal/account/").context["scope"].role == Role.VIEWER
    client.post("/portal/switch/", {"partner": other.partner.id})
    assert client.get("/portal/account/").context["scope"].partner == second


def test_pages_forbid_what_is_inline_and_are_kept_by_no_cache(owner: Client) -> None:
    for url in ("/portal/account/", LOGIN, "/portal/nothing/"):
        answer = owner.get(url)
        assert "script-src 'self';" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"
        assert "<style" not in answer.content.decode()
        assert "style=" not in answer.content.decode()


def test_a_part_of_a_page_asked_for_after_the_session_leads_the_browser_to_the_door(db) -> None:
    answer = Client().get("/portal/account/", headers={"HX-Request": "true"})

    assert answer.status_code == 204
    assert answer["HX-Redirect"].startswith(LOGIN)


def test_an_open_page_costs_four_queries_and_its_own(
    market: Market, django_assert_num_queries
) -> None:
    client = signed_in(market.owner)
    client.get("/portal/account/")
    # Session, user, memberships, second factor; and the factor once more for the page.
    with django_assert_num_queries(5):
        client.get("/portal/account/")


def test_a_cookie_of_another_store_is_nobody(market: Market) -> None:
    client = Client()
    client.cookies["sessionid"] = cookie_of(market.owner)
    assert not is_in(client)
