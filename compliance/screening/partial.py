"""A matcher over some of the listed names only: those that are new since given revisions."""

from collections.abc import Iterable, Mapping

from django.db import connection

from compliance.rules.names import NameMatcher
from compliance.screening import live

# Distinct names remembered, some 50 MB; beyond it a name is compared again each time it comes.
NAMES_KEPT = 400_000

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
    """The names by entry id, an index over them that scores as the whole lists do, and who was
    found to resemble none: the same recipients are paid again and again."""

    def __init__(self, entry_ids: Iterable[int]) -> None:
        self.entry_ids = frozenset(entry_ids)
        whole = live.lists().matcher
        if not isinstance(whole, NameMatcher):
            raise TypeError("the lists' matcher cannot be asked about some names alone")
        self._matcher = whole.part(self.entry_ids)
        self._strangers: set[str] = set()

    def resembled_by(self, name: str) -> bool:
        """Say whether a recipient's name resembles any of them."""
        if name in self._strangers:
            return False
        if self._matcher.hits(name):
            return True
        if len(self._strangers) < NAMES_KEPT:
            self._strangers.add(name)
        return False


def new_names(since: Mapping[str, int]) -> NewNames:
    """Index the names that lists got after these revisions, lists not named left out. A query and
    the lists' index; takes as long as the names are many."""
    codes = sorted(since)
    with connection.cursor() as cursor:
        cursor.execute(_NEW, [codes, [since[code] for code in codes]])
        return NewNames(entry_id for (entry_id,) in cursor.fetchall())
