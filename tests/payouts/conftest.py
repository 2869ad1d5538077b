"""A sandbox bank for tests that need one; it starts when the first of them asks."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from atlaspay.core import context
from partners.models import Partner
from payouts.rails import registry
from payouts.services import banking, reconciliation
from payouts.services.funding import fund_partner
from payouts.services.reconciliation import breaks
from tests.factories import PartnerFactory
from tests.payouts.reconciling import FULL
from tests.simulator.bankproc import API_KEY, SECRET, BankProcess

_OPENING = {"EUR": "acct_eur:1", "USD": "acct_usd:1", "GBP": "acct_gbp:1"}


@pytest.fixture(scope="session")
def bank_process() -> Iterator[BankProcess]:
    with BankProcess() as process:
        yield process


@pytest.fixture
def bank(bank_process: BankProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[BankProcess]:
    """An empty bank that our rails talk to; what it does not show is missing at once."""
    bank_process.sim("reset", {})
    built = registry.build(
        {
            "SANDBOX_ENABLED": True,
            "SANDBOX_BANK_URL": bank_process.url,
            "SANDBOX_BANK_API_KEY": API_KEY,
            "SANDBOX_BANK_WEBHOOK_SECRET": SECRET,
        }
    )
    monkeypatch.setattr(banking, "rails", lambda: built)
    monkeypatch.setattr(breaks, "MISSING_AFTER", timedelta(0))
    with context.bind(actor="system:reconcile"):
        yield bank_process


@pytest.fixture
def partner(bank: BankProcess) -> Partner:
    """All the bank's money is this partner's, booked by the references of its entries."""
    partner = PartnerFactory()
    for currency, reference in _OPENING.items():
        fund_partner(partner.id, amount_minor=FULL, currency=currency, reference=reference)
    assert reconciliation.reconcile().open_by_kind == {}
    return partner
