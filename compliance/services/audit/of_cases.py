"""What must hold of cases and receipts: everything flagged is decided or waits, each decision moved
its payout, and two people stand where two are asked for.

Swept over cases by id; every query reads one snapshot, so a running platform raises no false alarm.
"""

from compliance.services.audit.probes import Probe

_IN_RANGE = "c.id > %(low)s AND c.id <= %(high)s"
_EFFECT = "stage IN ('final', 'confirmed') AND kind <> 'undo'"
_DECISIONS = f"""compliance_decision d JOIN compliance_case c ON c.id = d.case_id
    WHERE {_IN_RANGE}"""

CASES = (
    Probe(
        "cases",
        f"""SELECT c.id FROM compliance_case c LEFT JOIN compliance_decision d ON d.case_id = c.id
            AND d.stage IN ('final', 'confirmed') AND d.kind <> 'undo'
        WHERE {_IN_RANGE} AND (c.state = 'decided') <> (d.id IS NOT NULL) ORDER BY c.id""",  # noqa: S608
        "case {} and its decision disagree: one of the two is missing",
    ),
    Probe(
        "cases",
        f"""SELECT c.id FROM compliance_case c JOIN payouts_payout p ON p.id = c.payout_id
        WHERE {_IN_RANGE} AND c.state IN ('open', 'second') AND p.state <> 'in_review'
        ORDER BY c.id""",  # noqa: S608
        "case {} is open but its payout no longer waits for a review",
    ),
    Probe(
        "cases",
        f"""SELECT c.id, coalesce(r.id, 'none') FROM compliance_case c
        LEFT JOIN compliance_screeningrun r ON r.id = c.run_id
        WHERE {_IN_RANGE} AND c.origin <> 'undo'
            AND (r.id IS NULL OR r.payout_id <> c.payout_id OR r.verdict = 'clear'
                OR (r.verdict = 'block' AND NOT c.is_blocked))
        ORDER BY c.id""",  # noqa: S608
        "case {} does not fit the screening run that opened it ({})",
    ),
    Probe(
        "cases",
        f"""SELECT c.id FROM compliance_case c WHERE {_IN_RANGE} AND c.origin = 'undo'
            AND NOT EXISTS (SELECT FROM compliance_decision d
                WHERE d.payout_id = c.payout_id AND d.kind = 'undo')
        ORDER BY c.id""",  # noqa: S608
        "case {} says that an approval was undone, and no receipt does",
    ),
    Probe(
        "cases",
        f"""SELECT c.id FROM compliance_case c WHERE {_IN_RANGE} AND c.state = 'second'
            AND NOT EXISTS (SELECT FROM compliance_decision d
                WHERE d.case_id = c.id AND d.stage = 'proposed'
                    AND NOT EXISTS (SELECT FROM compliance_decision a WHERE a.about_id = d.id))
        ORDER BY c.id""",  # noqa: S608
        "case {} waits for a second officer, but nobody proposed anything",
    ),
    Probe(
        "case_history",
        f"""SELECT h.id, h.was, h.state, h.actor, h.history_id FROM (
            SELECT h.history_id, h.id, h.state, h.actor, h.codes, h.score, h.is_blocked,
                coalesce(lag(h.state) OVER w, 'nothing') AS was,
                lag(h.codes) OVER w AS codes_before, lag(h.score) OVER w AS score_before,
                lag(h.is_blocked) OVER w AS blocked_before
            FROM compliance_historicalcase h WHERE {_IN_RANGE.replace("c.", "h.")}
            WINDOW w AS (PARTITION BY h.id ORDER BY h.history_id)) h
        WHERE (h.was <> h.state AND (h.was, h.state) NOT IN (('nothing', 'open'),
                ('open', 'second'), ('second', 'open'), ('open', 'decided'), ('second', 'decided'),
                ('open', 'withdrawn'), ('second', 'withdrawn')))
            OR h.was IN ('decided', 'withdrawn')
            OR NOT (h.codes @> coalesce(h.codes_before, '{{}}'))
            OR h.score < h.score_before OR (h.blocked_before AND NOT h.is_blocked)
            OR h.actor = '' OR h.actor LIKE 'sql:%%' OR h.actor = 'system:unbound'
        ORDER BY h.history_id""",  # noqa: S608
        "case {0}: {1} -> {2} by {3!r} (history row {4}) is no legal change",
    ),
    Probe(
        "case_history",
        f"""SELECT c.id FROM compliance_case c LEFT JOIN (
            SELECT DISTINCT ON (h.id) h.id, h.state, h.origin, h.is_blocked, h.codes, h.score,
                h.closed_at, h.payout_id, h.run_id
            FROM compliance_historicalcase h WHERE {_IN_RANGE.replace("c.", "h.")}
            ORDER BY h.id, h.history_id DESC) l ON l.id = c.id
        WHERE {_IN_RANGE} AND (c.state, c.origin, c.is_blocked, c.codes, c.score, c.closed_at,
                c.payout_id, c.run_id)
            IS DISTINCT FROM (l.state, l.origin, l.is_blocked, l.codes, l.score, l.closed_at,
                l.payout_id, l.run_id)
        ORDER BY c.id""",  # noqa: S608
        "case {} is not as its last history row says",
    ),
    Probe(
        "case_history",
        f"""SELECT h.id FROM compliance_historicalcase h
        WHERE {_IN_RANGE.replace("c.", "h.")}
            AND NOT EXISTS (SELECT FROM compliance_case c WHERE c.id = h.id)
        ORDER BY h.history_id""",  # noqa: S608
        "case {} was deleted: only its history is left",
    ),
)

