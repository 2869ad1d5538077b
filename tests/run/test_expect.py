"""The sample file and what must become of it, counted by hand from the sandbox bank's table."""

import subprocess
import sys
from collections import Counter

import pytest
from schwifty import IBAN

from atlaspay.run.errors import RunError
from atlaspay.run.expect import Expected, expected_counts, expected_end, read_rows
from tests.embedded.homes import ROOT

SAMPLE = ROOT / "examples" / "payouts.csv"


def _row(minor: int = 5_000, currency: str = "EUR", **more: str) -> dict[str, str]:
    blank = dict.fromkeys(("iban", "routing_number", "account_number"), "")
    row = {"amount_minor": str(minor), "currency": currency, **blank}
    return {**row, "recipient_name": "Ada Aalders", "recipient_country": "NL", **more}


def test_sample_has_the_ends_that_its_accounts_say() -> None:
    rows = read_rows(SAMPLE)
    assert len(rows) == 200
    assert Counter(row["currency"] for row in rows) == {"EUR": 102, "USD": 98}
    # Failed: ten magic accounts in euros, nine in dollars (05 is rerouted), two unreachable banks.
    assert expected_counts(rows) == {"settled": 168, "failed": 21, "in_review": 9, "returned": 2}


def test_sample_names_each_account_and_reference_once() -> None:
    rows = read_rows(SAMPLE)
    assert len({row["reference"] for row in rows}) == 200
    accounts = {(row["iban"], row["routing_number"], row["account_number"]) for row in rows}
    assert len(accounts) == 200


def test_sample_ibans_are_valid_and_of_the_sandbox_bank() -> None:
    ibans = [IBAN(row["iban"]) for row in read_rows(SAMPLE) if row["iban"]]
    assert len(ibans) == 102
    assert {(iban.country_code, iban.bank_code) for iban in ibans} == {("NL", "ATLS")}
    # The published magic accounts themselves lead the file.
    assert [str(iban) for iban in ibans[:3]] == [
        "NL64ATLS0000000000",
        "NL37ATLS0000000001",
        "NL10ATLS0000000002",
    ]


def test_sample_is_what_its_generator_writes() -> None:
    words = [sys.executable, str(ROOT / "examples" / "make_payouts.py")]
    written = subprocess.run(words, capture_output=True, check=True).stdout
    assert written == SAMPLE.read_bytes()


def test_plain_amounts_stay_below_the_hold_for_paying_a_payee_twice() -> None:
    rows = read_rows(SAMPLE)
    plain = [row for row in rows if expected_end(row).status != "in_review"]
    assert max(int(row["amount_minor"]) for row in plain) < 50_000


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        ("00", Expected("settled")),
        ("02", Expected("failed", "account_invalid")),
        ("05", Expected("failed", "account_type_unsupported")),
        ("09", Expected("settled")),
        ("10", Expected("settled")),
        ("11", Expected("processing")),
        ("12", Expected("failed", "account_closed")),
        ("14", Expected("settled", needs_seconds=120)),
        ("16", Expected("returned", returned="all", needs_seconds=86_400)),
        ("17", Expected("settled", returned="part", needs_seconds=172_800)),
        ("23", Expected("failed", "retries_exhausted")),
        ("24", Expected("settled")),
        ("99", Expected("settled")),
    ],
)
def test_end_follows_the_last_two_digits(ending: str, wanted: Expected) -> None:
    assert expected_end(_row(iban=f"NL00ATLS00000000{ending}")) == wanted


def test_dollars_to_05_are_rerouted_and_settle() -> None:
    row = _row(currency="USD", routing_number="790100016", account_number="0000000005")
    assert expected_end(row) == Expected("settled")


def test_account_08_settles_up_to_one_hundred_and_not_a_cent_above() -> None:
    iban = "NL42ATLS0000000008"
    assert expected_end(_row(10_000, iban=iban)) == Expected("settled")
    assert expected_end(_row(10_001, iban=iban)) == Expected("failed", "amount_over_bank_limit")


@pytest.mark.parametrize(
    "flagged",
    [
        {"minor": 1_000_000},
        {"recipient_country": "KP"},
        {"recipient_name": "Viktor Drazhenko"},
    ],
)
def test_flagged_rows_wait_for_an_officer_whatever_their_account(flagged: dict) -> None:
    assert expected_end(_row(iban="NL10ATLS0000000002", **flagged)) == Expected("in_review")


def test_file_that_is_missing_or_no_batch_is_one_line(tmp_path) -> None:
    with pytest.raises(RunError, match=r"cannot read .*: No such file or directory"):
        read_rows(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match="lacks the columns account_type, amount_minor, currency"):
        read_rows(tmp_path / "other.csv")
