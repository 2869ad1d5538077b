"""The facts of a chunk of payouts, by one statement for the accounts and one for the partners, if a
rule asks."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from compliance.rules.facts import ACCOUNT_WINDOW_CAP, Facts
from compliance.rules.names import Matcher
from payouts.models import Payout

WINDOW = "24 hours"

# What came to the same account before this payout: (submitted_at, id) orders a batch's own items as
# well. The rows are capped and come in the index's own order (ordering by id too would sort all of
# them), so that an account with a hundred thousand payouts costs no more than one with a hundred.
_ACCOUNTS = f"""
SELECT p.id, w.seen_count, w.seen_minor, w.twin_id, t.batch_id,
    w.seen_count = 0 AND NOT EXISTS (
        SELECT 1 FROM payouts_payout q
        WHERE q.account_index = p.account_index AND q.submitted_at < p.submitted_at)
FROM payouts_payout p
CROSS JOIN LATERAL (
    SELECT count(*) AS seen_count,
        coalesce(sum(q.amount_minor) FILTER (WHERE q.currency = p.currency), 0) AS seen_minor,
        min(q.id) FILTER (WHERE q.amount_minor = p.amount_minor AND q.currency = p.currency
            AND q.partner_id = p.partner_id AND q.batch_id <> p.batch_id) AS twin_id
    FROM (
        SELECT id, amount_minor, currency, partner_id, batch_id FROM payouts_payout
        WHERE account_index = p.account_index
            AND submitted_at > p.submitted_at - interval '{WINDOW}'
            AND submitted_at <= p.submitted_at AND (submitted_at, id) < (p.submitted_at, p.id)
            AND state NOT IN ('failed', 'canceled')
        ORDER BY submitted_at DESC LIMIT {ACCOUNT_WINDOW_CAP}
    ) q
) w
LEFT JOIN payouts_payout t ON t.id = w.twin_id
WHERE p.id = ANY(%s)
"""  # noqa: S608 - constants only

# Counted up to the chunk's end, not to each payout: order inside a chunk says nothing of a day.
_PARTNERS = f"""
SELECT partner_id, currency, count(*), sum(amount_minor) FROM payouts_payout
WHERE partner_id = ANY(%s) AND submitted_at > %s - interval '{WINDOW}' AND NOT id = ANY(%s)
    AND state NOT IN ('failed', 'canceled')
GROUP BY partner_id, currency
"""  # noqa: S608 - constants only


class _Account(NamedTuple):
    seen_count: int
    seen_minor: int
    twin_id: str | None
    twin_batch_id: str | None
    is_first: bool


def gather(payouts: Sequence[Payout], matcher: Matcher, *, with_partners: bool) -> list[Facts]:
    """Return the facts of each payout in the order given. Reads only; two statements at most."""
    ids = [payout.id for payout in payouts]
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [ids])
        accounts = {row[0]: _Account(*row[1:]) for row in cursor.fetchall()}
        partners: dict[tuple[str, str], tuple[int, int]] = {}
        if with_partners and payouts:
            latest = max(payout.submitted_at for payout in payouts)
            partner_ids = sorted({payout.partner_id for payout in payouts})
            cursor.execute(_PARTNERS, [partner_ids, latest, ids])
            partners = {(row[0], row[1]): (row[2], int(row[3])) for row in cursor.fetchall()}
    made = []
    for payout in payouts:
        account = accounts[payout.id]
        partner_count, partner_minor = partners.get((payout.partner_id, payout.currency), (0, 0))
        made.append(
            Facts(
                payout_id=payout.id,
                partner_id=payout.partner_id,
                amount_minor=payout.amount_minor,
                currency=payout.currency,
                recipient_name=payout.recipient_name,
                recipient_country=payout.recipient_country,
                account_seen_count=account.seen_count,
                account_seen_minor=int(account.seen_minor),
                is_first_to_account=account.is_first,
                twin_id=account.twin_id or "",
                twin_batch_id=account.twin_batch_id or "",
                partner_seen_count=partner_count,
                partner_seen_minor=partner_minor,
                watch_hits=matcher.hits(payout.recipient_name),
            )
        )
    return made