RECEIPTS = (
    Probe(
        "receipts",
        f"""SELECT d.id, d.actor FROM {_DECISIONS} AND NOT (CASE WHEN d.user_id IS NULL
            THEN d.actor ~ '^system:auto-approval@[0-9]+$' ELSE d.actor LIKE 'user:_%%' END)
        ORDER BY d.position""",  # noqa: S608
        "decision {} was made by {!r}, who is neither a person nor automatic approval",
    ),
    Probe(
        "receipts",
        f"""SELECT d.id FROM {_DECISIONS} AND (d.payout_id <> c.payout_id OR d.actor = ''
            OR d.before ->> 'state' <> CASE d.kind WHEN 'undo' THEN 'queued' ELSE 'in_review' END
            OR d.after ->> 'state' <> CASE
                WHEN d.stage IN ('proposed', 'declined') OR d.kind = 'undo' THEN 'in_review'
                WHEN d.kind = 'reject' THEN 'failed' ELSE 'queued' END)
        ORDER BY d.position""",  # noqa: S608
        "decision {} does not fit its case, its payout or its own before and after",
    ),
    Probe(
        "receipts",
        f"""SELECT d.id FROM {_DECISIONS} AND NOT EXISTS (
            SELECT FROM payouts_historicalpayout h WHERE h.id = d.payout_id
                AND h.version = (d.after ->> 'version')::int AND h.state = d.after ->> 'state'
                AND (h.actor = d.actor OR d.stage IN ('proposed', 'declined')))
        ORDER BY d.position""",  # noqa: S608
        "decision {} has no row in its payout's history",
    ),
    Probe(
        "receipts",
        f"""SELECT d.id FROM compliance_decision d JOIN compliance_case c ON c.id = d.case_id
            JOIN payouts_payout p ON p.id = d.payout_id
        WHERE {_IN_RANGE} AND (d.before ->> 'payout_id' <> p.id OR d.after ->> 'payout_id' <> p.id
            OR d.before ->> 'amount_minor' <> p.amount_minor::text
            OR d.after ->> 'amount_minor' <> p.amount_minor::text
            OR d.before ->> 'currency' <> p.currency OR d.after ->> 'currency' <> p.currency)
        ORDER BY d.position""",  # noqa: S608
        "decision {} was about another amount than the payout has now",
    ),
    Probe(
        "receipts",
        f"""SELECT d.id FROM compliance_decision d JOIN compliance_case c ON c.id = d.case_id
            LEFT JOIN compliance_decision a ON a.id = d.about_id
        WHERE {_IN_RANGE} AND d.kind = 'undo' AND (a.id IS NULL OR a.payout_id <> d.payout_id
            OR a.kind NOT IN ('approve', 'override') OR a.stage NOT IN ('final', 'confirmed')
            OR a.position >= d.position OR d.stage <> 'final'
            OR NOT EXISTS (SELECT FROM compliance_case o
                WHERE o.payout_id = d.payout_id AND o.origin = 'undo'))
        ORDER BY d.position""",  # noqa: S608
        "decision {} undoes nothing that could be undone",
    ),
    Probe(
        "four_eyes",
        f"""SELECT d.id FROM compliance_decision d JOIN compliance_case c ON c.id = d.case_id
            LEFT JOIN compliance_decision a ON a.id = d.about_id
        WHERE {_IN_RANGE} AND d.stage IN ('confirmed', 'declined')
            AND (a.id IS NULL OR a.stage <> 'proposed' OR a.kind <> d.kind OR a.case_id <> d.case_id
                OR a.position >= d.position OR a.user_id IS NULL OR d.user_id IS NULL
                OR a.user_id = d.user_id)
        ORDER BY d.position""",  # noqa: S608
        "decision {} has no second person: it answers no proposal of somebody else",
    ),
    Probe(
        "four_eyes",
        f"""SELECT d.id FROM {_DECISIONS} AND ((d.stage = 'final' AND d.four_eyes <> '{{}}')
            OR (d.stage <> 'final' AND d.four_eyes = '{{}}'))
        ORDER BY d.position""",  # noqa: S608
        "decision {} needed a second officer and had none, or had one without a reason",
    ),
    Probe(
        "four_eyes",
        f"""SELECT d.id, c.id FROM {_DECISIONS} AND d.kind = 'approve' AND d.stage = 'final'
            AND EXISTS (
                SELECT FROM compliance_screeningrun r JOIN compliance_policy p
                    ON p.number = r.policy_id
                CROSS JOIN jsonb_array_elements(p.document -> 'rules') rule
                WHERE r.payout_id = c.payout_id AND r.id >= coalesce(c.run_id, '')
                    AND r.verdict <> 'clear' AND r.created_at <= d.decided_at
                    AND rule ->> 'code' = ANY(c.codes)
                    AND (rule ->> 'class' = 'sanctions' OR rule ->> 'rule' = 'watchlist_name'))
        ORDER BY d.position""",  # noqa: S608
        "decision {} let case {} go, which may match a sanctions list, by one person's word",
    ),
    Probe(
        "four_eyes",
        f"""SELECT d.id, c.id FROM {_DECISIONS} AND c.is_blocked AND d.{_EFFECT}
            AND (d.kind = 'approve' OR (d.kind = 'override' AND d.stage <> 'confirmed'))
        ORDER BY d.position""",  # noqa: S608
        "decision {} let the blocked case {} go without an override by two people",
    ),
)
