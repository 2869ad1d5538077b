"""Proof that everything flagged was decided or still waits, and that no payout moved unseen.

Reads only. Each check names the first row that breaks it.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from compliance.services import chain
from payouts.machine import LEGAL_MOVES

_COUNTS = """
SELECT count(*), count(*) FILTER (WHERE state IN ('open', 'second')),
    count(*) FILTER (WHERE state = 'decided'),
    count(*) FILTER (WHERE state = 'withdrawn'), (SELECT count(*) FROM compliance_decision
        WHERE stage IN ('final', 'confirmed') AND kind <> 'undo')
FROM compliance_case
"""

# Each query finds the first row that should not be; the words say what it is.
_CASES = (
    (
        """SELECT r.id FROM compliance_screeningrun r LEFT JOIN compliance_case c ON c.run_id = r.id
        WHERE r.verdict <> 'clear' AND r.occasion = 'intake' AND c.id IS NULL
        ORDER BY r.id LIMIT 1""",
        "screening run {} flagged its payout but opened no case",
    ),
    (
        """SELECT c.id FROM compliance_case c LEFT JOIN compliance_decision d ON d.case_id = c.id
            AND d.stage IN ('final', 'confirmed') AND d.kind <> 'undo'
        WHERE (c.state = 'decided') <> (d.id IS NOT NULL) ORDER BY c.id LIMIT 1""",
        "case {} and its decision disagree: one of the two is missing",
    ),
    (
        """SELECT c.id FROM compliance_case c JOIN payouts_payout p ON p.id = c.payout_id
        WHERE c.state IN ('open', 'second') AND p.state <> 'in_review' ORDER BY c.id LIMIT 1""",
        "case {} is open but its payout no longer waits for a review",
    ),
    (
        """SELECT p.id FROM payouts_payout p LEFT JOIN compliance_case c
            ON c.payout_id = p.id AND c.state IN ('open', 'second')
        WHERE p.state = 'in_review' AND c.id IS NULL ORDER BY p.id LIMIT 1""",
        "payout {} waits for a review but has no open case",
    ),
    (
        """SELECT d.id FROM compliance_decision d JOIN compliance_case c ON c.id = d.case_id
        WHERE d.payout_id <> c.payout_id OR d.actor = ''
            OR d.before ->> 'state' <> CASE d.kind WHEN 'undo' THEN 'queued' ELSE 'in_review' END
            OR d.after ->> 'state' <> CASE
                WHEN d.stage IN ('proposed', 'declined') OR d.kind = 'undo' THEN 'in_review'
                WHEN d.kind = 'reject' THEN 'failed' ELSE 'queued' END
        ORDER BY d.position LIMIT 1""",
        "decision {} does not fit its case, its payout or its own before and after",
    ),
    (
        """SELECT d.id FROM compliance_decision d WHERE NOT EXISTS (
            SELECT 1 FROM payouts_historicalpayout h WHERE h.id = d.payout_id
                AND h.version = (d.after ->> 'version')::int AND h.state = d.after ->> 'state'
                AND (h.actor = d.actor OR d.stage IN ('proposed', 'declined')))
        ORDER BY d.position LIMIT 1""",
        "decision {} has no row in its payout's history",
    ),
)

_UNSCREENED = """
SELECT p.id FROM payouts_payout p
WHERE p.state NOT IN ('screening', 'canceled')
    AND NOT EXISTS (SELECT 1 FROM compliance_screeningrun r WHERE r.payout_id = p.id)
ORDER BY p.id LIMIT 1
"""

_MOVES = """
WITH moves AS (
    SELECT history_id, id, state, actor,
        lag(state) OVER (PARTITION BY id ORDER BY history_id) AS was
    FROM payouts_historicalpayout
)
SELECT history_id, id, coalesce(was, 'nothing'), state, actor FROM moves
WHERE (was IS NULL AND state <> 'screening')
    OR (was <> state AND (
        (was, state) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))
        OR actor = '' OR actor LIKE 'sql:%%' OR actor = 'system:unbound'))
ORDER BY history_id LIMIT 1
"""

_LAST = """
WITH last AS (
    SELECT DISTINCT ON (id) id, state, stage, version, failure_code, returned_minor, attempt_count
    FROM payouts_historicalpayout ORDER BY id, history_id DESC
)
SELECT p.id FROM payouts_payout p LEFT JOIN last l ON l.id = p.id
WHERE (p.state, p.stage, p.version, p.failure_code, p.returned_minor, p.attempt_count)
    IS DISTINCT FROM
      (l.state, l.stage, l.version, l.failure_code, l.returned_minor, l.attempt_count)
