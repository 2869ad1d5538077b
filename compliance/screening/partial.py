"""A matcher over some of the listed names only: those that are new since given revisions."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from django.db import connection

from compliance.rules.names import NameMatcher
from compliance.screening import live

NAMES_KEPT = 65_536

# Names added later, of lists in use; and all names of parties that changed later where an officer's
# "another person" rested on what was said of them before.
_NEW = """
SELECT e.id FROM compliance_watchlistentry e
JOIN compliance_watchlistparty p ON p.id = e.party_id
JOIN compliance_watchlist w ON w.code = p.watchlist_id AND w.is_active
JOIN unnest(%s::text[], %s::int[]) AS s(code, revision) ON s.code = w.code
WHERE e.removed_in IS NULL AND (e.added_in > s.revision OR (p.changed_in > s.revision
    AND EXISTS (SELECT 1 FROM compliance_safematch m WHERE m.party_id = p.id
        AND m.revoked_at IS NULL AND m.party_hash <> p.content_hash)))
ORDER BY e.id
"""


class NewNames:
    """The names by entry id, an index over them that scores as the whole lists do, and the answers
    for recipients seen lately: the same ones are paid again and again."""

    def __init__(self, entry_ids: Iterable[int]) -> None:
        self.entry_ids = frozenset(entry_ids)
        whole = live.lists().matcher
        if not isinstance(whole, NameMatcher):
            raise TypeError("the lists' matcher cannot be asked about some names alone")
        self._matcher = whole.part(self.entry_ids)
        self.resembled_by = lru_cache(maxsize=NAMES_KEPT)(self._resembled_by)

    def _resembled_by(self, name: str) -> bool:
        return bool(self._matcher.hits(name))


def new_names(since: Mapping[str, int]) -> NewNames:
    """Index the names that lists got after these revisions, lists not named left out. A query and
    the lists' index; takes as long as the names are many."""
    codes = sorted(since)
    with connection.cursor() as cursor:
        cursor.execute(_NEW, [codes, [since[code] for code in codes]])
        return NewNames(entry_id for (entry_id,) in cursor.fetchall())
