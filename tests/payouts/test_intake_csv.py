"""The CSV form: the same batch as JSON, or a refusal that names the column or the row."""

import pytest

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError
from payouts.services.intake_request import read_request
from tests.payouts.intake_bodies import IBAN, item

HEADER = "reference,amount_minor,recipient_name,recipient_country,account_type,iban"
ROW = f"r-0,1000,Anna Jansen,NL,iban,{IBAN}"
QUERY = {"reference": "b-1", "currency": "EUR"}


def read(text: str | bytes, **query: str):
    raw = text if isinstance(text, bytes) else text.encode()
    return read_request(raw, is_csv=True, query={**QUERY, **query})


def test_a_row_is_the_same_item_as_in_json():
    request = read(f"{HEADER}\n{ROW}\n")
    assert request.items == [item()]
    assert request.wrong == {}


def test_byte_order_mark_crlf_quotes_and_blank_lines_are_fine():
    text = f'\ufeff{HEADER}\r\nr-0,1000,"Anna Jansen",NL,iban,{IBAN}\r\n\r\n'
    assert read(text).items == [item()]


def test_all_kinds_of_accounts_and_metadata():
    text = (
        "reference,amount_minor,recipient_name,recipient_country,account_type,iban,routing_number,"
        "account_number,sort_code,description,metadata\n"
        'a,1,Joe,US,us,,790100016,1000,,for you,"{""k"": ""v""}"\n'
        "b,2,Ann,GB,uk,,,12345678,112233,,\n"
    )
    request = read(text)
    assert request.wrong == {}
    assert request.items[0]["recipient"]["account"] == {
        "type": "us",
        "routing_number": "790100016",
        "account_number": "1000",
    }
    assert request.items[0]["metadata"] == {"k": "v"}
    assert request.items[1]["recipient"]["account"] == {
        "type": "uk",
        "account_number": "12345678",
        "sort_code": "112233",
    }


def test_batch_fields_come_from_the_query():
    request = read(
        f"{HEADER}\n{ROW}\n", atomic="true", rail="sepa_inst", execute_at="2027-01-01T10:00:00Z"
    )
    header = request.header
    assert (header.atomic, header.rail) == (True, "sepa_inst")
    assert header.execute_at.isoformat() == "2027-01-01T10:00:00+00:00"


def test_the_currency_column_names_the_currency_where_the_query_does_not():
    text = f"{HEADER},currency\n{ROW},EUR\n"
    request = read_request(text.encode(), is_csv=True, query={"reference": "b-1"})
    assert request.header.currency == "EUR"
    assert request.items == [item()]


def test_a_row_of_another_currency_is_refused_by_name():
    text = f"{HEADER},currency\n{ROW},EUR\n{ROW.replace('r-0', 'r-1')},USD\n"
    request = read(text)
    assert list(request.wrong) == [1]
    assert request.wrong[1][0]["pointer"] == "/payouts/1/currency"


@pytest.mark.parametrize("cell", ["10.50", "1e3", "", "1 000", "0x10", "٣"])
def test_amounts_are_whole_numbers(cell):
    request = read(f"{HEADER}\n{ROW.replace('1000', cell)}\n")
    assert request.wrong[0][0]["pointer"] == "/payouts/0/amount_minor"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEADER},colour\n{ROW},red\n", "Unknown column 'colour'"),
        (f"{HEADER},iban\n{ROW},x\n", "'iban' appears twice"),
        ("reference,amount_minor\na,1\n", "'recipient_name' is missing"),
    ],
)
def test_headers_that_do_not_fit_are_refused(text, words):
    with pytest.raises(InvalidRequestError) as caught:
        read(text)
    assert any(words in error["detail"] for error in caught.value.errors)


def test_a_header_without_rows_is_refused():
    with pytest.raises(InvalidRequestError):
        read(f"{HEADER}\n")


@pytest.mark.parametrize(
    "text",
    ["", "\n", f"{HEADER}\n{ROW},extra\n", f'{HEADER}\n"r-0,1000\n', f"{HEADER}\n{ROW}\x00\n"],
)
def test_what_is_no_csv_is_malformed(text):
    with pytest.raises(MalformedRequestError):
        read(text)


def test_latin1_is_malformed():
    with pytest.raises(MalformedRequestError):
        read(f"{HEADER}\n{ROW}".replace("Anna", "Änna").encode("latin-1"))


def test_unknown_query_parameters_are_refused():
    with pytest.raises(InvalidRequestError) as caught:
        read(f"{HEADER}\n{ROW}\n", atomc="true")
    assert caught.value.errors[0]["pointer"] == "/atomc"
