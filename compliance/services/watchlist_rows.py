"""The rows of an import: staged by COPY in a table of the session's own, compared and written by
one statement a step. Called by `services.watchlists` alone, inside its transaction."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.db import connection

from compliance.importers.listed import ListedParty

# The copy lasts as long as the files are read, and a first import writes all rows at once; the
# limit of statements that serve requests is too short for either.
_STAGE = """
SET LOCAL statement_timeout = '30min';
DROP TABLE IF EXISTS pg_temp.incoming_party;
CREATE TEMP TABLE incoming_party (
    line integer, subject text COLLATE "C", kind text, programs text[], countries text[],
    birth_dates text[], addresses text[], remarks text, content_hash text, names text[], weak text[]
) ON COMMIT DROP
"""
# Whatever the planner believes of tables that were empty a moment ago, it finds these rows quickly.
_INDEX = "CREATE INDEX ON incoming_party (subject); ANALYZE incoming_party"
_COPY = "COPY incoming_party FROM STDIN"
_TYPES = ["int4", *["text"] * 2, *["text[]"] * 4, *["text"] * 2, *["text[]"] * 2]
PROGRESS_EACH = 5_000

_TWICE = """
SELECT subject, (array_agg(line ORDER BY line))[1:2] FROM incoming_party
GROUP BY subject HAVING count(*) > 1 ORDER BY min(line) LIMIT 20
"""
_COUNTS = """
SELECT count(*), coalesce(sum(cardinality(i.names) + cardinality(i.weak)), 0),
    count(*) FILTER (WHERE p.id IS NULL OR p.removed_in IS NOT NULL),
    count(*) FILTER (WHERE p.id IS NOT NULL AND p.removed_in IS NULL
        AND p.content_hash <> i.content_hash)
FROM incoming_party i
LEFT JOIN compliance_watchlistparty p ON p.watchlist_id = %s AND p.subject = i.subject
"""
_LIVE = """
SELECT count(DISTINCT p.id), count(e.id) FROM compliance_watchlistparty p
LEFT JOIN compliance_watchlistentry e ON e.party_id = p.id AND e.removed_in IS NULL
WHERE p.watchlist_id = %s AND p.removed_in IS NULL
"""
_GONE = """
SELECT count(*) FROM compliance_watchlistparty p
WHERE p.watchlist_id = %s AND p.removed_in IS NULL
    AND NOT EXISTS (SELECT 1 FROM incoming_party i WHERE i.subject = p.subject)
"""

_ADD_PARTIES = """
INSERT INTO compliance_watchlistparty (watchlist_id, subject, kind, programs, countries,
    birth_dates, addresses, remarks, content_hash, added_in, changed_in)
SELECT %(code)s, i.subject, i.kind, i.programs, i.countries, i.birth_dates, i.addresses, i.remarks,
    i.content_hash, %(revision)s, %(revision)s
FROM incoming_party i
WHERE NOT EXISTS (SELECT 1 FROM compliance_watchlistparty p
    WHERE p.watchlist_id = %(code)s AND p.subject = i.subject)
ORDER BY i.line
"""
# Written before the parties are: it compares what they were with what they will be.
_ADD_CHANGES = """
INSERT INTO compliance_watchlistchange (at_import_id, party_id, kind, before, after)
SELECT %(import_id)s, p.id, 'added', '{}'::jsonb, '{}'::jsonb
FROM compliance_watchlistparty p JOIN incoming_party i ON i.subject = p.subject
WHERE p.watchlist_id = %(code)s AND (p.added_in = %(revision)s OR p.removed_in IS NOT NULL)
UNION ALL
SELECT %(import_id)s, p.id, 'removed', '{}', '{}' FROM compliance_watchlistparty p
WHERE p.watchlist_id = %(code)s AND p.removed_in IS NULL
    AND NOT EXISTS (SELECT 1 FROM incoming_party i WHERE i.subject = p.subject)
UNION ALL
SELECT %(import_id)s, p.id, 'changed',
    (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(d.was)
        WHERE d.will -> key IS DISTINCT FROM value),
    (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(d.will)
        WHERE d.was -> key IS DISTINCT FROM value)
FROM compliance_watchlistparty p JOIN incoming_party i ON i.subject = p.subject
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(e.name ORDER BY e.is_primary DESC, e.name COLLATE "C")
            FILTER (WHERE e.strength = 'strong'), '{}') AS names,
        coalesce(array_agg(e.name ORDER BY e.name COLLATE "C")
            FILTER (WHERE e.strength = 'weak'), '{}') AS weak
    FROM compliance_watchlistentry e WHERE e.party_id = p.id AND e.removed_in IS NULL
) n
CROSS JOIN LATERAL (
    SELECT jsonb_build_object('kind', p.kind, 'programs', p.programs, 'countries', p.countries,
            'birth_dates', p.birth_dates, 'addresses', p.addresses, 'remarks', p.remarks,
            'names', n.names, 'weak_names', n.weak) AS was,
        jsonb_build_object('kind', i.kind, 'programs', i.programs, 'countries', i.countries,
            'birth_dates', i.birth_dates, 'addresses', i.addresses, 'remarks', i.remarks,
            'names', i.names, 'weak_names', i.weak) AS will
) d
WHERE p.watchlist_id = %(code)s AND p.removed_in IS NULL AND p.added_in <> %(revision)s
    AND p.content_hash <> i.content_hash
