"""What a person may settle by hand, and what not."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from atlaspay.core.errors import ConflictError, InvalidRequestError
from ledger import chart
from ledger.selectors import balance
from payouts.models import Attempt
from payouts.rails import base
from payouts.services import operator, settlement
from tests.payouts.factories import age_attempt, fresh, funded_partner, queued_payout, sending

pytestmark = pytest.mark.django_db
EVIDENCE = "statement of 22 November, line 7"


@pytest.fixture
def unknown():
    sent = sending(queued_payout(funded_partner(50_000), 20_000))
    settlement.apply(
        [settlement.Answer(sent.payout.id, sent.attempt.id, base.Unknown())], reason="test"
    )
    return sent


def cash():
    return balance(chart.bank_cash("sandbox", "EUR"))


def test_paid_by_hand_settles_and_keeps_the_evidence(unknown):
    assert operator.confirm(unknown.payout.id, is_paid=True, evidence=EVIDENCE).state == "settled"
    assert cash() == 30_000
    assert Attempt.objects.get(id=unknown.attempt.id).detail == f"by hand: {EVIDENCE}"
    last = fresh(unknown.payout).history.order_by("-history_id").first()
    assert last.history_change_reason == f"by hand: {EVIDENCE}"


def test_unpaid_by_hand_fails_and_gives_the_money_back(unknown):
    age_attempt(unknown.attempt, 361)
    settlement.apply(
        [settlement.Answer(unknown.payout.id, unknown.attempt.id, base.Unknown())], reason="test"
    )
    payout = operator.confirm(unknown.payout.id, is_paid=False, evidence=EVIDENCE)
    assert (payout.state, payout.failure_code) == ("failed", "refused_unspecified")
    assert balance(chart.partner_available(payout.partner_id, "EUR")) == 50_000


def test_unpaid_is_refused_while_the_same_key_may_be_sent_again(unknown):
    before = fresh(unknown.payout).version
    with pytest.raises(ConflictError) as refusal:
        operator.confirm(unknown.payout.id, is_paid=False, evidence=EVIDENCE)
    assert refusal.value.code == "still_asking"
    payout = fresh(unknown.payout)
    assert (payout.state, payout.stage, payout.version) == ("sending", "inquiry", before)
    assert balance(chart.partner_available(payout.partner_id, "EUR")) == 30_000


def test_no_evidence_no_change(unknown):
    before = fresh(unknown.payout).version
    with pytest.raises(InvalidRequestError):
        operator.confirm(unknown.payout.id, is_paid=True, evidence="trust me")
    assert fresh(unknown.payout).version == before


def test_what_does_not_wait_for_a_bank_is_left_alone():
    payout = queued_payout()
    with pytest.raises(ConflictError, match="does not wait"):
        operator.confirm(payout.id, is_paid=False, evidence=EVIDENCE)
    assert fresh(payout).state == "queued"


def test_a_call_on_the_wire_is_nobodys_to_decide():
    sent = sending(queued_payout())
    with pytest.raises(ConflictError):
        operator.confirm(sent.payout.id, is_paid=False, evidence=EVIDENCE)
    assert fresh(sent.payout).state == "sending"


def test_the_command_lists_asks_and_refuses_without_an_id(unknown, monkeypatch):
    out = StringIO()
    call_command("unstick_payouts", "--json", stdout=out)
    (row,) = json.loads(out.getvalue())
    assert (row["payout_id"], row["stage"]) == (unknown.payout.id, "inquiry")
    with pytest.raises(CommandError, match="exactly one"):
        call_command("unstick_payouts", "--paid", "--evidence", EVIDENCE)
    monkeypatch.setattr("builtins.input", lambda: "something else")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command(
            "unstick_payouts", unknown.payout.id, "--unpaid", "--evidence", EVIDENCE, stdout=out
        )
    assert fresh(unknown.payout).state == "sending"
    call_command("unstick_payouts", "--ask", "--json", stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1]) == {"asked": 1}
