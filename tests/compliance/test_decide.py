"""Deciding: one service, one decision, and refusals that change nothing."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from compliance.models import Case, Decision
from compliance.models.reasons import DEFAULT_PARTNER_TEXT
from compliance.services.decide import decide
from ledger import chart, selectors
from payouts.models import Payout
from payouts.services.cancel import cancel_payout
from tests.compliance.factories import listed_case, open_case, staff
from webhooks.models import Event


def approve(case: Case, user: User, **changes: object) -> Decision:
    words = {
        "kind": "approve",
        "reason_code": "name_differs",
        "internal_text": "Born 1990, the listed one 1954.",
        "expected_version": case.payout.version,
        "user": user,
        **changes,
    }
    return decide(case.id, **words)


def reject(case: Case, user: User, **changes: object) -> Decision:
    return approve(case, user, **{"kind": "reject", "reason_code": "listed_name", **changes})


def everything(case: Case) -> tuple:
    """Return all that a decision would change."""
    payout = Payout.objects.get(id=case.payout_id)
    case.refresh_from_db()
    return (
        payout.state,
        payout.version,
        case.state,
        Decision.objects.count(),
        Event.objects.count(),
        selectors.balance(chart.partner_available(payout.partner_id, "EUR")),
    )


@pytest.mark.django_db
def test_approving_queues_the_payout_and_writes_the_receipt() -> None:
    case, user = open_case(), staff("officer", "anna")

    receipt = approve(case, user)

    payout = Payout.objects.get(id=case.payout_id)
    case.refresh_from_db()
    receipt.refresh_from_db()
    assert (payout.state, payout.stage) == ("queued", "ready")
    assert (case.state, case.closed_at is not None) == ("decided", True)
    assert (receipt.position, receipt.kind, receipt.actor) == (1, "approve", "user:anna")
    assert (receipt.before["state"], receipt.after["state"]) == ("in_review", "queued")
    assert (receipt.before["version"], receipt.after["version"]) == (2, payout.version)
    assert receipt.partner_text == ""
    assert receipt.evidence["findings"] == case.run.findings
    assert receipt.evidence["facts"]["recipient_name"] == "Anna Jansen"
    assert (receipt.stage, receipt.four_eyes, receipt.bulk_id) == ("final", [], "")
    last = payout.history.latest("history_id")
    assert (last.actor, last.history_user) == ("user:anna", user)
    assert last.history_change_reason == f"{case.id}: approve, name_differs"
    assert case.history.latest("history_id").actor == "user:anna"


@pytest.mark.django_db
def test_rejecting_fails_the_payout_and_gives_the_money_back() -> None:
    case, user = listed_case(), staff("officer")
    available = chart.partner_available(case.partner_id, "EUR")
    assert selectors.balance(available) == 100_000_000 - 25_000

    receipt = reject(case, user)

    payout = Payout.objects.get(id=case.payout_id)
    assert (payout.state, payout.failure_code) == ("failed", "compliance_rejected")
    assert payout.failure_message == receipt.partner_text == DEFAULT_PARTNER_TEXT
    assert selectors.balance(available) == 100_000_000
    assert (receipt.before["state"], receipt.after["state"]) == ("in_review", "failed")
    event = Event.objects.get(type="payout.failed")
    assert b"Drazhenko, listed" not in bytes(event.body)
    assert b"Born 1990" not in bytes(event.body)
    assert b"watchlist" not in bytes(event.body)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["auditor", "operator", "rule_author", "rule_publisher"])
def test_without_the_permission_nothing_changes_and_the_attempt_is_logged(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    case, user = open_case(), staff(role)
    before = everything(case)

    with pytest.raises(PermissionRefusedError):
        approve(case, user)

    assert everything(case) == before
    (line,) = [record for record in caplog.records if record.message == "decision.refused"]
    assert (line.about, line.username) == (case.id, role)


@pytest.mark.django_db
def test_an_officer_who_left_decides_nothing() -> None:
    case, user = open_case(), staff("officer")
    user.is_active = False
    user.save()
    before = everything(case)

    with pytest.raises(PermissionRefusedError):
        approve(case, user)

    assert everything(case) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"kind": "undo"}, ["/kind"]),
        ({"kind": "override"}, ["/reason_code"]),
        ({"reason_code": "listed_name"}, ["/reason_code"]),
        ({"internal_text": "  ok "}, ["/internal_text"]),
        ({"internal_text": "x" * 2_001}, ["/internal_text"]),
        ({"internal_text": "fine\x00", "reason_code": ""}, ["/reason_code", "/internal_text"]),
        ({"partner_text": "y" * 301}, ["/partner_text"]),
        ({"partner_text": "a\x00b"}, ["/partner_text"]),
        ({"internal_text": "lone \ud800 surrogate"}, ["/internal_text"]),
    ],
)
def test_an_incomplete_decision_is_refused_by_field(changes: dict, pointers: list) -> None:
    case, user = open_case(), staff("officer")
    before = everything(case)

    with pytest.raises(InvalidRequestError) as refusal:
        approve(case, user, **changes)

    assert [error["pointer"] for error in refusal.value.errors] == pointers
    assert everything(case) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Stopped by a Sanctions hit", ["sanction"]),
        ("You are on the OFAC watch-list", ["ofac", "watch-list"]),
        ("suspicious activity, money laundering", ["suspici", "launder"]),
        ("a SAR was filed", ["sar"]),
        ("Geldwäsche, Verdacht auf Betrug", ["geldwasch", "verdacht", "betrug"]),
        ("une liste noire; soupçon de fraude", ["liste noire", "soupcon", "fraud"]),
        ("sanciones y blanqueo", ["sancion", "blanqueo"]),
        ("Санкции", ["санкц"]),
        ("sanc\u200btion", ["sanction"]),
        ("\uff53anction", ["sanction"]),
        (
            "found on the synthetic demonstration list",
            ["synthetic", "synthetic demonstration list"],
        ),
    ],
)
def test_the_partner_never_reads_of_lists_and_suspicions(text: str, words: list) -> None:
    case, user = open_case(), staff("officer")
    before = everything(case)

    with pytest.raises(InvalidRequestError) as refusal:
        reject(case, user, partner_text=text)

    (error,) = refusal.value.errors
    assert (error["code"], error["detail"]) == (
        "tipping_off",
        f"The partner must not read: {', '.join(words)}.",
    )
    assert everything(case) == before


@pytest.mark.django_db
def test_words_that_only_resemble_forbidden_ones_pass() -> None:
    receipt = reject(open_case(), staff("officer"), partner_text="The Sarong Company peppered us.")

    assert receipt.partner_text == "The Sarong Company peppered us."


@pytest.mark.django_db
def test_a_second_decision_is_told_who_made_the_first() -> None:
    case, anna, lena = open_case(), staff("officer", "anna"), staff("lead", "lena")
    first = approve(case, anna)
    before = everything(case)

    with pytest.raises(StaleFormError) as refusal:
        reject(case, lena)

    first.refresh_from_db()
    assert refusal.value.detail == (
        f"anna approved it at {first.decided_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    assert refusal.value.status == 409
    assert everything(case) == before


@pytest.mark.django_db
def test_a_form_older_than_the_payout_is_stale() -> None:
    case, user = open_case(), staff("officer")
    before = everything(case)

    with pytest.raises(StaleFormError):
        approve(case, user, expected_version=case.payout.version - 1)

    assert everything(case) == before


@pytest.mark.django_db
def test_an_unknown_case_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        decide(
            "cs_00000000000000000000000000",
            kind="approve",
            reason_code="name_differs",
            internal_text="no such case",
            expected_version=None,
            user=staff("officer"),
        )


@pytest.mark.django_db
def test_a_payout_the_partner_cancels_takes_its_case_along() -> None:
    case, user = open_case(), staff("officer")

    cancel_payout(case.partner_id, case.payout_id)

    case.refresh_from_db()
    assert (case.state, case.closed_at is not None) == ("withdrawn", True)
    with pytest.raises(StaleFormError, match="The partner canceled"):
        approve(case, user)
    assert Decision.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_officers_at_once_make_one_decision() -> None:
    case = open_case()
    officers = [staff("officer", f"officer-{number}") for number in range(4)]
    gate = threading.Barrier(len(officers))
    outcomes: list[object] = []

    def act(position: int) -> None:
        gate.wait()
        try:
            outcomes.append((approve if position % 2 else reject)(case, officers[position]).kind)
        except ConflictError as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(n,)) for n in range(len(officers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    made = [outcome for outcome in outcomes if isinstance(outcome, str)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, StaleFormError)]
    receipt = Decision.objects.get()
    assert (len(made), len(refused)) == (1, 3)
    assert made == [receipt.kind]
    assert Payout.objects.get(id=case.payout_id).state == receipt.after["state"]
    name = receipt.actor.removeprefix("user:")
    assert all(name in error.detail for error in refused)


@pytest.mark.django_db(transaction=True)
def test_deciding_and_canceling_at_once_have_one_winner() -> None:
    case, user = open_case(), staff("officer")
    gate = threading.Barrier(2)
    outcomes: list[str] = []

    def act(what: str) -> None:
        gate.wait()
        try:
            if what == "decide":
                approve(case, user)
            else:
                cancel_payout(case.partner_id, case.payout_id)
            outcomes.append(what)
        except ConflictError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(what,)) for what in ("decide", "cancel")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    payout = Payout.objects.get(id=case.payout_id)
    case.refresh_from_db()
    # A payout that was approved may still be canceled before it is sent, never the other way.
    assert sorted(outcomes) in (["cancel", "refused"], ["cancel", "decide"])
    assert payout.state == "canceled"
    assert case.state == ("decided" if "decide" in outcomes else "withdrawn")
    assert Decision.objects.count() == outcomes.count("decide")
