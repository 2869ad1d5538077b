"""The command `submit_batch` against a running server."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from payouts.models import Batch, Payout
from tests.factories import ApiKeyFactory, PartnerFactory
from tests.payouts.intake_bodies import IBAN

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = (
    "reference,amount_minor,currency,recipient_name,recipient_country,account_type,iban,"
    "routing_number,account_number"
)


@pytest.fixture
def key():
    partner = PartnerFactory(funded={"EUR": 100_000, "USD": 100_000})
    return ApiKeyFactory(partner=partner)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sellers.csv"
    path.write_text(
        f"{HEADER}\n"
        f"a,100,EUR,Anna,NL,iban,{IBAN},,\n"
        "b,200,USD,Joe,US,us,,790100016,100000000\n"
        f"c,300,EUR,Bert,NL,iban,{IBAN},,\n"
    )
    return path


def run(*args: str, **options: object) -> str:
    out = StringIO()
    call_command("submit_batch", *args, stdout=out, **options)
    return out.getvalue()


def test_each_currency_is_a_batch_and_twice_is_once(live_server, key, file):
    for _ in range(2):
        said = run(str(file), url=live_server.url, api_key=key.text, json=True)
        batches = json.loads(said)["batches"]
        assert [(b["reference"], b["accepted_minor"]) for b in batches] == [
            ("sellers-EUR", 400),
            ("sellers-USD", 200),
        ]
    assert (Batch.objects.count(), Payout.objects.count()) == (2, 3)


def test_a_dry_run_changes_nothing(live_server, key, file):
    said = run(str(file), url=live_server.url, api_key=key.text, dry_run=True)
    assert "sellers-EUR: would be accepted: 2 of 2 payouts, 4.00 EUR" in said
    assert not Batch.objects.exists()


def test_a_dry_run_says_what_the_balance_is_short_of(live_server, file):
    said = run(str(file), url=live_server.url, api_key=ApiKeyFactory().text, dry_run=True)
    assert "sellers-EUR: would be refused: 2 of 2 payouts, 4.00 EUR" in said
    assert "the balance is short of 4.00 EUR" in said
    assert "the balance is short of 2.00 USD" in said
    assert not Batch.objects.exists()


def test_refusals_are_told_in_words(live_server, key, file):
    with pytest.raises(CommandError, match="401 key_unknown"):
        run(str(file), url=live_server.url, api_key="ap_test_x_y")
    file.write_text(file.read_text().replace("100,EUR", "0,EUR"))
    with pytest.raises(CommandError, match="/payouts/0/amount_minor"):
        run(str(file), url=live_server.url, api_key=key.text, atomic=True)
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no rows"), ("a,b\n1,2\n", "currency"), (f"{HEADER}\na,1\n", "not as many cells")],
)
def test_files_that_cannot_be_sent(tmp_path, text, words):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=words):
        run(str(path), api_key="x")


def test_no_key_and_no_server(file, monkeypatch):
    monkeypatch.delenv("ATLASPAY_API_KEY", raising=False)
    with pytest.raises(CommandError, match="no API key"):
        run(str(file))
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9"):
        run(str(file), url="http://127.0.0.1:9", api_key="x")
