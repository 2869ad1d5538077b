"""Every page opens for who may read it, at a fixed number of queries, and changes nothing."""

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.models import Case, Decision, ScreeningRun
from ledger.models import Account, Journal
from payouts.models import Batch, Payout
from tests.compliance.factories import flagged_payout, open_case, staff
from tests.compliance.test_decide import reject
from tests.factories import ApiKeyFactory
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
ROOMS = {"partners", "ledger", "payouts", "compliance", "webhooks"}
READ_ONLY = [
    model for model in admin.site._registry if model._meta.app_label in ROOMS
]  # every model of ours that the console shows


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


def listing(model: type) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


def page(obj: object) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.fixture
def reader() -> Client:
    """An auditor may read everything and change nothing."""
    return signed_in(staff("auditor", "vera"))


@pytest.fixture
def world() -> dict[str, object]:
    """One of everything the console shows."""
    key = ApiKeyFactory()
    case, decided = open_case(), open_case()
    receipt = reject(decided, staff("officer", "anna"))
    return {
        "key": key,
        "partner": case.partner,
        "case": case,
        "decision": receipt,
        "run": case.run,
        "policy": case.run.policy,
        "payout": case.payout,
        "failed": decided.payout,
        "batch": case.payout.batch,
        "account": Account.objects.first(),
        "journal": Journal.objects.first(),
    }


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model._meta.label)
def test_lists_open_for_readers_and_offer_no_adding(model: type, world: dict) -> None:
    client = signed_in(User.objects.create_superuser("root"))

    answer = client.get(listing(model))

    assert answer.status_code == 200
    assert "/add/" not in answer.content.decode()
    assert client.get(listing(model) + "add/").status_code in {302, 403, 404}


def test_pages_open_for_readers(reader: Client, world: dict) -> None:
    for name, obj in world.items():
        answer = reader.get(page(obj))
        assert answer.status_code == 200, name
        assert b"ap-page" in answer.content, name


def test_pages_refuse_every_method_but_reading(reader: Client, world: dict) -> None:
    for obj in world.values():
        assert reader.post(page(obj), {"state": "settled"}).status_code == 405
        assert reader.delete(page(obj)).status_code == 405
        assert reader.post(page(obj).replace("/change/", "/delete/")).status_code in {403, 302}

    assert Payout.objects.get(id=world["payout"].id).state == "in_review"
    assert Decision.objects.count() == 1


def test_an_unknown_object_leads_back_to_the_console(reader: Client) -> None:
    answer = reader.get(reverse("admin:payouts_payout_change", args=["po_nothing"]))

    assert (answer.status_code, answer.url) == (302, reverse("admin:index"))


def test_without_a_role_nothing_is_shown(world: dict) -> None:
    client = signed_in(User.objects.create_user("new", is_staff=True))

    assert client.get(reverse("admin:index")).status_code == 200
    for model in READ_ONLY:
        assert client.get(listing(model)).status_code == 403, model
    for obj in world.values():
        assert client.get(page(obj)).status_code == 403, obj


def test_nobody_reads_without_signing_in(world: dict) -> None:
    answer = Client().get(page(world["payout"]))

    assert answer.status_code == 302
    assert answer.url.startswith(reverse("admin:login"))


def test_no_page_shows_an_account_number_or_a_key(reader: Client, world: dict) -> None:
    secrets = [b"NL91ABNA0417164300", b"0417164300", world["key"].text.encode()]
    secrets.append(bytes(world["key"].secret_hash).hex().encode())
    for url in [*(listing(model) for model in READ_ONLY), *map(page, world.values())]:
        content = reader.get(url).content
        assert not [secret for secret in secrets if secret in content], url


def test_an_operator_sees_payouts_and_no_cases(world: dict) -> None:
    client = signed_in(staff("operator", "otto"))

    assert client.get(page(world["payout"])).status_code == 200
    assert client.get(page(world["case"])).status_code == 403
    assert b"Cases" not in client.get(reverse("admin:index")).content


@pytest.mark.parametrize(
    "model", [Case, Payout, Batch, ScreeningRun, Decision, Journal], ids=lambda m: m.__name__
)
def test_a_longer_list_costs_no_more_queries(model: type, reader: Client) -> None:
    open_case()
    reject(open_case(), staff("officer", "anna"))
    reader.get(listing(model))
    few = queries(reader, listing(model))
    officer = User.objects.get(username="anna")
    for _ in range(3):
        open_case()
        reject(open_case(), officer)

    assert queries(reader, listing(model)) == few
    assert few <= 12


def test_a_longer_past_costs_no_more_queries(reader: Client) -> None:
    partner, same = funded_partner(100_000_000), b"the same account"
    make_payouts(partner, [100], account_index=same)
    payout = flagged_payout(partner=partner, account_index=same)
    case = Case.objects.get(payout=payout)
    reader.get(page(case))
    few = (
        queries(reader, page(case)),
        queries(reader, page(payout)),
        queries(reader, page(payout.batch)),
    )
    make_payouts(partner, [100] * 20, account_index=same)

    many = (
        queries(reader, page(case)),
        queries(reader, page(payout)),
        queries(reader, page(payout.batch)),
    )

    assert many == few
    assert few == (14, 12, 8)


def test_the_payout_page_tells_its_story(reader: Client, world: dict) -> None:
    text = reader.get(page(world["failed"])).content.decode()

    assert "This payout was declined after review" in text
    assert "compliance_rejected" in text
    assert "anna" in text
    assert "<del>in_review</del> → <ins>failed</ins>" in text
    assert text.count("12,000.00") >= 5


def test_a_payout_is_found_by_what_people_have(reader: Client) -> None:
    first, second = make_payouts(funded_partner(), [100, 200])
    url = reverse("admin:payouts_payout_changelist")

    for term in (first.id, first.reference, f" {first.reference} "):
        text = reader.get(url, {"q": term}).content.decode()
        assert quote(first.id) in text
        assert quote(second.id) not in text
    assert quote(second.id) in reader.get(url, {"q": first.batch_id}).content.decode()
    assert quote(first.id) not in reader.get(url, {"q": "%"}).content.decode()
    assert reader.get(url, {"q": "x\x00y"}).status_code == 400
