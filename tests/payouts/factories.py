"""Payouts in any state, made the way the product makes them: through the unit of work."""

import itertools
from datetime import timedelta

from django.utils import timezone

from atlaspay.core.crypto import blind_index
from partners.models import Partner
from payouts import postings
from payouts.models import Attempt, Batch, Payout
from payouts.services import decisions, dispatch, unit
from payouts.services.in_flight import Sending
from payouts.vault import seal_account
from tests.factories import PartnerFactory

_numbers = itertools.count(1)


def funded_partner(amount_minor: int = 1_000_000, currency: str = "EUR") -> Partner:
    """Return a partner with that much available."""
    return PartnerFactory(funded={currency: amount_minor})


IBAN = "NL91ABNA0417164300"


def make_payouts(
    partner: Partner, amounts: list[int], *, iban: str = IBAN, **fields: object
) -> list[Payout]:
    """Take in one batch of payouts; they wait for screening, funds reserved."""
    number = next(_numbers)
    currency = str(fields.get("currency", "EUR"))
    with unit.open(reason="test intake") as work:
        batch = Batch(
            partner=partner,
            reference=f"batch-{number}",
            currency=currency,
            item_count=len(amounts),
            accepted_count=len(amounts),
            accepted_minor=sum(amounts),
            created_at=work.now,
        )
        payouts = []
        for position, amount_minor in enumerate(amounts):
            payout = Payout(
                batch=batch,
                partner=partner,
                position=position,
                reference=f"r-{number}-{position}",
                amount_minor=amount_minor,
                currency=currency,
                recipient_name="Anna Jansen",
                recipient_country="NL",
                account_type="iban",
                account_bank="NLATLS",
                account_last4="4300",
                account_index=blind_index(f"iban:{number}:{position}"),
                rail="sepa_inst",
                due_at=work.now,
                deadline_at=work.now + timedelta(seconds=300),
                submitted_at=work.now,
                updated_at=work.now,
            )
            for name, value in fields.items():
                setattr(payout, name, value)
            payout.account_sealed = seal_account(payout.id, {"type": "iban", "iban": iban})
            payouts.append(payout)
        work.insert_batch(batch, payouts)
        work.post(postings.RESERVED, postings.reserved(payouts))
    return payouts


def ended(partner: Partner, count: int) -> None:
    """Give the partner so many payouts that were canceled."""
    with unit.open(reason="test") as work:
        for payout in work.lock(one.id for one in make_payouts(partner, [100] * count)):
            payout.cancel()
            work.change(payout)


def clear_all() -> int:
    """Let everything through screening."""
    return decisions.screen_waiting(lambda found: [decisions.Verdict(p.id, True) for p in found])


def hold_all() -> int:
    """Flag everything."""
    return decisions.screen_waiting(
        lambda found: [decisions.Verdict(p.id, False, "test rule") for p in found]
    )


def queued_payout(
    partner: Partner | None = None, amount_minor: int = 10_000, **fields: object
) -> Payout:
    """Return one payout that is cleared and due."""
    (payout,) = make_payouts(partner or funded_partner(), [amount_minor], **fields)
    clear_all()
    return fresh(payout)


def held_payout(partner: Partner | None = None, amount_minor: int = 10_000) -> Payout:
    """Return one payout in review."""
    (payout,) = make_payouts(partner or funded_partner(), [amount_minor])
    hold_all()
    return fresh(payout)


def sending(payout: Payout) -> Sending:
    """Claim this payout for sending, as a dispatcher does."""
    found = {s.payout.id: s for s in dispatch.claim([payout.rail], 100)}
    return found[payout.id]


def fresh(payout: Payout) -> Payout:
    """Read the payout again."""
    return Payout.objects.get(id=payout.id)


def make_due(*payouts: Payout) -> None:
    """Let what a payout waits for be due now."""
    with unit.open(reason="test time") as work:
        for payout in work.lock(p.id for p in payouts):
            payout.due_at = work.now
            payout.leased_until = None
            work.change(payout)


def age_attempt(attempt: Attempt, seconds: int) -> None:
    """Let an attempt have begun so long ago."""
    Attempt.objects.filter(id=attempt.id).update(
        started_at=timezone.now() - timedelta(seconds=seconds)
    )
