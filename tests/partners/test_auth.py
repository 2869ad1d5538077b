"""Who gets in: keys right, wrong, expired, revoked, from elsewhere, and without the duty."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from atlaspay.core import clock
from partners import auth, keys
from partners.models import ApiKey, Scope
from partners.services import pause_partner, revoke_api_key
from tests.factories import ApiKeyFactory, PartnerFactory, api_client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.probe_urls")]


def get(client: Client, **headers: str):
    return client.get("/v1/echo", headers=headers)


def test_a_key_opens_the_api_for_its_partner():
    client = api_client()
    response = get(client)
    assert response.status_code == 200
    assert response.json()["partner_id"] == client.partner.id


def test_the_text_of_a_key_has_the_documented_shape():
    text, prefix = keys.new_text("live")
    assert text.startswith(prefix + "_")
    assert prefix.startswith("ap_live_")
    assert (len(prefix), len(text)) == (18, 59)
    assert keys.split(text) == prefix


@pytest.mark.parametrize(
    ("header", "code", "challenge"),
    [
        (None, "not_authenticated", 'Bearer realm="AtlasPay"'),
        ("Basic dXNlcjpwYXNz", "not_authenticated", 'Bearer realm="AtlasPay"'),
        ("Bearer", "key_unknown", 'Bearer realm="AtlasPay", error="invalid_token"'),
        ("Bearer ap_test_short", "key_unknown", 'Bearer realm="AtlasPay", error="invalid_token"'),
        (
            "Bearer ap_test_0123456789_" + "0" * 40,
            "key_unknown",
            'Bearer realm="AtlasPay", error="invalid_token"',
        ),
        (
            "Bearer ap_test_' OR 1=1 --_" + "0" * 40,
            "key_unknown",
            'Bearer realm="AtlasPay", error="invalid_token"',
        ),
    ],
)
def test_without_a_valid_key_nobody_gets_in(web, header, code, challenge):
    response = get(web, **({"Authorization": header} if header else {}))
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response["WWW-Authenticate"] == challenge


def test_the_right_prefix_with_a_wrong_secret_answers_like_an_unknown_key(web):
    key = ApiKeyFactory()
    wrong = key.text[:-1] + ("0" if key.text[-1] != "0" else "1")
    unknown = get(web, Authorization="Bearer ap_test_0123456789_" + "0" * 40).json()
    refused = get(web, Authorization=f"Bearer {wrong}").json()
    assert {**refused, "request_id": ""} == {**unknown, "request_id": ""}
    assert ApiKey.objects.get(id=key.id).last_used_at is None


@pytest.mark.parametrize(
    ("trait", "code"), [({"expired": True}, "key_expired"), ({"revoked": True}, "key_revoked")]
)
def test_ended_keys_say_so(trait, code):
    response = get(api_client(ApiKeyFactory(**trait)))
    assert (response.status_code, response.json()["code"]) == (401, code)


def test_a_key_ends_at_its_expiry_though_it_is_remembered():
    ends_at = datetime(2030, 1, 1, tzinfo=UTC)
    client = api_client(ApiKeyFactory(expires_at=ends_at))
    with clock.frozen(ends_at - timedelta(microseconds=1)):
        assert get(client).status_code == 200
    with clock.frozen(ends_at):
        assert get(client).json()["code"] == "key_expired"


def test_a_key_is_read_once_in_five_seconds(django_assert_num_queries, monkeypatch):
    client = api_client(ApiKeyFactory(last_used_at=clock.now()))
    with django_assert_num_queries(1):
        get(client)
    with django_assert_num_queries(0):
        get(client)
    now = auth.time.monotonic() + auth.REMEMBERED_S
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    with django_assert_num_queries(1):
        get(client)


def test_revoking_works_at_once_in_this_process():
    client = api_client()
    assert get(client).status_code == 200
    revoke_api_key(client.key.id)
    assert get(client).json()["code"] == "key_revoked"


def test_the_last_use_is_written_at_most_once_a_minute():
    client = api_client()
    first = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
    for seconds, expected in ((0, 0), (59, 0), (60, 60), (61, 60)):
        with clock.frozen(first + timedelta(seconds=seconds)):
            get(client)
        client.key.refresh_from_db()
        assert client.key.last_used_at == first + timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "allowed"),
    [
        ("203.0.113.9", None, 0, True),
        ("203.0.114.9", None, 0, False),
        ("::ffff:203.0.113.9", None, 0, True),
        ("2001:db8::5", None, 0, True),
        ("not an address", None, 0, False),
        # Nobody stands before us: what the caller writes does not count.
        ("198.51.100.1", "203.0.113.9", 0, False),
        ("10.0.0.1", "203.0.113.9", 1, True),
        # One proxy: only its own entry, the last, counts.
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", 1, False),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", 2, True),
        ("10.0.0.1", "203.0.113.9", 2, False),
    ],
)
def test_a_key_may_be_limited_to_networks(settings, peer, forwarded, proxies, allowed):
    settings.ATLASPAY_TRUSTED_PROXIES = proxies
    client = api_client(ApiKeyFactory(cidrs=["203.0.113.0/24", "2001:db8::/32"]))
    extra = {"X-Forwarded-For": forwarded} if forwarded else {}
    response = client.get("/v1/echo", headers=extra, REMOTE_ADDR=peer)
    assert response.status_code == (200 if allowed else 403)
    if not allowed:
        assert response.json()["code"] == "address_not_allowed"


def test_each_method_needs_its_scope():
    client = api_client(ApiKeyFactory(scopes=[Scope.PAYOUTS_READ]))
    assert get(client).status_code == 200
    refused = client.post("/v1/echo", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert refused.json()["required_scope"] == "payouts:write"
    assert client.head("/v1/echo").status_code == 200


def test_a_view_or_method_that_names_no_scope_is_closed():
    client = api_client()
    assert client.get("/v1/no-scopes").json()["code"] == "scope_missing"
    assert client.put("/v1/echo", {}, content_type="application/json").status_code == 403


def test_a_paused_partner_reads_but_changes_nothing():
    client = api_client()
    pause_partner(client.partner.id)
    assert get(client).status_code == 200
    refused = client.post("/v1/echo", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "partner_paused")


def test_a_staff_session_is_no_key(web, django_user_model):
    web.force_login(django_user_model.objects.create_superuser("root", password="x" * 12))
    assert get(web).status_code == 401


def test_the_principal_is_safe_where_a_user_is_expected():
    key = ApiKeyFactory(partner=PartnerFactory(name="Acme"))
    principal = auth.ApiPrincipal(auth.verify(key.text))
    assert principal.is_authenticated
    assert not principal.is_anonymous
    assert not isinstance(principal, AnonymousUser)
    assert principal.get_user() is None
    assert (principal.pk, str(principal)) == (key.id, f"key:{key.id}")
