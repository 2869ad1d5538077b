"""What must hold of every payout, flagged or not: screened, moved only along legal moves by
somebody, held as often as it has cases, for the amount that was reserved.

Swept over payouts by id.
"""

from compliance.services.audit.probes import Probe
from payouts.machine import LEGAL_MOVES
from payouts.postings import RESERVED

_IN_RANGE = "p.id > %(low)s AND p.id <= %(high)s"
_HISTORY = "h.id > %(low)s AND h.id <= %(high)s"
_MOVES = ", ".join(sorted(f"('{was}', '{now}')" for was, now in LEGAL_MOVES))

PAYOUTS = (
    Probe(
        "screened",
        f"""SELECT p.id FROM payouts_payout p
        WHERE {_IN_RANGE} AND p.state NOT IN ('screening', 'canceled')
            AND NOT EXISTS (SELECT FROM compliance_screeningrun r WHERE r.payout_id = p.id)
        ORDER BY p.id""",  # noqa: S608
        "payout {} went on without a screening run",
    ),
    Probe(
        "flagged",
        f"""SELECT r.id FROM compliance_screeningrun r
            LEFT JOIN compliance_case c ON c.run_id = r.id
        WHERE {_IN_RANGE.replace("p.id", "r.payout_id")} AND NOT (r.verdict = 'clear')
            AND r.occasion = 'intake' AND c.id IS NULL
        ORDER BY r.id""",  # noqa: S608
        "screening run {} flagged its payout but opened no case",
    ),
    Probe(
        "flagged",
        f"""SELECT p.id FROM payouts_payout p LEFT JOIN compliance_case c
            ON c.payout_id = p.id AND c.state IN ('open', 'second')
        WHERE {_IN_RANGE} AND p.state = 'in_review' AND c.id IS NULL ORDER BY p.id""",  # noqa: S608
        "payout {} waits for a review but has no open case",
    ),
    Probe(
        "flagged",
        f"""SELECT coalesce(h.id, c.id), coalesce(h.holds, 0), coalesce(c.cases, 0) FROM (
            SELECT h.id, count(*) FILTER (WHERE h.was <> 'in_review') AS holds FROM (
                SELECT h.id, h.state, lag(h.state) OVER (PARTITION BY h.id ORDER BY h.history_id)
                    AS was
                FROM payouts_historicalpayout h WHERE {_HISTORY}) h
            WHERE h.state = 'in_review' GROUP BY h.id) h
        FULL JOIN (SELECT payout_id AS id, count(*) AS cases FROM compliance_case
            WHERE {_HISTORY.replace("h.id", "payout_id")} GROUP BY payout_id) c ON c.id = h.id
        WHERE h.holds IS DISTINCT FROM c.cases ORDER BY 1""",  # noqa: S608
        "payout {} was held {} times and has {} cases",
    ),
    Probe(
        "moves",
        f"""SELECT h.id, h.history_id, h.was, h.state, h.actor FROM (
            SELECT h.history_id, h.id, h.state, h.actor,
                coalesce(lag(h.state) OVER w, 'nothing') AS was
            FROM payouts_historicalpayout h WHERE {_HISTORY}
            WINDOW w AS (PARTITION BY h.id ORDER BY h.history_id)) h
        WHERE h.was <> h.state AND (
            (h.was, h.state) NOT IN (('nothing', 'screening'), {_MOVES})
            OR h.actor !~ '^(user|key|system):.' OR h.actor = 'system:unbound')
        ORDER BY h.history_id""",  # noqa: S608
        "history row {1} of {0}: {2} -> {3} by {4!r} is no legal move",
    ),
    Probe(
        "versions",
        f"""SELECT h.id, h.history_id, h.version, h.was + 1 FROM (
            SELECT h.history_id, h.id, h.version, coalesce(lag(h.version) OVER w, 0) AS was
            FROM payouts_historicalpayout h WHERE {_HISTORY}
            WINDOW w AS (PARTITION BY h.id ORDER BY h.history_id)) h
        WHERE h.version <> h.was + 1 ORDER BY h.history_id""",  # noqa: S608
        "history row {1} of {0} is version {2}, and {3} was due: a change is missing or doubled",
    ),
    Probe(
        "last",
        f"""SELECT p.id FROM payouts_payout p LEFT JOIN (
            SELECT DISTINCT ON (h.id) h.id, h.state, h.stage, h.version, h.failure_code,
                h.returned_minor, h.attempt_count, h.event_count, h.rail, h.final_at
            FROM payouts_historicalpayout h WHERE {_HISTORY} ORDER BY h.id, h.history_id DESC) l
            ON l.id = p.id
        WHERE {_IN_RANGE} AND (p.state, p.stage, p.version, p.failure_code, p.returned_minor,
                p.attempt_count, p.event_count, p.rail, p.final_at)
            IS DISTINCT FROM (l.state, l.stage, l.version, l.failure_code, l.returned_minor,
                l.attempt_count, l.event_count, l.rail, l.final_at)
        ORDER BY p.id""",  # noqa: S608
        "payout {} is not as its last history row says",
    ),
    Probe(
        "last",
        f"""SELECT h.id FROM (SELECT DISTINCT h.id FROM payouts_historicalpayout h
            WHERE {_HISTORY}) h
        WHERE NOT EXISTS (SELECT FROM payouts_payout p WHERE p.id = h.id) ORDER BY h.id""",  # noqa: S608
        "payout {} was deleted: only its history is left",
    ),
    Probe(
        "money",
        f"""SELECT p.id, p.amount_minor, p.currency, coalesce(l.total, 0) FROM payouts_payout p
        LEFT JOIN (SELECT l.reference, l.currency, sum(l.amount_minor) AS total
            FROM ledger_posting l JOIN ledger_journal j ON j.id = l.journal_id
            WHERE {_HISTORY.replace("h.id", "l.reference")} AND l.amount_minor > 0
                AND j.kind = '{RESERVED}'
            GROUP BY l.reference, l.currency) l ON l.reference = p.id AND l.currency = p.currency
        WHERE {_IN_RANGE} AND l.total IS DISTINCT FROM p.amount_minor ORDER BY p.id""",  # noqa: S608
        "payout {} is for {} {}, and {} was reserved for it",
    ),
)
