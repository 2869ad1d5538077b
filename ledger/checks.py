"""The proof that the books are sound: each check returns its first break, or None.

All read one snapshot, so that a running platform can be checked without stopping it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold: SQL that finds a row which breaks it, and how to say so."""

    name: str
    sql: str
    sentence: str


# Functions are compared by name and not by text: their bodies may gain a comment.
_TRIGGERS = {
    "ledger_account": {"ledger_account_append_only", "ledger_account_opened"},
    "ledger_journal": {
        "ledger_journal_append_only",
        "ledger_journal_unchanged",
        "ledger_journal_balanced",
    },
    "ledger_posting": {"ledger_posting_append_only", "ledger_posting_applied"},
    "ledger_balance": {"ledger_balance_derived", "ledger_balance_kept"},
}
TRIGGERS = sorted((table, name) for table, names in _TRIGGERS.items() for name in names)

CHECKS = (
    Check(
        "triggers",
        "SELECT w.tab, w.name FROM unnest(%(tables)s::text[], %(triggers)s::text[]) AS w(tab, name)"
        " LEFT JOIN pg_trigger t ON t.tgname = w.name AND t.tgrelid = w.tab::regclass"
        " WHERE t.tgenabled IS NULL OR t.tgenabled NOT IN ('O', 'A') ORDER BY 1, 2 LIMIT 1",
        "trigger {1} of {0} is missing or disabled",
    ),
    Check(
        "postings",
        "SELECT p.id, p.journal_id, p.account_id FROM ledger_posting p"
        " LEFT JOIN ledger_journal j ON j.id = p.journal_id"
        " LEFT JOIN ledger_account a ON a.id = p.account_id"
        " WHERE j.id IS NULL OR a.id IS NULL OR a.currency <> p.currency ORDER BY p.id LIMIT 1",
        "posting {0} (journal {1}, account {2}) has no journal, no account or the wrong currency",
    ),
    Check(
        "journals",
        "SELECT journal_id, reference, currency, sum(amount_minor) FROM ledger_posting"
        " GROUP BY journal_id, reference, currency HAVING sum(amount_minor) <> 0"
        " ORDER BY journal_id LIMIT 1",
        "journal {0} is off by {3} minor units of {2} for {1}",
    ),
    Check(
        "sealed",
        "SELECT j.id, j.is_sealed FROM ledger_journal j WHERE NOT j.is_sealed"
        " OR NOT EXISTS (SELECT FROM ledger_posting p WHERE p.journal_id = j.id)"
        " ORDER BY j.id LIMIT 1",
        "journal {0} has no postings or was never sealed",
    ),
    Check(
        "balances",
        "SELECT a.name, b.natural_total, p.total * a.sign"
        " FROM (SELECT id, name, CASE normal_side WHEN 'debit' THEN 1 ELSE -1 END AS sign"
        "  FROM ledger_account) a"
        " LEFT JOIN (SELECT account_id, sum(balance_minor) AS natural_total,"
        "  sum(debit_total) AS debits, sum(credit_total) AS credits"
        "  FROM ledger_balance GROUP BY account_id) b ON b.account_id = a.id"
        " LEFT JOIN (SELECT account_id, sum(amount_minor) AS total,"
        "  coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) AS debits,"
        "  coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0) AS credits"
        "  FROM ledger_posting GROUP BY account_id) p ON p.account_id = a.id"
        " WHERE (coalesce(b.natural_total, 0), coalesce(b.debits, 0), coalesce(b.credits, 0))"
        " <> (coalesce(p.total, 0) * a.sign, coalesce(p.debits, 0), coalesce(p.credits, 0))"
        " ORDER BY a.id LIMIT 1",
        "account {0} says {1}, its postings say {2}",
    ),
    Check(
        "trial_balance",
        "SELECT a.currency, sum(b.debit_total), sum(b.credit_total) FROM ledger_balance b"
        " JOIN ledger_account a ON a.id = b.account_id GROUP BY a.currency"
        " HAVING sum(b.debit_total) <> sum(b.credit_total) ORDER BY 1 LIMIT 1",
        "{0}: debits {1}, credits {2}",
    ),
    Check(
        "negative",
        "SELECT a.name, sum(b.balance_minor) FROM ledger_balance b"
        " JOIN ledger_account a ON a.id = b.account_id"
        " WHERE a.is_guarded OR a.name LIKE 'partner:%%' GROUP BY a.id"
        " HAVING sum(b.balance_minor) < 0 ORDER BY a.id LIMIT 1",
        "account {0} stands below zero: {1}",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `detail` is empty where it holds."""

    check: str
    detail: str = ""
    row: tuple[object, ...] = ()

    @property
    def holds(self) -> bool:
        """Say whether nothing breaks the check."""
        return not self.detail


def run(each: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """Run the checks in order up to the first break; `each` hears the name of the next one."""
    found: list[Finding] = []
    values = {
        "tables": [table for table, _ in TRIGGERS],
        "triggers": [name for _, name in TRIGGERS],
    }
    with _snapshot():
        for check in CHECKS:
            each(check.name)
            with connection.cursor() as cursor:
                cursor.execute(check.sql, values)
                row = cursor.fetchone()
            if row is not None:
                return [*found, Finding(check.name, check.sentence.format(*row), tuple(row))]
            found.append(Finding(check.name))
    return found


def counts() -> dict[str, int]:
    """Return how many accounts, journals and postings there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM ledger_account), (SELECT count(*) FROM ledger_journal),"
            " (SELECT count(*) FROM ledger_posting)"
        )
        return dict(zip(("accounts", "journals", "postings"), cursor.fetchone(), strict=True))


@contextmanager
def _snapshot() -> Iterator[None]:
    """Read one snapshot. Inside a caller's transaction (tests) its own is used as it is."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        yield
