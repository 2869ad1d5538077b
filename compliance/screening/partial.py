"""A matcher over some of the listed names only: those that are new since given revisions."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.db import connection

from compliance.rules.names import Listed, Matcher, TokenMatcher

NAMES_KEPT = 65_536

# Names added later, of lists in use; and all names of parties that changed later where an officer's
# "another person" rested on what was said of them before.
_NEW = """
SELECT p.watchlist_id, e.id, e.name
FROM compliance_watchlistentry e
JOIN compliance_watchlistparty p ON p.id = e.party_id
JOIN compliance_watchlist w ON w.code = p.watchlist_id AND w.is_active
JOIN unnest(%s::text[], %s::int[]) AS s(code, revision) ON s.code = w.code
WHERE e.removed_in IS NULL AND (e.added_in > s.revision OR (p.changed_in > s.revision
    AND EXISTS (SELECT 1 FROM compliance_safematch m WHERE m.party_id = p.id
        AND m.revoked_at IS NULL AND m.party_hash <> p.content_hash)))
ORDER BY e.id
"""


class NewNames:
    """The names by entry id, an index over them, and the answers for recipients seen lately: the
    same ones are paid again and again."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self.entry_ids = frozenset(each.entry_id for each in listed)
        self._matcher: Matcher = TokenMatcher(listed)
        self.resembled_by = lru_cache(maxsize=NAMES_KEPT)(self._resembled_by)

    def _resembled_by(self, name: str) -> bool:
        return bool(self._matcher.hits(name))


def new_names(since: Mapping[str, int]) -> NewNames:
    """Index the names that lists got after these revisions, lists not named left out. One query;
    building takes as long as the names are many."""
    codes = sorted(since)
    with connection.cursor() as cursor:
        cursor.execute(_NEW, [codes, [since[code] for code in codes]])
        return NewNames([Listed(*row) for row in cursor.fetchall()])
