"""The compiled schema: what fits, and where exactly the rest does not."""

import json

import pytest

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError
from payouts.services.intake_request import read_request
from tests.payouts.intake_bodies import batch, body, item


def wrong_items(*items: object) -> list[tuple[str, str]]:
    request = read_request(body(*items), is_csv=False, query={})
    return [(e["pointer"], e["code"]) for found in request.wrong.values() for e in found]


def refused(raw: bytes) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        read_request(raw, is_csv=False, query={})
    return caught.value


def test_a_valid_batch_has_no_faults():
    request = read_request(body(item(), item("r-1", 1)), is_csv=False, query={})
    assert request.wrong == {}
    assert request.header.currency == "EUR"
    assert [one.amount_minor for one in request.read] == [1000, 1]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"amount_minor": "1000"}, "/payouts/0/amount_minor", "wrong_type"),
        ({"amount_minor": 10.5}, "/payouts/0/amount_minor", "wrong_type"),
        ({"amount_minor": True}, "/payouts/0/amount_minor", "wrong_type"),
        ({"amount_minor": None}, "/payouts/0/amount_minor", "wrong_type"),
        ({"amount_minor": 0}, "/payouts/0/amount_minor", "out_of_range"),
        ({"amount_minor": -1}, "/payouts/0/amount_minor", "out_of_range"),
        ({"amount_minor": 10**11 + 1}, "/payouts/0/amount_minor", "out_of_range"),
        ({"amount_minor": 10**40}, "/payouts/0/amount_minor", "out_of_range"),
        ({"reference": ""}, "/payouts/0/reference", "wrong_length"),
        ({"reference": "x" * 65}, "/payouts/0/reference", "wrong_length"),
        ({"reference": "tail "}, "/payouts/0/reference", "invalid_format"),
        ({"reference": "line\n"}, "/payouts/0/reference", "invalid_format"),
        ({"reference": "é"}, "/payouts/0/reference", "invalid_format"),
        ({"description": "x" * 141}, "/payouts/0/description", "wrong_length"),
        ({"metadata": {"a": 1}}, "/payouts/0/metadata/a", "wrong_type"),
        ({"metadata": {"a/b~c": None}}, "/payouts/0/metadata/a~1b~0c", "wrong_type"),
        ({"metadata": []}, "/payouts/0/metadata", "wrong_type"),
        ({"metadata": {str(n): "" for n in range(21)}}, "/payouts/0/metadata", "wrong_length"),
        ({"recipient": None}, "/payouts/0/recipient", "wrong_type"),
        ({"ammount": 1}, "/payouts/0/ammount", "unknown_field"),
    ],
)
def test_each_fault_has_its_pointer_and_code(changes, pointer, code):
    assert wrong_items(item(**changes)) == [(pointer, code)]


@pytest.mark.parametrize(
    ("account", "pointer", "code"),
    [
        ({}, "type", "required"),
        ({"type": "swift"}, "type", "invalid_choice"),
        ({"type": 1}, "type", "invalid_choice"),
        ({"type": "iban"}, "iban", "required"),
        ({"type": "us", "routing_number": "790100016"}, "account_number", "required"),
    ],
)
def test_accounts_are_judged_by_their_type(account, pointer, code):
    recipient = {"name": "A", "country": "NL", "account": account}
    expected = (f"/payouts/0/recipient/account/{pointer}", code)
    assert expected in wrong_items(item(recipient=recipient))


def test_all_faults_of_all_items_are_listed():
    found = wrong_items(
        item(amount_minor=0, reference=""), item("fine"), 5, item(recipient={"name": ""})
    )
    assert found == [
        ("/payouts/0/reference", "wrong_length"),
        ("/payouts/0/amount_minor", "out_of_range"),
        ("/payouts/2", "wrong_type"),
        ("/payouts/3/recipient/name", "wrong_length"),
        ("/payouts/3/recipient/country", "required"),
        ("/payouts/3/recipient/account", "required"),
    ]


def test_all_faults_of_the_header_are_listed():
    raw = body(
        reference="", currency="eur", rail="swift", execute_at="2026-01-01T10:00:00", atomic=1, x=2
    )
    assert [(e["pointer"], e["code"]) for e in refused(raw).errors] == [
        ("/x", "unknown_field"),
        ("/reference", "wrong_length"),
        ("/currency", "invalid_format"),
        ("/rail", "invalid_choice"),
        ("/execute_at", "invalid_format"),
        ("/atomic", "wrong_type"),
    ]


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"[]", ""),
        (b"null", ""),
        (b"{}", "/payouts"),
        (json.dumps({**batch(), "payouts": {}}).encode(), "/payouts"),
        (json.dumps({**batch(), "payouts": []}).encode(), "/payouts"),
    ],
)
def test_what_is_no_batch_is_refused(raw, pointer):
    assert [e["pointer"] for e in refused(raw).errors] == [pointer]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"reference": "a", "reference": "b"}',
        b'{"a": NaN}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_json_is_malformed(raw):
    with pytest.raises(MalformedRequestError):
        read_request(raw, is_csv=False, query={})


def test_more_than_fifteen_thousand_items_are_too_many():
    refusal = refused(body(*[item()] * 15_001))
    assert refusal.code == "too_many_items"


def test_a_json_batch_takes_no_query_parameters():
    with pytest.raises(InvalidRequestError) as caught:
        read_request(body(), is_csv=False, query={"atomic": "true"})
    assert caught.value.errors[0]["pointer"] == "/atomic"


def test_items_outside_the_schema_are_one_text_in_the_canonical_request():
    strange = {f"k{n}": 10**30 for n in range(50)}
    request = read_request(body(item(), strange), is_csv=False, query={})
    canonical = request.canonical()["payouts"]
    assert canonical[0] == item()
    assert list(canonical[1]) == ["item"]
