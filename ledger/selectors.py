"""Reads of the books. Balances come from the shard rows, which the same transaction keeps exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet, Sum

from ledger.models import Account, Balance, Posting


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting as people read it. `amount_minor`: debit above zero; `change_minor`: in the
    account's natural sign.
    """

    id: int
    journal_id: int
    kind: str
    account: str
    amount_minor: int
    change_minor: int
    currency: str
    reference: str
    narration: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """Debits and credits of one currency; equal in sound books."""

    debit_minor: int
    credit_minor: int


def balance(name: str) -> int:
    """Return the natural balance of an account in minor units; 0 where it has none yet."""
    return (
        Balance.objects.filter(account__name=name).aggregate(total=Sum("balance_minor"))["total"]
        or 0
    )


def balances(prefix: str) -> dict[str, int]:
    """Return natural balances by account name, of all accounts whose name begins with `prefix`."""
    rows = Account.objects.filter(name__startswith=prefix).annotate(
        total=Sum("balances__balance_minor")
    )
    return {name: total or 0 for name, total in rows.order_by("name").values_list("name", "total")}


def lines(reference: str) -> list[Entry]:
    """Return the postings of one reference, oldest first."""
    return _entries(Posting.objects.filter(reference=reference).order_by("id"))


def entries(names: Sequence[str], *, before_id: int | None = None, limit: int = 50) -> list[Entry]:
    """Return one page of the postings of some accounts, newest first; the next page begins before
    the last id.
    """
    account_ids = list(Account.objects.filter(name__in=names).values_list("id", flat=True))
    found = Posting.objects.filter(account_id__in=account_ids)
    if before_id is not None:
        found = found.filter(id__lt=before_id)
    return _entries(found.order_by("-id")[:limit])


def trial_balance() -> dict[str, Totals]:
    """Return debits and credits per currency over all accounts."""
    rows = Balance.objects.values(currency=F("account__currency")).annotate(
        debit=Sum("debit_total"), credit=Sum("credit_total")
    )
    return {
        row["currency"]: Totals(row["debit"], row["credit"]) for row in rows.order_by("currency")
    }


def _entries(found: QuerySet[Posting]) -> list[Entry]:
    made = []
    for row in found.select_related("journal", "account"):
        natural = (
            row.amount_minor if row.account.normal_side == Account.Side.DEBIT else -row.amount_minor
        )
        made.append(
            Entry(
                row.id,
                row.journal_id,
                row.journal.kind,
                row.account.name,
                row.amount_minor,
                natural,
                row.currency,
                row.reference,
                row.journal.narration,
                row.created_at,
            )
        )
    return made
