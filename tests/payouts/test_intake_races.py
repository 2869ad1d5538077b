"""Two at once: one key, one reference, one balance, and cancel against the dispatcher."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from atlaspay.core.errors import ConflictError, ProblemError
from ledger.errors import InsufficientFundsError
from payouts.models import Batch, Payout
from payouts.selectors.balance import funds_of
from payouts.services import dispatch
from payouts.services.cancel import cancel_batch, cancel_payout
from payouts.services.intake import Sender, submit, take_in
from tests.factories import PartnerFactory
from tests.payouts.factories import clear_all, funded_partner, make_payouts
from tests.payouts.intake_bodies import body, item

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run works in threads with connections of their own; return results or refusals in order."""
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(place: int, work: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            results[place] = work()
        except ProblemError as refusal:
            results[place] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.parametrize("_run", range(3))
def test_one_key_at_once_makes_one_batch(_run):
    partner = PartnerFactory(funded={"EUR": 10_000})
    sender = Sender(partner.id, None)
    results = at_once(*[lambda: submit(sender, "same", body())] * 4)
    assert Batch.objects.count() == 1
    answers = [r for r in results if not isinstance(r, ConflictError)]
    assert len({answer.batch_id for answer in answers}) == 1
    assert sum(not answer.is_replay for answer in answers) == 1
    refusals = [r for r in results if isinstance(r, ConflictError)]
    assert {r.code for r in refusals} <= {"idempotency_in_progress"}


@pytest.mark.parametrize("_run", range(3))
def test_one_reference_at_once_makes_one_batch(_run):
    partner = PartnerFactory(funded={"EUR": 10_000})
    sender = Sender(partner.id, None)
    results = at_once(*[lambda n=n: submit(sender, f"key-{n}", body()) for n in range(4)])
    assert Batch.objects.count() == 1
    refusals = [r for r in results if isinstance(r, ConflictError)]
    assert [r.code for r in refusals] == ["batch_reference_taken"] * 3
    assert {r.extra["batch_id"] for r in refusals} == {Batch.objects.get().id}


@pytest.mark.parametrize("_run", range(3))
def test_one_balance_is_spent_once(_run):
    partner = PartnerFactory(funded={"EUR": 10_000})
    sender = Sender(partner.id, None)
    results = at_once(
        *[
            lambda n=n: submit(sender, f"key-{n}", body(item("r", 6_000), reference=f"b-{n}"))
            for n in range(3)
        ]
    )
    assert sum(isinstance(r, InsufficientFundsError) for r in results) == 2
    (funds,) = funds_of(partner.id)
    assert (funds.available_minor, funds.reserved_minor) == (4_000, 6_000)
    assert Payout.objects.count() == 1


@pytest.mark.parametrize("_run", range(5))
def test_cancel_and_dispatch_cannot_both_win(_run):
    partner = funded_partner()
    payouts = make_payouts(partner, [100] * 20)
    clear_all()
    results = at_once(
        lambda: cancel_batch(partner.id, payouts[0].batch_id),
        lambda: dispatch.claim(["sepa_inst"], 10),
    )
    states = [p.state for p in Payout.objects.order_by("id")]
    assert set(states) <= {"canceled", "sending"}
    claimed = results[1]
    assert states.count("sending") == len(claimed)
    assert Payout.objects.filter(state="canceled", attempts__isnull=False).count() == 0
    (funds,) = funds_of(partner.id)
    assert funds.reserved_minor == 100 * states.count("sending")
    assert funds.available_minor == 1_000_000 - funds.reserved_minor


def test_a_sent_payout_is_not_canceled():
    partner = funded_partner()
    (payout,) = make_payouts(partner, [100])
    clear_all()
    dispatch.claim(["sepa_inst"], 10)
    with pytest.raises(ConflictError) as caught:
        cancel_payout(partner.id, payout.id)
    assert caught.value.code == "not_cancelable"
    assert Payout.objects.get().state == "sending"
    assert funds_of(partner.id)[0].reserved_minor == 100


@pytest.mark.parametrize("_run", range(3))
def test_a_stored_batch_is_taken_in_once_or_canceled(_run):
    partner = PartnerFactory(funded={"EUR": 10_000})
    answer = submit(Sender(partner.id, None), "k", body(item("r", 700)), is_deferred=True)
    at_once(
        lambda: take_in(limit=1),
        lambda: take_in(limit=1),
        lambda: cancel_batch(partner.id, answer.batch_id),
    )
    (funds,) = funds_of(partner.id)
    payouts = list(Payout.objects.all())
    assert len(payouts) <= 1
    assert [p.state for p in payouts] in ([], ["canceled"])
    assert (funds.available_minor, funds.reserved_minor) == (10_000, 0)
    assert Batch.objects.get().completed_at is not None or payouts
