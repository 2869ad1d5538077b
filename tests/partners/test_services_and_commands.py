"""Partners and keys made, rotated, ended; the commands that do it say what is wrong."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from ledger import selectors
from ledger.chart import bank_cash, partner_available
from ledger.models import Journal
from partners import auth
from partners.models import ApiKey, Partner, Scope
from partners.services import (
    create_partner,
    issue_api_key,
    pause_partner,
    resume_partner,
    revoke_api_key,
    rotate_api_key,
)
from payouts.services.funding import fund_partner, parse_amount
from tests.factories import ApiKeyFactory, PartnerFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def run(name: str, *args: str, **options: object) -> dict:
    out = StringIO()
    call_command(name, *args, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def refusal(name: str, *args: str, **options: object) -> str:
    with pytest.raises(CommandError) as refused:
        call_command(name, *args, stdout=StringIO(), **options)
    return str(refused.value)


def test_the_secret_is_in_no_row():
    made = issue_api_key(PartnerFactory().id, name="k", scopes=[Scope.BALANCE_READ])
    secret = made.text.rpartition("_")[2]
    row = ApiKey.objects.filter(id=made.key.id).values_list().get()
    history = made.key.history.values_list().get()
    assert secret not in str(row) + str(history)
    assert auth.verify(made.text).key_id == made.key.id


def test_the_hash_depends_on_the_pepper(settings):
    made = issue_api_key(PartnerFactory().id, name="k", scopes=[Scope.BALANCE_READ])
    settings.ATLASPAY_KEY_PEPPER = "another"
    with pytest.raises(Exception, match="no API key of ours"):
        auth.verify(made.text)


def test_rotation_keeps_the_duties_and_ends_the_old_key_after_the_overlap():
    old = ApiKeyFactory(scopes=[Scope.PAYOUTS_READ], cidrs=["10.0.0.0/8"])
    with clock.frozen(NOW):
        made = rotate_api_key(old.id, overlap=timedelta(hours=2))
    old.refresh_from_db()
    assert old.expires_at == NOW + timedelta(hours=2)
    new = made.key
    assert (new.scopes, new.cidrs, new.expires_at, new.rotated_from_id) == (
        [Scope.PAYOUTS_READ],
        ["10.0.0.0/8"],
        None,
        old.id,
    )
    assert old.history.count() == 2
    with clock.frozen(NOW + timedelta(hours=2)):
        with pytest.raises(Exception, match="expired"):
            auth.verify(old.text)
        assert auth.verify(made.text).key_id == new.id


def test_rotation_never_prolongs_the_old_key():
    soon = NOW + timedelta(minutes=5)
    old = ApiKeyFactory(expires_at=soon)
    with clock.frozen(NOW):
        made = rotate_api_key(old.id)
    old.refresh_from_db()
    assert (old.expires_at, made.key.expires_at) == (soon, soon)


def test_a_key_is_rotated_once_and_its_successor_keeps_the_first_end():
    old = ApiKeyFactory()
    with clock.frozen(NOW):
        made = rotate_api_key(old.id)
    with clock.frozen(NOW + timedelta(hours=1)):
        with pytest.raises(ConflictError, match=f"Rotate its successor {made.key.prefix}") as error:
            rotate_api_key(old.id, overlap=timedelta(0))
        assert error.value.code == "key_rotated_already"
        old.refresh_from_db()
        assert old.expires_at == NOW + timedelta(hours=24)
        assert rotate_api_key(made.key.id).key.expires_at is None
    assert ApiKey.objects.filter(rotated_from=old).count() == 1


@pytest.mark.parametrize("trait", [{"expired": True}, {"revoked": True}])
def test_an_ended_key_is_not_rotated(trait):
    old = ApiKeyFactory(**trait)
    with pytest.raises(ConflictError):
        rotate_api_key(old.id)
    assert ApiKey.objects.count() == 1


def test_revoking_twice_keeps_the_first_time():
    key = ApiKeyFactory()
    with clock.frozen(NOW):
        revoke_api_key(key.id)
    revoke_api_key(key.id)
    key.refresh_from_db()
    assert key.revoked_at == NOW
    assert key.history.count() == 2


def test_pausing_and_resuming_are_kept_in_history():
    partner = PartnerFactory()
    for change in (pause_partner, pause_partner, resume_partner):
        change(partner.id)
    assert list(partner.history.values_list("status", flat=True)) == ["active", "paused", "active"]


@pytest.mark.parametrize(
    ("values", "pointers"),
    [
        ({"name": " "}, ["/name"]),
        ({"name": "x" * 141}, ["/name"]),
        ({"name": "a\nb"}, ["/name"]),
        ({"email": "nobody"}, ["/email"]),
        ({"country": "NLD"}, ["/country"]),
        ({"name": "", "email": "", "country": "1"}, ["/name", "/email", "/country"]),
    ],
)
def test_a_partner_needs_a_name_an_address_and_a_country(values, pointers):
    with pytest.raises(InvalidRequestError) as refused:
        create_partner(**{"name": "Acme", "email": "a@b.example", **values})
    assert [error["pointer"] for error in refused.value.errors] == pointers
    assert not Partner.objects.exists()


@pytest.mark.parametrize(
    ("values", "pointers"),
    [
        ({"scopes": []}, ["/scopes"]),
        ({"scopes": ["payouts:steal"]}, ["/scopes"]),
        ({"name": ""}, ["/name"]),
        ({"mode": "prod"}, ["/mode"]),
        ({"cidrs": ["10.0.0.0/8", "10.0.0.1/8", "x"]}, ["/cidrs/1", "/cidrs/2"]),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, ["/expires_at"]),
    ],
)
def test_faulty_keys_are_not_issued(values, pointers):
    partner = PartnerFactory()
    wanted = {"name": "k", "scopes": [Scope.PAYOUTS_READ], **values}
    with pytest.raises(InvalidRequestError) as refused:
        issue_api_key(partner.id, **wanted)
    assert [error["pointer"] for error in refused.value.errors] == pointers
    assert not ApiKey.objects.exists()


def test_commands_make_a_partner_with_a_key_and_money():
    partner = run("create_partner", "Acme", email="a@b.example")
    key = run("issue_api_key", partner["id"], scope=["payouts:read"], cidr=["10.0.0.0/8"])
    assert key["scopes"] == ["payouts:read"]
    assert auth.verify(key["key"]).partner_id == partner["id"]
    funded = run("fund_partner", partner["id"], "2500.05", "eur", reference="BANK-1")
    assert (funded["amount_minor"], funded["available_minor"], funded["rail"]) == (
        2500_05,
        2500_05,
        "sepa_inst",
    )
    assert selectors.balance(partner_available(partner["id"], "EUR")) == 2500_05
    assert selectors.balance(bank_cash("sandbox", "EUR")) == 2500_05
    assert Journal.objects.get().actor == "system:fund_partner"

    rotated = run("issue_api_key", rotate=key["id"])
    assert rotated["partner_id"] == partner["id"]
    assert run("issue_api_key", revoke=key["id"])["id"] == key["id"]


def test_the_same_money_is_booked_once():
    partner = PartnerFactory()
    fund_partner(partner.id, amount_minor=100, currency="EUR", reference="BANK-1")
    with pytest.raises(ConflictError, match=r"BANK-1 is booked already: 1\.00 EUR"):
        fund_partner(partner.id, amount_minor=100, currency="EUR", reference="BANK-1")
    assert selectors.balance(partner_available(partner.id, "EUR")) == 100


def test_the_same_money_is_not_booked_for_another_partner():
    first, second = PartnerFactory(), PartnerFactory()
    fund_partner(first.id, amount_minor=100, currency="EUR", reference="BANK-1")
    with pytest.raises(ConflictError, match=r"BANK-1 is booked already: 1\.00 EUR"):
        fund_partner(second.id, amount_minor=100, currency="EUR", reference="BANK-1")
    assert selectors.balance(bank_cash("sandbox", "EUR")) == 100
    fund_partner(second.id, amount_minor=7, currency="USD", reference="BANK-1")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("pt_nobody", "1", "EUR"), "There is no partner 'pt_nobody'."),
        (("PARTNER", "1.001", "EUR"), "1.001: EUR has 2 decimals, not 3."),
        (("PARTNER", "1.5", "JPY"), "1.5: JPY has 0 decimals, not 1."),
        (("PARTNER", "1e3", "EUR"), "'1e3' is no amount such as 2500.00."),
        (("PARTNER", "-1", "EUR"), None),
        (("PARTNER", "0.00", "EUR"), "The amount must be above zero"),
        (("PARTNER", "1", "XXX"), "'XXX' is not a currency AtlasPay knows."),
        (("PARTNER", "1", "JPY"), "Name the rail JPY came in by: rtp, fednow, sepa_inst, fps."),
        (("PARTNER", "90071992547409.92", "EUR"), "at most 2^53 - 1 minor units"),
    ],
)
def test_funding_says_what_is_wrong_and_books_nothing(args, message):
    partner = PartnerFactory()
    told = refusal("fund_partner", *[partner.id if a == "PARTNER" else a for a in args])
    assert message is None or message in told
    assert not Journal.objects.exists()


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("2500", "EUR", 250000), ("0.5", "EUR", 50), ("1.234", "KWD", 1234), ("7", "JPY", 7)],
)
def test_amounts_as_people_write_them(text, currency, minor):
    assert parse_amount(text, currency) == minor


def test_commands_name_the_fault():
    partner = PartnerFactory()
    assert refusal("create_partner", "Acme", email="x") == "'x' is no e-mail address."
    assert "'a:b' is no scope; there are payouts:write" in refusal(
        "issue_api_key", partner.id, scope=["a:b"]
    )
    assert "has host bits set" in refusal("issue_api_key", partner.id, cidr=["10.0.0.1/8"])
    assert refusal("issue_api_key") == "give a partner's id, or --rotate KEY_ID, or --revoke KEY_ID"
    assert refusal("issue_api_key", rotate="key_x") == "There is no API key 'key_x'."


def test_unknown_ids_are_not_found():
    for work in (pause_partner, revoke_api_key, rotate_api_key):
        with pytest.raises(NotFoundError):
            work("nobody")
