"""What the ledger refuses."""

from atlaspay.core.errors import AtlasError, ProblemError
from atlaspay.core.money import display


class LedgerError(AtlasError):
    """A posting the books do not take: a fault of the calling code, never of a partner's input."""


class UnknownAccountError(LedgerError):
    """A name outside the chart of accounts."""


class UnbalancedJournalError(LedgerError):
    """Debits and credits differ in a currency, or for one reference."""


class InsufficientFundsError(ProblemError):
    """A guarded account would have gone below zero; nothing was posted.

    The transaction in which the database refused is broken and must be rolled back.
    """

    status = 422
    code = "insufficient_funds"
    title = "The available balance is too small"

    def __init__(
        self, account: str, *, currency: str, available_minor: int, shortfall_minor: int
    ) -> None:
        required_minor = available_minor + shortfall_minor
        super().__init__(
            f"{display(required_minor, currency)} are needed and"
            f" {display(available_minor, currency)} are available:"
            f" {display(shortfall_minor, currency)} short. Fund the balance, or send less.",
            extra={
                "currency": currency,
                "required_minor": required_minor,
                "available_minor": available_minor,
                "shortfall_minor": shortfall_minor,
            },
        )
        self.account = account
        self.currency = currency
        self.available_minor = available_minor
        self.shortfall_minor = shortfall_minor