ORDER BY p.id LIMIT 1
"""

_GUARDS = (
    ("compliance_decision", "chain"),
    ("compliance_decision", "append_only"),
    ("compliance_decision", "no_truncate"),
    ("compliance_screeningrun", "append_only"),
    ("compliance_policy", "append_only"),
    ("compliance_case", "guard"),
    ("compliance_case", "history_update"),
    ("payouts_payout", "a_guard_moves"),
    ("payouts_payout", "b_history_update"),
    ("payouts_historicalpayout", "append_only"),
)
_TRIGGERS = """
SELECT g.table_name || '.' || g.name FROM unnest(%s::text[], %s::text[]) AS g(table_name, name)
LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass(g.table_name) AND t.tgname = g.name
WHERE t.tgenabled IS NULL OR t.tgenabled NOT IN ('O', 'A') ORDER BY 1 LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `fault` names the first row that breaks it, empty where none
    does."""

    name: str
    fault: str


@dataclass(frozen=True, slots=True)
class Report:
    """All checks and the figures they rest on. `head` is the chain's last hash: keep it
    elsewhere."""

    checks: tuple[Check, ...]
    flagged: int
    still_open: int
    decided: int
    withdrawn: int
    decisions: int
    head: str

    @property
    def is_sound(self) -> bool:
        """Say whether every check holds."""
        return not any(check.fault for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON members."""
        return {
            "ok": self.is_sound,
            "flagged": self.flagged,
            "open": self.still_open,
            "decided": self.decided,
            "withdrawn": self.withdrawn,
            "decisions": self.decisions,
            "head": self.head,
            "checks": {check.name: check.fault or "ok" for check in self.checks},
        }


def verify_chain() -> tuple[Check, int, str]:
    """Recompute the chain up to its first fault; return the check, the rows read and the head."""
    count, head = 0, chain.GENESIS.hex()
    for link in chain.links():
        if link.fault:
            words = f"decision {link.decision_id} (position {link.position}): {link.fault}"
            return Check("chain", words), count, head
        count, head = count + 1, link.hash_hex
    return Check("chain", ""), count, head


def verify() -> Report:
    """Run every check. Long on large tables: lifts this session's statement timeout."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    chain_check, _, head = verify_chain()
    flagged, still_open, decided, withdrawn, decisions = _row(_COUNTS) or (0, 0, 0, 0, 0)
    return Report(
        checks=(
            chain_check,
            _counts_check(flagged, still_open + decided + withdrawn, decided, decisions),
            Check("cases", _first_of(_CASES)),
            Check(
                "screened", _words(_row(_UNSCREENED), "payout {} went on without a screening run")
            ),
            _moves_check(),
            Check("last", _words(_row(_LAST), "payout {} is not as its last history row says")),
            _guards_check(),
        ),
        flagged=flagged,
        still_open=still_open,
        decided=decided,
        withdrawn=withdrawn,
        decisions=decisions,
        head=head,
    )


def _counts_check(flagged: int, accounted: int, decided: int, decisions: int) -> Check:
    if flagged == accounted and decided == decisions:
        return Check("counts", "")
    return Check(
        "counts",
        f"{flagged} flagged, {accounted} accounted for; {decided} decided, {decisions} receipts",
    )


def _first_of(queries: tuple[tuple[str, str], ...]) -> str:
    for query, words in queries:
        if fault := _words(_row(query), words):
            return fault
    return ""


def _moves_check() -> Check:
    moves = sorted((str(was), str(now)) for was, now in LEGAL_MOVES)
    row = _row(_MOVES, [[was for was, _ in moves], [now for _, now in moves]])
    return Check("moves", _words(row, "history row {} of {}: {} -> {} by {!r} is no legal move"))


def _guards_check() -> Check:
    row = _row(_TRIGGERS, [[table for table, _ in _GUARDS], [name for _, name in _GUARDS]])
    return Check("guards", _words(row, "the trigger {} is missing or switched off"))


def _words(row: tuple[Any, ...] | None, words: str) -> str:
    return words.format(*row) if row else ""


def _row(query: str, parameters: list[Any] | None = None) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found
