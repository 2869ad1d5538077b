"""API keys in the portal: shown once, limited, rotated with overlap, revoked."""

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from atlaspay.core import clock
from partners.models import ApiKey, Partner, Scope
from tests.factories import ApiKeyFactory, api_client
from tests.portal.conftest import Market

pytestmark = pytest.mark.django_db

LIST, NEW = "/portal/keys/", "/portal/keys/new/"
TEXT = re.compile(r"ap_(?:test|live)_[0-9a-z]{10}_[0-9a-z]{40}")
READING = ["payouts:read", "balance:read"]


def filled(**changes) -> dict:
    return {"name": "erp", "mode": "test", "scopes": READING, "form_id": uuid.uuid4().hex} | changes


def works(text: str) -> bool:
    key = ApiKey.objects.get(prefix=text.rpartition("_")[0])
    key.text = text
    return api_client(key).get("/v1/balance").status_code == 200


def page(key: ApiKey, action: str) -> str:
    return f"{LIST}{key.pk}/{action}/"


def test_a_new_key_is_shown_once_and_works(market, developer):
    answer = developer.post(NEW, filled(networks="127.0.0.0/8\n\n 2001:db8::1 "))
    (text,) = TEXT.findall(answer.content.decode())
    made = ApiKey.objects.get(prefix=text.rpartition("_")[0])
    assert (made.partner, made.name, made.mode) == (market.partner, "erp", "test")
    assert (made.scopes, made.cidrs) == (sorted(READING), ["127.0.0.0/8", "2001:db8::1/128"])
    assert made.expires_at is None
    assert made.history.get().actor.startswith("member:developer.")
    assert answer["Cache-Control"] == "no-store"
    assert works(text)
    shown = developer.get(LIST).content.decode()
    assert made.prefix in shown
    assert text not in shown


def test_a_form_sent_twice_makes_one_key(market, developer):
    form, before = filled(), ApiKey.objects.count()
    assert TEXT.search(developer.post(NEW, form).content.decode())
    again = developer.post(NEW, form, follow=True).content.decode()
    assert "The key was shown then, once" in again
    assert not TEXT.search(again)
    assert ApiKey.objects.count() == before + 1


