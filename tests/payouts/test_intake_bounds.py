"""A body of sixteen megabytes costs no more than its size: no squares, no answers without end."""

import json
import time

import pytest

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError
from atlaspay.core.parsers import loads
from payouts.rails.sandbox.adapter import CAPABILITIES
from payouts.services.intake_items import judge
from payouts.services.intake_request import read_request
from payouts.services.intake_schema import FAULTS_IN_FULL, FAULTS_OF_ONE, ITEMS_MAX
from tests.payouts.intake_bodies import batch, body, item

HEADER = b"reference,amount_minor,recipient_name,recipient_country,account_type\n"
QUERY = {"reference": "b-1", "currency": "EUR"}


@pytest.fixture(autouse=True)
def _in_time():
    started = time.process_time()
    yield
    # Each takes well under a second; the squares they guard against take minutes.
    assert time.process_time() - started < 10


def test_a_doubled_member_among_two_hundred_thousand_is_found():
    members = ",".join(f'"m{number}":0' for number in range(200_000))
    with pytest.raises(MalformedRequestError, match="'last' stands twice"):
        loads(f'{{{members},"last":0,"last":0}}'.encode())


def test_a_reference_of_all_items_names_a_few_of_the_others():
    items = [item(reference="same") for _ in range(ITEMS_MAX)]
    judged = judge(read_request(body(*items), is_csv=False, query={}), CAPABILITIES)
    assert len(judged.rejections) == ITEMS_MAX
    (first,) = judged.rejections[0]["errors"]
    assert "by item 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … of this batch" in first["detail"]
    (last,) = judged.rejections[-1]["errors"]
    assert "by item 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … of this batch" in last["detail"]


def test_unknown_fields_are_named_up_to_a_number_for_an_item_and_in_all():
    odd = {f"u{number}": 0 for number in range(1_000)}
    items = [item(reference=f"r-{number}", **odd) for number in range(1_000)]
    wrong = read_request(body(*items), is_csv=False, query={}).wrong
    assert len(wrong) == 1_000
    assert [len(wrong[0]), len(wrong[999])] == [FAULTS_OF_ONE, 1]
    assert sum(map(len, wrong.values())) == FAULTS_IN_FULL + 1_000 - FAULTS_IN_FULL // FAULTS_OF_ONE


def test_unknown_fields_of_the_header_are_named_up_to_a_number():
    parts = {**batch(), **{f"u{number}": 0 for number in range(100_000)}}
    with pytest.raises(InvalidRequestError) as refusal:
        read_request(json.dumps(parts).encode(), is_csv=False, query={})
    assert len(refusal.value.errors) == FAULTS_OF_ONE


def test_a_csv_header_of_a_million_columns_is_refused_at_once():
    with pytest.raises(MalformedRequestError, match="has 1000001 columns; there are 12"):
        read_request(b"reference" + b",reference" * 1_000_000, is_csv=True, query=QUERY)


def test_a_csv_of_two_million_rows_is_refused_after_the_last_that_fits():
    with pytest.raises(InvalidRequestError) as refusal:
        read_request(HEADER + b",,,,\n" * 2_000_000, is_csv=True, query=QUERY)
    assert refusal.value.code == "too_many_items"
    assert "this has more than 15000" in refusal.value.detail
