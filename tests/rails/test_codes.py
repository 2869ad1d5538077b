"""Reason codes and what partners read of them."""

from collections import Counter

import pytest

from payouts.rails import codes, failures
from payouts.rails.base import RetryClass
from payouts.rails.codes import INSTANT, ISO, NACHA, REASONS, resolve


def test_the_table_has_each_code_once() -> None:
    """97 codes: 69 of ISO 20022, 6 of the instant networks, 22 of Nacha; 23 meanings."""
    assert len(REASONS) == 97
    assert Counter(scheme for scheme, _ in REASONS) == {ISO: 69, INSTANT: 6, NACHA: 22}
    words = [
        (scheme, code)
        for _, by_scheme in codes._TABLE
        for scheme, text in by_scheme.items()
        for code in text.split()
    ]
    assert len(words) == len(set(words))
    assert len({reason.canonical for reason in REASONS.values()}) == 23


@pytest.mark.parametrize(
    ("scheme", "code", "canonical", "retry_class"),
    [
        (ISO, "AC03", "account_invalid", RetryClass.TERMINAL),
        (ISO, "AC06", "account_blocked", RetryClass.TERMINAL),
        (ISO, "MS03", "refused_unspecified", RetryClass.TERMINAL_SOFT),
        (ISO, "AB05", "beneficiary_bank_timeout", RetryClass.RETRY_NEW),
        (ISO, "AM14", "amount_over_bank_limit", RetryClass.REROUTE),
        (ISO, "AM04", "insufficient_prefunding", RetryClass.HOLD),
        (ISO, "DUPL", "duplicate", RetryClass.RECONCILE),
        (INSTANT, "9948", "rail_unavailable", RetryClass.RETRY_NEW),
        (NACHA, "R02", "account_closed", RetryClass.TERMINAL),
        (NACHA, "R69", "missing_or_invalid_data", RetryClass.TERMINAL),
    ],
)
def test_some_of_each_class(
    scheme: str, code: str, canonical: str, retry_class: RetryClass
) -> None:
    reason = resolve(f" {code.lower()} ", scheme)
    assert (reason.canonical, reason.retry_class) == (canonical, retry_class)


def test_schemes_are_asked_in_order() -> None:
    assert resolve("9910", ISO, INSTANT).canonical == "bank_not_on_rail"


@pytest.mark.parametrize("code", ["", "ZZ99", "R02", "x" * 500])
def test_a_code_unknown_to_the_scheme_is_an_alarm(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    reason = resolve(code, ISO, source="fps")
    assert (reason.canonical, reason.retry_class) == (
        "refused_unspecified",
        RetryClass.TERMINAL_SOFT,
    )
    (record,) = caplog.records
    assert (record.message, record.levelname, record.rail) == ("rail.unknown_code", "ERROR", "fps")
    assert len(record.bank_code) <= 20


def test_every_meaning_has_words_for_partners() -> None:
    assert {reason.canonical for reason in REASONS.values()} <= set(failures.FAILURES)
    for failure in failures.FAILURES.values():
        assert failure.message.endswith(".")
        assert len(failure.message) <= 300
        assert len(failure.code) <= 40


def test_the_public_shape() -> None:
    assert failures.explain("account_closed").public() == {
        "code": "account_closed",
        "message": "The recipient's account is closed.",
        "action": "fix_bank_details",
        "retryable": False,
    }
    assert failures.explain(failures.COMPLIANCE_REJECTED).public("As agreed.")["message"] == (
        "As agreed."
    )


def test_a_banks_compliance_block_is_not_told() -> None:
    shown = failures.explain("compliance_blocked").public()
    assert shown["code"] == "refused_unspecified"
    assert "complian" not in str(shown).lower()
    assert "compliance_blocked" in failures.MASKED


def test_unknown_codes_are_unspecified() -> None:
    assert failures.explain("whatever").code == "refused_unspecified"
