"""Accounts: what can exist, its one normal form, and precise words for what cannot."""

import random
import string
import time

import pytest
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from payouts.rails.accounts import Destination, check_account, is_routing_number

MAGIC_IBANS = [
    "NL64ATLS0000000000",
    "NL37ATLS0000000001",
    "NL10ATLS0000000002",
    "NL80ATLS0000000003",
    "NL53ATLS0000000004",
    "NL26ATLS0000000005",
    "NL96ATLS0000000006",
    "NL69ATLS0000000007",
    "NL42ATLS0000000008",
    "NL15ATLS0000000009",
    "NL85ATLS0000000010",
    "NL58ATLS0000000011",
    "NL31ATLS0000000012",
    "NL04ATLS0000000013",
    "NL74ATLS0000000014",
    "NL47ATLS0000000015",
    "NL20ATLS0000000016",
    "NL90ATLS0000000017",
    "NL63ATLS0000000018",
    "NL36ATLS0000000019",
    "NL09ATLS0000000020",
    "NL79ATLS0000000021",
    "NL52ATLS0000000022",
    "NL25ATLS0000000023",
]
# ISO 13616 registry, examples of the countries themselves.
REAL_IBANS = [
    "GB29NWBK60161331926819",
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "BE68539007547034",
    "MT84MALT011000012345MTLCAST001S",
    "NO9386011117947",
    "LC55HEMM000100010012001200023015",
]


def codes(account: dict[str, object]) -> list[tuple[str, str]]:
    found, errors = check_account(account)
    assert (found is None) == bool(errors)
    return [
        (error["pointer"].removeprefix("/recipient/account"), error["code"]) for error in errors
    ]


def good(account: dict[str, object]) -> Destination:
    found, errors = check_account(account)
    assert errors == []
    assert found is not None
    return found


@pytest.mark.parametrize("iban", [*MAGIC_IBANS, *REAL_IBANS])
def test_ibans_that_exist(iban: str) -> None:
    found = good({"type": "iban", "iban": iban})
    assert found.account == {"type": "iban", "iban": iban}
    assert (found.country, found.last4) == (iban[:2], iban[-4:])
    assert len(found.bank) <= 11


def test_iban_has_one_normal_form() -> None:
    tidy = good({"type": "iban", "iban": "NL64ATLS0000000000"})
    untidy = good({"type": "iban", "iban": " nl64 atls 0000 0000 00 "})
    assert tidy == untidy
    assert tidy.canonical == "iban:NL64ATLS0000000000"
    assert tidy.bank == "NLATLS"


@pytest.mark.parametrize(
    ("iban", "code"),
    [
        ("NL65ATLS0000000000", "iban_check_digits"),
        ("NL64ATLS000000000", "iban_length"),
        ("NL64ATLS00000000000", "iban_length"),
        ("XX64ATLS0000000000", "iban_country_unknown"),
        ("NL64ATL10000000000", "iban_structure"),
        ("", "iban_characters"),
        ("NL", "iban_structure"),
        ("NL64-ATLS-0000-0000-00", "iban_characters"),
        ("NL64ATLS0000000000\x00", "iban_characters"),
        ("NL64ATLS000000000\u0663", "iban_characters"),
        ("\uff2e\uff2c64ATLS0000000000", "iban_characters"),
        ("NL64ATLS0000000000\n", "iban_characters"),
        ("FR1420041010050500013M0260\u00df", "iban_characters"),
        ("A" * 35, "iban_characters"),
        ("N" * 10_000_000, "iban_characters"),
    ],
    ids=lambda value: value[:24],
)
def test_ibans_that_cannot_exist(iban: str, code: str) -> None:
    assert codes({"type": "iban", "iban": iban}) == [("/iban", code)]


def test_check_digits_that_are_never_issued() -> None:
    """99 is congruent to 02, so the bare modulus lets it pass."""
    body = next(
        f"ATLS{n:010d}" for n in range(200) if IBAN.from_bban("NL", f"ATLS{n:010d}")[2:4] == "02"
    )
    assert codes({"type": "iban", "iban": f"NL99{body}"}) == [("/iban", "iban_check_digits")]


