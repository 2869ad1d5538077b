"""What went to the accounts of a chunk before: counts and sums over windows, twins, whether it is
the first payout.

One statement. The rows are capped and come in the index's own order (ordering by id too would sort
all of them), so that an account with a hundred thousand payouts costs no more than one with two
hundred.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from atlaspay.core.sets import array
from compliance.rules.facts import WINDOW_CAP
from compliance.rules.needs import Needs
from compliance.rules.windows import text_of

MOVED = "state NOT IN ('failed', 'canceled')"


def account_facts(ids: Sequence[str], needs: Needs) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each payout's id with what its account's past says, as of when it was submitted.

    (submitted_at, id) orders a batch's own items as well.
    """
    windows, twins = sorted(needs.account_windows), sorted(needs.twin_windows)
    columns = [
        (f"account_{name}", expression) for hours in windows for name, expression in counted(hours)
    ]
    columns += [(f"twin_{text_of(hours)}", _twin(hours)) for hours in twins]
    if not columns and not needs.first_to_account:
        return
    widest = max([*windows, *twins], default=0)
    names = [name for name, _ in columns]
    outer = [f"w.{name}" for name in names]
    joins = ""
    for hours in twins:
        text = text_of(hours)
        joins += _overtaken(text, hours)
        outer[names.index(f"twin_{text}")] = f"coalesce(nullif(w.twin_{text}, ''), o{text}.id, '')"
        joins += f" LEFT JOIN payouts_payout t{text} ON t{text}.id ="
        joins += f" coalesce(nullif(w.twin_{text}, ''), o{text}.id)"
        outer.append(f"coalesce(t{text}.batch_id, '')")
        names.append(f"twin_batch_{text}")
    if needs.first_to_account:
        seen = "NOT w.is_seen AND" if columns else ""
        outer.append(f"{seen} NOT EXISTS ({_EARLIER})")
        names.append("is_first_to_account")
    inner = _lateral(columns, widest) if columns else ""
    sql = f"""SELECT p.id, {", ".join(outer)}
        FROM payouts_payout p {inner}{joins} WHERE p.id = ANY(%s::text[])"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [array(ids)])
        for row in cursor.fetchall():
            yield row[0], dict(zip(names, row[1:], strict=True))


# One that was refused or canceled made nobody acquainted.
_EARLIER = f"""SELECT 1 FROM payouts_payout q
    WHERE q.account_index = p.account_index AND q.submitted_at < p.submitted_at
        AND q.{MOVED}"""  # noqa: S608


def counted(hours: int) -> list[tuple[str, str]]:
    """Return name and expression of a window's count and sum; the name lacks its subject."""
    inside = f"q.submitted_at > p.submitted_at - interval '{hours} hours'"
    text = text_of(hours)
    return [
        (f"count_{text}", f"count(*) FILTER (WHERE {inside})"),
        (
            f"sum_{text}",
            "coalesce(sum(q.amount_minor)"
            f" FILTER (WHERE q.currency = p.currency AND {inside}), 0)::bigint",
        ),
    ]


def _twin(hours: int) -> str:
    return f"""coalesce(min(q.id) FILTER (
        WHERE q.amount_minor = p.amount_minor AND q.currency = p.currency
            AND q.partner_id = p.partner_id AND q.batch_id <> p.batch_id
            AND q.submitted_at > p.submitted_at - interval '{hours} hours'), '')"""


def _overtaken(text: str, hours: int) -> str:
    """Return a join over the twin that was taken in later but let go earlier: a large batch takes
    its time, and a small one sent meanwhile could not see it. The partner is compared so that no
    index is: a partner the statistics do not know yet was read whole for each payout."""
    return f"""
    LEFT JOIN LATERAL (
        SELECT q.id FROM payouts_payout q
        WHERE q.account_index = p.account_index AND q.submitted_at >= p.submitted_at
            AND q.submitted_at < least(p.submitted_at + interval '{hours} hours',
                coalesce(p.screened_at, clock_timestamp()))
            AND q.amount_minor = p.amount_minor AND q.currency = p.currency
            AND (q.partner_id = p.partner_id) IS TRUE AND q.batch_id <> p.batch_id
            AND (q.submitted_at, q.id) > (p.submitted_at, p.id)
            AND q.screened_at < coalesce(p.screened_at, clock_timestamp())
            AND q.state IN ('queued', 'sending', 'sent', 'settled')
        ORDER BY q.submitted_at LIMIT 1
    ) o{text} ON true"""  # noqa: S608


def _lateral(columns: list[tuple[str, str]], widest: int) -> str:
    chosen = ", ".join(f"{expression} AS {name}" for name, expression in columns)
    return f"""CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS is_seen, {chosen}
    FROM (
        SELECT id, amount_minor, currency, partner_id, batch_id, submitted_at FROM payouts_payout
        WHERE account_index = p.account_index
            AND submitted_at > p.submitted_at - interval '{widest} hours'
            AND submitted_at <= p.submitted_at AND (submitted_at, id) < (p.submitted_at, p.id)
            AND {MOVED}
        ORDER BY submitted_at DESC LIMIT {WINDOW_CAP}
    ) q
) w"""  # noqa: S608