def test_the_last_day_is_a_whole_day(market, developer):
    day = (timezone.now() + timedelta(days=30)).date()
    developer.post(NEW, filled(expires_on=day.isoformat()))
    made = ApiKey.objects.get(name="erp")
    assert made.expires_at.isoformat() == f"{day + timedelta(days=1)}T00:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "  "}, "This field is required."),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["payouts:all"]}, "not one of the available choices"),
        ({"mode": "real"}, "not one of the available choices"),
        ({"networks": "10.0.0.0/8\n300.1.1.1"}, "No network:"),
        ({"networks": "10.0.0.1/8"}, "has host bits set"),
        ({"networks": "\n".join(["10.0.0.1"] * 21)}, "At most 20 networks."),
        ({"expires_on": "2020-01-01"}, "The expiry lies in the past."),
        ({"expires_on": "soon"}, "Enter a valid date."),
        ({"expires_on": "9999-12-31"}, "Enter a date within ten years."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(market, developer, changes, words):
    before, form = ApiKey.objects.count(), filled(**changes)
    answer = developer.post(NEW, form)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert ApiKey.objects.count() == before
    assert developer.post(NEW, filled(form_id=form["form_id"])).status_code == 200


def test_nobody_makes_a_key_that_may_do_more_than_they(market, owner, developer):
    before = ApiKey.objects.count()
    paying = filled(scopes=[*READING, "payouts:write"])
    assert "An owner issues such keys." in developer.get(NEW).content.decode()
    refused = developer.post(NEW, paying)
    assert refused.status_code == 403
    assert "Ask an owner." in refused.content.decode()
    assert ApiKey.objects.count() == before
    assert "Ask an owner." in developer.get(page(market.key, "rotate")).content.decode()
    assert developer.post(page(market.key, "rotate"), {"overlap": "0"}).status_code == 403
    market.key.refresh_from_db()
    assert market.key.expires_at is None
    assert ApiKey.objects.count() == before
    (text,) = TEXT.findall(owner.post(NEW, paying).content.decode())
    assert "payouts:write" in ApiKey.objects.get(prefix=text.rpartition("_")[0]).scopes


def test_rotation_overlaps(market, developer):
    old = ApiKeyFactory(partner=market.partner, name="reports", scopes=READING)
    form = {"overlap": "24", "form_id": uuid.uuid4().hex}
    answer = developer.post(page(old, "rotate"), form)
    (text,) = TEXT.findall(answer.content.decode())
    new = ApiKey.objects.get(prefix=text.rpartition("_")[0])
    assert (new.rotated_from, new.name, new.scopes) == (old, "reports", READING)
    old_ends = ApiKey.objects.get(pk=old.pk).expires_at
    assert timedelta(hours=23, minutes=59) < old_ends - clock.now() <= timedelta(hours=24)
    assert works(text)
    assert works(old.text)
    again = developer.post(page(old, "rotate"), form, follow=True).content.decode()
    assert not TEXT.search(again)
    assert ApiKey.objects.filter(rotated_from=old).count() == 1
    assert developer.post(page(old, "rotate"), {"overlap": "1000"}).status_code == 400


def test_a_key_is_rotated_once(market, developer):
    old = ApiKeyFactory(partner=market.partner, scopes=READING)
    developer.post(page(old, "rotate"), {"overlap": "24"})
    new = ApiKey.objects.get(rotated_from=old)

    shown = developer.get("/portal/keys/").content.decode()
    assert page(old, "rotate") not in shown
    assert page(new, "rotate") in shown
    assert page(old, "revoke") in shown
    assert (
        f"Rotate its successor, {new.prefix}" in developer.get(page(old, "rotate")).content.decode()
    )
    answer = developer.post(page(old, "rotate"), {"overlap": "0"})

    assert answer.status_code == 409
    assert "was rotated already" in answer.content.decode()
    assert ApiKey.objects.filter(rotated_from=old).count() == 1


def test_a_key_that_ended_is_not_rotated(market, developer):
    old = ApiKeyFactory(partner=market.partner, scopes=READING, revoked=True)
    answer = developer.post(page(old, "rotate"), {"overlap": "0"})
    assert answer.status_code == 409
    assert "issue a new key instead" in answer.content.decode()
    assert not ApiKey.objects.filter(rotated_from=old).exists()


def test_revoking_asks_first_and_ends_the_key(market, developer):
    key = ApiKeyFactory(partner=market.partner, scopes=Scope.values)
    assert works(key.text)
    assert "cannot be undone" in developer.get(page(key, "revoke")).content.decode()
    assert works(key.text)
    answer = developer.post(page(key, "revoke"), follow=True)
    assert "works no more" in answer.content.decode()
    assert not works(key.text)
    shown = developer.get(LIST).content.decode()
    assert "revoked" in shown.partition("Ended")[2]


def test_a_paused_partner_makes_no_key_but_may_end_one(market, developer):
    key = ApiKeyFactory(partner=market.partner, scopes=READING)
    Partner.objects.filter(pk=market.partner.pk).update(status="paused")
    before = ApiKey.objects.count()
    assert developer.post(NEW, filled()).status_code == 403
    assert developer.post(page(key, "rotate"), {"overlap": "0"}).status_code == 403
    assert ApiKey.objects.count() == before
    assert developer.post(page(key, "revoke")).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_sees_names_and_no_actions(market: Market, role):
    client = market.client(role)
    shown = client.get(LIST).content.decode()
    assert market.key.prefix in shown
    assert "Revoke" not in shown
    assert client.get(NEW).status_code == 403
    assert client.post(page(market.key, "revoke")).status_code == 403
    market.key.refresh_from_db()
    assert market.key.revoked_at is None


def test_the_list_takes_few_queries(market, viewer, django_assert_max_num_queries):
    for _ in range(10):
        ApiKeyFactory(partner=market.partner)
    with django_assert_max_num_queries(5):
        assert viewer.get(LIST).status_code == 200
