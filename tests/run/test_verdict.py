"""A demo's judgement finds what is wrong."""

from typing import Any

from atlaspay.run.verdict import judge_bank, judge_payouts, judge_webhooks, summary

BLANK = dict.fromkeys(("routing_number", "account_number"), "")


def _row(reference: str, iban: str) -> dict[str, str]:
    row = {"reference": reference, "amount_minor": "9000", "currency": "EUR", "iban": iban}
    return {**row, **BLANK, "recipient_name": "Ada Aalders", "recipient_country": "NL"}


def _payout(reference: str, status: str, **more: Any) -> dict[str, Any]:
    shown = {"reference": reference, "amount_minor": 9000, "returned_minor": 0, "failure": None}
    return {**shown, "status": status, **more}


SETTLES = _row("a", "NL64ATLS0000000000")
CLOSED = _row("b", "NL80ATLS0000000003")
COMES_BACK = _row("c", "NL20ATLS0000000016")
IN_PARTS = _row("d", "NL90ATLS0000000017")


def test_right_ends_give_no_finding() -> None:
    payouts = [
        _payout("a", "settled"),
        _payout("b", "failed", failure={"code": "account_closed"}),
        _payout("c", "returned", returned_minor=9000),
        _payout("d", "settled", returned_minor=6750),
    ]
    assert judge_payouts([SETTLES, CLOSED, COMES_BACK, IN_PARTS], payouts) == []


def test_each_wrong_end_is_named() -> None:
    payouts = [
        _payout("a", "processing"),
        _payout("b", "failed", failure={"code": "account_blocked"}),
        _payout("d", "settled", returned_minor=9000),
        _payout("x", "settled"),
    ]
    found = judge_payouts([SETTLES, CLOSED, COMES_BACK, IN_PARTS], payouts)
    assert [(finding.reference, finding.expected, finding.found) for finding in found] == [
        ("a", "settled, returned none", "processing, returned none"),
        (
            "b",
            "failed (account_closed), returned none",
            "failed (account_blocked), returned none",
        ),
        ("c", "returned, returned all", "missing"),
        ("d", "settled, returned part", "settled, returned all"),
        ("x", "not asked for", "present"),
    ]


def test_webhooks_are_good_only_if_all_arrived_and_none_was_forged() -> None:
    stats = {"received": 2, "valid": 2, "invalid": 0, "invalid_by_reason": {}, "duplicates": 0}
    events = [{"id": "ev_1"}, {"id": "ev_2"}]
    assert judge_webhooks(events, events, stats)["ok"]
    lost = judge_webhooks(events, events[:1], stats)
    assert (lost["ok"], lost["missing_events"]) == (False, ["ev_2"])
    invented = judge_webhooks(events[:1], events, stats)
    assert (invented["ok"], invented["not_in_outbox"]) == (False, 1)
    assert not judge_webhooks(events, events, {**stats, "invalid": 1})["ok"]
    assert not judge_webhooks([], [], stats)["ok"]


def test_bank_is_good_only_if_nothing_was_paid_twice_and_its_books_add_up() -> None:
    good = {"consistent": True, "double_paid": 0, "at_risk": 0, "transfers": 3}
    assert judge_bank(good)["ok"]
    for wrong in ({"consistent": False}, {"double_paid": 1}, {"at_risk": 1}):
        assert not judge_bank({**good, **wrong})["ok"]
    assert not judge_bank({})["ok"]


def test_one_wrong_check_or_restart_fails_the_demo() -> None:
    rows, payouts = [SETTLES], [_payout("a", "settled")]
    assert summary(rows, payouts, {"ledger": {"ok": True}}, restarts={})["ok"]
    assert not summary(rows, payouts, {"ledger": {"ok": False}}, restarts={})["ok"]
    assert not summary(rows, payouts, {"ledger": {"ok": True}}, restarts={"web": 1})["ok"]
    assert not summary(rows, [], {"ledger": {"ok": True}}, restarts={})["ok"]
