"""Hits that an officer has found to be somebody else: they are kept as `safe_hits` and flag no
more."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from compliance.rules.names import HITS_MAX, Matcher, recipient_key
from payouts.models import Payout

EVERY = 100_000
# Holds while the list says of the party what it said when the officer looked.
_SAFE = """
SELECT s.partner_id, s.recipient_key, s.account_index, e.id
FROM compliance_safematch s
JOIN compliance_watchlistparty w ON w.id = s.party_id AND w.content_hash = s.party_hash
JOIN compliance_watchlistentry e ON e.party_id = w.id AND e.id = ANY(%s)
WHERE s.revoked_at IS NULL AND s.partner_id = ANY(%s) AND s.recipient_key = ANY(%s)
"""


def without_safe_hits(
    payouts: Sequence[Payout], found: dict[str, dict[str, Any]], matcher: Matcher
) -> None:
    """Move the safe ones among each payout's `watch_hits` to `safe_hits`. One statement, and none
    where nobody has a hit; another where the safe ones may have kept others from being shown."""
    hit = [payout for payout in payouts if found[payout.id]["watch_hits"]]
    for payout in payouts:
        found[payout.id]["safe_hits"] = ()
    _move(hit, found)
    crowded = [payout for payout in hit if _is_crowded(found[payout.id])]
    for payout in crowded:
        found[payout.id].update(watch_hits=matcher.hits(payout.recipient_name, EVERY), safe_hits=())
    _move(crowded, found)
    for payout in crowded:
        facts = found[payout.id]
        facts["watch_hits"] = facts["watch_hits"][:HITS_MAX]
        facts["safe_hits"] = facts["safe_hits"][:HITS_MAX]


def _is_crowded(facts: dict[str, Any]) -> bool:
    return bool(facts["safe_hits"]) and len(facts["safe_hits"] + facts["watch_hits"]) >= HITS_MAX


def _move(hit: Sequence[Payout], found: dict[str, dict[str, Any]]) -> None:
    if not hit:
        return
    entries = {one["entry_id"] for payout in hit for one in found[payout.id]["watch_hits"]}
    with connection.cursor() as cursor:
        cursor.execute(
            _SAFE,
            [
                sorted(entries),
                sorted({payout.partner_id for payout in hit}),
                sorted({recipient_key(payout.recipient_name) for payout in hit}),
            ],
        )
        safe = {(row[0], row[1], bytes(row[2]), row[3]) for row in cursor.fetchall()}
    if not safe:
        return
    for payout in hit:
        facts = found[payout.id]
        name_key, account = recipient_key(payout.recipient_name), bytes(payout.account_index)
        mine = (payout.partner_id, name_key, account)
        facts["safe_hits"] = tuple(
            one for one in facts["watch_hits"] if (*mine, one["entry_id"]) in safe
        )
        facts["watch_hits"] = tuple(
            one for one in facts["watch_hits"] if (*mine, one["entry_id"]) not in safe
        )