"""
_CHANGE_PARTIES = """
UPDATE compliance_watchlistparty p SET kind = i.kind, programs = i.programs,
    countries = i.countries, birth_dates = i.birth_dates, addresses = i.addresses,
    remarks = i.remarks, content_hash = i.content_hash, changed_in = %(revision)s, removed_in = NULL
FROM incoming_party i
WHERE p.watchlist_id = %(code)s AND p.subject = i.subject AND p.added_in <> %(revision)s
    AND (p.removed_in IS NOT NULL OR p.content_hash <> i.content_hash)
"""
_END_PARTIES = """
UPDATE compliance_watchlistparty p SET removed_in = %(revision)s
WHERE p.watchlist_id = %(code)s AND p.removed_in IS NULL
    AND NOT EXISTS (SELECT 1 FROM incoming_party i WHERE i.subject = p.subject)
"""
_STAGE_NAMES = """
DROP TABLE IF EXISTS pg_temp.incoming_name;
CREATE TEMP TABLE incoming_name ON COMMIT DROP AS
SELECT p.id AS party_id, n.name, n.place = 1 AS is_primary, 'strong' AS strength
FROM incoming_party i
JOIN compliance_watchlistparty p ON p.watchlist_id = %(code)s AND p.subject = i.subject
    AND p.changed_in = %(revision)s
CROSS JOIN LATERAL unnest(i.names) WITH ORDINALITY AS n(name, place)
UNION ALL
SELECT p.id, w.name, false, 'weak' FROM incoming_party i
JOIN compliance_watchlistparty p ON p.watchlist_id = %(code)s AND p.subject = i.subject
    AND p.changed_in = %(revision)s
CROSS JOIN LATERAL unnest(i.weak) AS w(name);
CREATE INDEX ON incoming_name (party_id);
ANALYZE incoming_name
"""
_END_NAMES = """
UPDATE compliance_watchlistentry e SET removed_in = %(revision)s
FROM compliance_watchlistparty p
WHERE p.id = e.party_id AND p.watchlist_id = %(code)s AND e.removed_in IS NULL
    AND (p.removed_in IS NOT NULL OR (p.changed_in = %(revision)s AND NOT EXISTS (
        SELECT 1 FROM incoming_name n WHERE n.party_id = e.party_id AND n.name = e.name
            AND n.strength = e.strength AND n.is_primary = e.is_primary)))
"""
_ADD_NAMES = """
INSERT INTO compliance_watchlistentry (party_id, name, is_primary, strength, added_in)
SELECT n.party_id, n.name, n.is_primary, n.strength, %(revision)s FROM incoming_name n
WHERE NOT EXISTS (SELECT 1 FROM compliance_watchlistentry e
    WHERE e.party_id = n.party_id AND e.name = n.name AND e.removed_in IS NULL)
ORDER BY n.party_id, n.is_primary DESC, n.name
"""


class Counts(NamedTuple):
    """What the files hold and would change, beside what the list has now."""

    parties: int
    names: int
    added: int
    changed: int
    removed: int
    live_parties: int
    live_names: int


def stage(parties: Iterable[ListedParty], progress: Callable[[int], None]) -> int:
    """Copy the parties as they are read into the staging table; return how many."""
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for count, party in enumerate(parties, 1):
                copy.write_row(
                    (
                        party.line,
                        party.subject,
                        party.kind,
                        list(party.programs),
                        list(party.countries),
                        list(party.birth_dates),
                        list(party.addresses),
                        party.remarks,
                        party.content_hash,
                        list(party.names),
                        list(party.weak),
                    )
                )
                if count % PROGRESS_EACH == 0:
                    progress(count)
        cursor.execute(_INDEX)
    return count


def listed_twice() -> list[tuple[str, int, int]]:
    """Return ids that stand in the files twice: (id, first line, second line)."""
    with connection.cursor() as cursor:
        cursor.execute(_TWICE)
        return [(subject, lines[0], lines[1]) for subject, lines in cursor.fetchall()]


def count(code: str) -> Counts:
    """Compare the staged parties with the list's own."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [code])
        parties, names, added, changed = cursor.fetchone()
        cursor.execute(_GONE, [code])
        (removed,) = cursor.fetchone()
        cursor.execute(_LIVE, [code])
        live_parties, live_names = cursor.fetchone()
    return Counts(parties, int(names), added, changed, removed, live_parties, live_names)


def apply(code: str, *, revision: int, import_id: int) -> int:
    """Write the staged parties as this revision; return how many names are new.

    The caller holds the list's row, so that nobody else writes it.
    """
    values: dict[str, Any] = {"code": code, "revision": revision, "import_id": import_id}
    with connection.cursor() as cursor:
        for statement in (
            _ADD_PARTIES,
            _ADD_CHANGES,
            _CHANGE_PARTIES,
            _END_PARTIES,
            _STAGE_NAMES,
            _END_NAMES,
        ):
            cursor.execute(statement, values)
        cursor.execute(_ADD_NAMES, values)
        return int(cursor.rowcount)
