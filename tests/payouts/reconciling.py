"""A platform that pays through a real sandbox bank, and shorthand for what tests ask of it."""

from atlaspay.core import fanout
from payouts.models import Payout, ReconciliationBreak
from payouts.services import banking, reconciliation, settlement
from payouts.services.reconciliation import Outcome
from tests.payouts.factories import clear_all, fresh, make_payouts, sending
from tests.simulator.bankproc import IBANS, BankProcess, eur_order

# What the sandbox bank's accounts hold at first.
FULL = 1_000_000_000_000


def pay(partner, nn: int, amount_minor: int) -> Payout:
    """Pay to a magic account and hear the bank's answer."""
    sent = claimed(partner, amount_minor, nn)
    rail = banking.rail(sent.attempt.rail)

    async def submit():
        return await rail.submit(fanout.session(rail.session_options()), sent.order)

    hear(sent, fanout.submit(submit()).result(20))
    return fresh(sent.payout)


def run(**how) -> Outcome:
    """Reconcile; the bank could be read."""
    done = reconciliation.reconcile(**how)
    assert done.failures == {}
    return done


def totals_of(done: Outcome) -> dict[str, tuple[int, int, dict[str, tuple[int, int]], int]]:
    """Return currency -> (ours, the bank's, what explains it, the rest)."""
    return {
        total.currency: (
            total.ledger_minor,
            total.bank_minor,
            {kind: (part.count, part.amount_minor) for kind, part in total.parts.items()},
            total.unexplained_minor,
        )
        for total in done.totals
    }


def kinds() -> dict[str, tuple[int, int]]:
    """Return the open breaks: kind -> (ours, the bank's)."""
    return {
        row.kind: (row.expected_minor, row.actual_minor)
        for row in ReconciliationBreak.objects.filter(resolved_at=None)
    }


def claimed(partner, amount_minor: int, nn: int = 0):
    """Return one payout that is about to be sent."""
    (payout,) = make_payouts(partner, [amount_minor], iban=IBANS[nn])
    clear_all()
    return sending(fresh(payout))


def hear(sent, outcome) -> None:
    """Let us hear this of an attempt, whatever the bank did."""
    settlement.apply([settlement.Answer(sent.payout.id, sent.attempt.id, outcome)], reason="test")


def book(bank: BankProcess, sent, amount_minor: int | None = None, key: str | None = None):
    """Let the bank execute an attempt's transfer without our hearing of it."""
    order = eur_order(
        0,
        amount_minor=amount_minor or sent.payout.amount_minor,
        end_to_end_id=sent.attempt.end_to_end_id,
    )
    assert bank.send(order, key or sent.attempt.bank_key).status_code == 201
