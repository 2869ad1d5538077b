"""Who may call what: authentication and a scope on every route, and only one's own objects."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from partners.auth import ApiKeyAuthentication
from partners.models import Scope
from partners.permissions import HasScope
from tests.factories import ApiKeyFactory, PartnerFactory, api_client
from tests.payouts.factories import queued_payout

OPEN = ("v1/openapi.json", "v1/docs/", "v1/docs/problems/")
METHODS = ("get", "post", "put", "patch", "delete")


def routes(resolver=None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif path.startswith("v1/") and path not in OPEN:
            yield path, entry


ROUTES = dict(routes())


def views() -> list[tuple[str, str]]:
    return [
        (path, method)
        for path, entry in ROUTES.items()
        for method in METHODS
        if hasattr(getattr(entry.callback, "view_class", None) or entry.callback.cls, method)
    ]


def address(path: str, payout_id: str, batch_id: str) -> str:
    return "/" + path.replace("<batch_id:batch_id>", batch_id).replace(
        "<payout_id:payout_id>", payout_id
    )


OURS = [
    (path, method)
    for path, method in views()
    if path.startswith(("v1/batches", "v1/payouts", "v1/balance"))
]


def test_the_routes_of_the_contract_exist():
    assert {path for path, _ in OURS} == {
        "v1/batches",
        "v1/batches/validate",
        "v1/batches/<batch_id:batch_id>",
        "v1/batches/<batch_id:batch_id>/payouts",
        "v1/batches/<batch_id:batch_id>/cancel",
        "v1/payouts",
        "v1/payouts/<payout_id:payout_id>",
        "v1/payouts/<payout_id:payout_id>/cancel",
        "v1/balance",
        "v1/balance/entries",
    }


@pytest.mark.parametrize(("path", "method"), views())
def test_every_route_has_authentication_and_a_scope(path, method):
    view = ROUTES[path].callback.cls
    assert view.authentication_classes == [ApiKeyAuthentication]
    assert HasScope in view.permission_classes
    assert view.required_scopes[method.upper()] in Scope.values


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method"), OURS)
def test_no_key_is_401_everywhere(web, path, method):
    url = address(path, "po_" + "0" * 26, "bt_" + "0" * 26)
    answer = getattr(web, method)(url)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method"), OURS)
def test_a_key_without_the_scope_is_403_everywhere(path, method):
    needed = ROUTES[path].callback.cls.required_scopes[method.upper()]
    others = [scope for scope in Scope.values if scope != needed]
    client = api_client(ApiKeyFactory(scopes=others))
    answer = getattr(client, method)(address(path, "po_" + "0" * 26, "bt_" + "0" * 26))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert answer.json()["required_scope"] == needed


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method"), [pair for pair in OURS if "_id" in pair[0]])
def test_another_partners_objects_are_404_everywhere(path, method):
    payout = queued_payout()
    stranger = api_client(ApiKeyFactory(partner=PartnerFactory()))
    answer = getattr(stranger, method)(
        address(path, payout.id, payout.batch_id), content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    payout.refresh_from_db()
    assert payout.state == "queued"


@pytest.mark.django_db
def test_lists_show_ones_own_objects_only():
    queued_payout()
    stranger = api_client()
    for url in ("/v1/payouts", "/v1/batches", "/v1/balance/entries"):
        assert stranger.get(url).json()["data"] == []
    assert stranger.get("/v1/balance").json()["balances"] == []


@pytest.mark.django_db
def test_a_paused_partner_reads_and_changes_nothing():
    key = ApiKeyFactory(partner=PartnerFactory(paused=True))
    client = api_client(key)
    assert client.get("/v1/batches").status_code == 200
    answer = client.post("/v1/batches", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "partner_paused")
