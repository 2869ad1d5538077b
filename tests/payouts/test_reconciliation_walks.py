"""Random days at a bank that errs in every way: whatever happens, the breaks explain the totals."""

import random

import pytest

from payouts.machine import State
from payouts.models import BankEntry, Payout
from payouts.rails import base
from payouts.services import inquiry
from payouts.services.funding import fund_partner
from tests.payouts.factories import make_due
from tests.payouts.reconciling import book, claimed, hear, pay, run
from tests.simulator.bankproc import BankProcess

pytestmark = pytest.mark.django_db
REFUSED = base.Rejected(
    canonical="account_closed", retry_class=base.RetryClass.TERMINAL, bank_code="AC04"
)


class Day:
    """What can happen; each act is legal at any time."""

    def __init__(self, bank: BankProcess, partner, chance: random.Random) -> None:
        self.bank, self.partner, self.chance = bank, partner, chance

    def amount(self) -> int:
        return self.chance.randrange(100, 9_000)

    def pay(self) -> None:
        # None that moves by itself in real time: a run and the check after it must see the same.
        pay(self.partner, self.chance.choice([0, 2, 14, 16, 17, 20, 21]), self.amount())

    def pay_unheard(self) -> None:
        sent = claimed(self.partner, self.amount())
        book(self.bank, sent)
        hear(sent, self.chance.choice([base.Unknown(), base.RateLimited(), REFUSED]))

    def pay_another_amount(self) -> None:
        sent = claimed(self.partner, self.amount())
        book(self.bank, sent, amount_minor=self.amount())
        hear(sent, base.Settled())

    def pay_twice(self) -> None:
        sent = claimed(self.partner, self.amount())
        book(self.bank, sent)
        book(self.bank, sent, key=f"again-{sent.attempt.bank_key}")
        hear(sent, base.Settled())

    def settle_alone(self) -> None:
        hear(claimed(self.partner, self.amount()), base.Settled())

    def pay_elsewhere(self) -> None:
        self.bank.pay(0, amount_minor=self.amount())

    def receive(self) -> None:
        self.bank.sim("fund", {"account_id": "acct_eur", "amount_minor": self.amount()})

    def book_received(self) -> None:
        unbooked = BankEntry.objects.filter(kind="funding", is_open=True, funding_reference="")
        waiting = unbooked.order_by("id").first()
        if waiting is not None:
            amount_minor = waiting.amount_minor + self.chance.choice([0, 0, 5])
            fund_partner(
                self.partner.id,
                amount_minor=amount_minor,
                currency="EUR",
                reference=waiting.reference,
            )
            run()

    def fund_alone(self) -> None:
        fund_partner(self.partner.id, amount_minor=self.amount(), currency="EUR")

    def let_time_pass(self) -> None:
        self.bank.advance(days=1)
        waiting = Payout.objects.filter(state__in=[State.SENDING, State.SENT])
        make_due(*waiting)
        inquiry.run(State.SENDING)
        inquiry.run(State.SENT)


ACTS = [name for name in vars(Day) if not name.startswith("_") and name != "amount"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_breaks_explain_the_totals(bank, partner, seed):
    chance = random.Random(seed)
    day = Day(bank, partner, chance)
    for _ in range(8):
        for name in chance.choices(ACTS, k=4):
            getattr(day, name)()
        done = run()
        assert [(t.currency, t.unexplained_minor) for t in done.totals] == [
            ("EUR", 0),
            ("GBP", 0),
            ("USD", 0),
        ], f"seed {seed}"
        again = run()
        assert (again.opened, again.closed, again.open_by_kind) == (0, 0, done.open_by_kind)
        (euro,) = [total for total in done.totals if total.currency == "EUR"]
        assert euro.bank_minor == bank.balance()
    assert bank.audit()["consistent"] is True
