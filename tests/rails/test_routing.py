"""Which rail, and why."""

from typing import Any

import pytest

from payouts.rails import routing
from payouts.rails.routing import Choice, Exclusion, check_requested, choose
from payouts.rails.sandbox.adapter import CAPABILITIES


def pick(**changes: Any) -> Choice:
    asked: dict[str, Any] = {"currency": "USD", "account_type": "us", "amount_minor": 10_000}
    return choose(CAPABILITIES, **{**asked, **changes})


@pytest.mark.parametrize(
    ("currency", "account_type", "rail"),
    [("USD", "us", "rtp"), ("EUR", "iban", "sepa_inst"), ("GBP", "uk", "fps")],
)
def test_the_preferred_rail(currency: str, account_type: str, rail: str) -> None:
    choice = pick(currency=currency, account_type=account_type)
    assert (choice.rail, choice.fallback_reason) == (rail, "")


def test_the_requested_rail_comes_first() -> None:
    choice = pick(requested="fednow")
    assert (choice.rail, choice.fallback_reason, choice.exclusions) == ("fednow", "", ())


def test_a_refusal_leads_to_the_next_rail() -> None:
    choice = pick(tried={"rtp": "bank_not_on_rail"})
    assert (choice.rail, choice.fallback_reason) == ("fednow", "rtp: bank_not_on_rail")


def test_no_rail_is_tried_twice() -> None:
    choice = pick(tried={"rtp": "bank_not_on_rail", "fednow": "account_type_unsupported"})
    assert not choice.is_possible
    assert Exclusion("fednow", "rail_tried", "account_type_unsupported") in choice.exclusions


def test_a_request_that_cannot_be_met_falls_back_with_its_reason() -> None:
    choice = pick(requested="sepa_inst")
    assert (choice.rail, choice.fallback_reason) == ("rtp", "sepa_inst: currency_not_on_rail")


def test_a_paused_rail_is_gone_round() -> None:
    choice = pick(paused={"rtp"})
    assert (choice.rail, choice.fallback_reason) == ("fednow", "rtp: rail_paused")


def test_waiting_for_the_only_rail_that_could() -> None:
    choice = pick(paused={"rtp"}, tried={"fednow": "bank_not_on_rail"})
    assert (choice.rail, choice.waiting_for, choice.is_possible) == ("", "rtp", True)


@pytest.mark.parametrize(("amount_minor", "rail"), [(1_000_000_000, "rtp"), (1_000_000_001, "")])
def test_the_limit_is_inclusive(amount_minor: int, rail: str) -> None:
    assert pick(amount_minor=amount_minor).rail == rail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "JPY"}, "currency_not_on_rail"),
        ({"account_type": "iban"}, "account_type_not_on_rail"),
        ({"amount_minor": 10**12}, "amount_over_rail_limit"),
        ({"requested": "swift"}, "rail_unknown"),
        ({}, ""),
    ],
)
def test_why_a_request_can_never_be_met(changes: dict[str, Any], code: str) -> None:
    asked = {"currency": "USD", "account_type": "us", "amount_minor": 100, "requested": "rtp"}
    asked.update(changes)
    requested = str(asked.pop("requested"))
    assert check_requested(CAPABILITIES, requested, **asked) == code  # type: ignore[arg-type]
    if code:
        assert requested in routing.explain(code, requested)


def test_the_country_of_the_account_counts_where_it_is_told() -> None:
    asked = {"currency": "EUR", "account_type": "iban"}
    assert pick(**asked, account_country="NL").rail == "sepa_inst"
    assert pick(**asked).rail == "sepa_inst"
    outside = pick(**asked, account_country="TR")
    assert not outside.is_possible
    assert Exclusion("sepa_inst", "account_country_not_on_rail") in outside.exclusions
    assert pick(account_country="US").rail == "rtp"


def test_reasons_fit_their_column() -> None:
    choice = pick(requested="x" * 300)
    assert len(choice.fallback_reason) == 140