def test_verdicts_agree_with_the_library_on_a_thousand_mutations() -> None:
    dice = random.Random(3)
    for _ in range(1000):
        text = list(dice.choice(REAL_IBANS + MAGIC_IBANS))
        for _ in range(dice.randint(0, 2)):
            text[dice.randrange(len(text))] = dice.choice(string.ascii_uppercase + string.digits)
        iban = "".join(text)
        try:
            theirs = bool(IBAN(iban)) and iban[2:4] not in {"00", "01", "99"}
        except SchwiftyException:
            theirs = False
        assert (check_account({"type": "iban", "iban": iban})[0] is not None) == theirs, iban


def test_a_hundred_ibans_in_three_milliseconds() -> None:
    account = {"type": "iban", "iban": "NL64ATLS0000000000"}
    check_account(account)
    best = min(_seconds_for(account) for _ in range(10))
    assert best < 0.003


def _seconds_for(account: dict[str, str]) -> float:
    began = time.perf_counter()
    for _ in range(100):
        check_account(account)
    return time.perf_counter() - began


@pytest.mark.parametrize(
    "number",
    ["790100016", "790100029", "790100032", "790100045", "790100058", "790100061", "021000021"],
)
def test_routing_numbers_that_pass(number: str) -> None:
    assert is_routing_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "790100017",
        "000000000",
        "79010001",
        "7901000160",
        "79010001a",
        "",
        "\uff17\uff19\uff10\uff11\uff10\uff10016",
    ],
)
def test_routing_numbers_that_do_not(number: str) -> None:
    assert not is_routing_number(number)


def test_us_account() -> None:
    found = good({"type": "us", "routing_number": "790-100-016", "account_number": "12 34-ab"})
    assert found.account == {
        "type": "us",
        "routing_number": "790100016",
        "account_number": "1234AB",
    }
    assert (found.bank, found.last4, found.country) == ("790100016", "34AB", "US")
    assert found.canonical == "us:790100016:1234AB"


def test_all_faults_of_a_us_account_are_told_at_once() -> None:
    account = {"type": "us", "routing_number": "790100017", "account_number": "1" * 18}
    assert codes(account) == [
        ("/routing_number", "routing_number_check_digit"),
        ("/account_number", "account_number_shape"),
    ]


@pytest.mark.parametrize("number", ["123", "1" * 18, "12345é", "1234ß", "12345_", "1234\n"])
def test_us_account_numbers_that_cannot_exist(number: str) -> None:
    account = {"type": "us", "routing_number": "790100016", "account_number": number}
    assert codes(account) == [("/account_number", "account_number_shape")]


def test_uk_account() -> None:
    found = good({"type": "uk", "sort_code": "04-00-04", "account_number": "1000 0000"})
    assert found.account == {"type": "uk", "sort_code": "040004", "account_number": "10000000"}
    assert (found.bank, found.last4, found.country) == ("040004", "0000", "GB")


def test_all_faults_of_a_uk_account_are_told_at_once() -> None:
    assert codes({"type": "uk", "sort_code": "4004", "account_number": "1234567"}) == [
        ("/sort_code", "sort_code_shape"),
        ("/account_number", "account_number_shape"),
    ]


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({}, [("/type", "account_type_unknown")]),
        ({"type": "bitcoin"}, [("/type", "account_type_unknown")]),
        ({"type": ["iban"]}, [("/type", "account_type_unknown")]),
        ({"type": "iban"}, [("/iban", "required")]),
        ({"type": "iban", "iban": None}, [("/iban", "required")]),
        ({"type": "iban", "iban": 5}, [("/iban", "required")]),
        ({"type": "us", "iban": "x"}, [
            ("/routing_number", "required"), ("/account_number", "required"),
            ("/iban", "unknown_field"),
        ]),
        ({"type": "iban", "iban": "x", "a/b~c": 1}, [("/a~1b~0c", "unknown_field")]),
    ],
)  # fmt: skip
def test_shapes(account: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert codes(account) == expected


def test_no_error_and_no_repr_shows_the_number() -> None:
    wrong = "NL65ATLS0123456789"
    _, errors = check_account({"type": "iban", "iban": wrong})
    assert wrong[4:] not in str(errors)
    right = good({"type": "iban", "iban": "NL64ATLS0000000000"})
    assert "ATLS" not in repr(right)
