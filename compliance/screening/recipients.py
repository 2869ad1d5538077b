"""What a partner paid to the same recipient before, by name: counts and sums over windows, since
when, and whether the account is a new one."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection

from atlaspay.core.sets import array
from compliance.rules.facts import WINDOW_CAP
from compliance.rules.needs import Needs
from compliance.rules.windows import text_of
from compliance.screening.accounts import MOVED, counted
from payouts.models import Payout

_REMEMBER = """
INSERT INTO compliance_recipientseen (payout_id, recipient_key, submitted_at)
SELECT s.payout_id, s.recipient_key, p.submitted_at
FROM unnest(%s::text[], %s::bigint[]) AS s(payout_id, recipient_key)
JOIN payouts_payout p ON p.id = s.payout_id
ON CONFLICT DO NOTHING
"""
_COLUMNS = "q.id, q.amount_minor, q.currency, q.account_index, q.submitted_at"
_BEFORE = """compliance_recipientseen s JOIN payouts_payout q ON q.id = s.payout_id
    WHERE s.recipient_key = k.recipient_key AND s.submitted_at <= p.submitted_at
        AND (s.submitted_at, s.payout_id) < (p.submitted_at, p.id)"""


@lru_cache(maxsize=16_384)
def trail_key(partner_id: str, name: str) -> int:
    """Return the 64 bits a partner's recipient is found by: the name without case, width and
    doubled spaces. Never change this: stored rows were made with it."""
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    digest = hashlib.blake2b(f"{partner_id}\n{folded}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def remember(payouts: Sequence[Payout]) -> None:
    """Keep whom these payouts go to, so that later ones find them. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, _keys(payouts))


def recipient_facts(
    payouts: Sequence[Payout], needs: Needs
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each payout's id with what its recipient's past says, as of when it was submitted.

    One statement. Sees payouts that were screened before or together with these ones.
    """
    windows, moves = sorted(needs.recipient_windows), sorted(needs.destination_windows)
    if not (windows or moves or needs.recipient_age):
        return
    outer: list[str] = []
    joins = ""
    names: list[str] = []
    if windows:
        columns = [one for hours in windows for one in counted(hours)]
        chosen = ", ".join(f"{expression} AS {name}" for name, expression in columns)
        joins += _lateral("w", chosen, since=max(windows))
        outer += [f"w.{name}" for name, _ in columns]
        names += [f"recipient_{name}" for name, _ in columns]
    for hours in moves:
        text = text_of(hours)
        joins += _lateral(f"old{text}", _OTHERS, until=hours)
        joins += _lateral(f"new{text}", _OTHERS, since=hours)
        outer.append(
            f"NOT coalesce(old{text}.is_same, false)"
            f" AND coalesce(old{text}.other_id, new{text}.other_id) IS NOT NULL"
        )
        names.append(f"destination_changed_{text}")
    if moves:
        last = text_of(moves[-1])
        outer.append(f"coalesce(new{last}.other_id, old{last}.other_id, '')")
        names.append("destination_before")
    if needs.recipient_age:
        outer.append(_AGE)
        names.append("recipient_age_days")
    sql = f"""SELECT p.id, {", ".join(outer)}
        FROM unnest(%s::text[], %s::bigint[]) AS k(id, recipient_key)
        JOIN payouts_payout p ON p.id = k.id {joins}"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, _keys(payouts))
        for row in cursor.fetchall():
            yield row[0], dict(zip(names, row[1:], strict=True))


_OTHERS = """bool_or(q.account_index = p.account_index) AS is_same,
    max(q.id) FILTER (WHERE q.account_index <> p.account_index) AS other_id"""
_AGE = f"""coalesce((
    SELECT floor(extract(epoch FROM p.submitted_at - s.submitted_at) / 86400)::int
    FROM {_BEFORE} AND q.{MOVED} ORDER BY s.submitted_at LIMIT 1), 0)"""  # noqa: S608


def _lateral(name: str, chosen: str, *, since: int = 0, until: int = 0) -> str:
    """Return a join over the recipient's latest payouts, `since` or `until` so many hours ago."""
    bound = (
        f"s.submitted_at > p.submitted_at - interval '{since} hours'"
        if since
        else f"s.submitted_at <= p.submitted_at - interval '{until} hours'"
    )
    return f"""
        CROSS JOIN LATERAL (SELECT {chosen} FROM (
            SELECT {_COLUMNS} FROM {_BEFORE} AND {bound} AND q.{MOVED}
            ORDER BY s.submitted_at DESC LIMIT {WINDOW_CAP}
        ) q) {name}"""  # noqa: S608 - names of ours only


def _keys(payouts: Sequence[Payout]) -> list[str]:
    return [
        array([payout.id for payout in payouts]),
        array([trail_key(payout.partner_id, payout.recipient_name) for payout in payouts]),
    ]
