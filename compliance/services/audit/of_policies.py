"""What must hold of policies and automatic approval: who wrote one never made it count, and what
the system approved was within what people had armed.
"""

from atlaspay.core.errors import AtlasError
from compliance.models import Policy
from compliance.services.audit.probes import Probe, rows
from compliance.services.audit.report import Check
from compliance.services.documents import compiled

_AUTO = r"^system:auto-approval@[0-9]+$"
_NUMBER = "substring(d.actor FROM '@([0-9]+)$')::int"

POLICIES = (
    Probe(
        "policies",
        """SELECT s.policy_id, s.id, s.actor FROM compliance_policystep s
            JOIN compliance_policy p ON p.number = s.policy_id
            LEFT JOIN compliance_policydraft d ON d.became_id = p.number
        WHERE s.kind = 'published' AND s.actor <> 'system:migration'
            AND (s.user_id = p.author_user_id OR s.user_id = ANY(d.editor_ids)
                OR (s.user_id IS NULL OR p.author_user_id IS NULL)
                    AND (s.actor = p.author OR s.actor = d.author OR s.actor = ANY(d.editors)))
        ORDER BY s.id""",
        "policy {0} was published by {2}, who wrote it (step {1})",
    ),
    Probe(
        "policies",
        """SELECT s.policy_id, s.id FROM compliance_policystep s
        WHERE s.kind = 'published' AND EXISTS (SELECT FROM compliance_policystep w
            WHERE w.policy_id = s.policy_id AND w.kind = 'withdrawn' AND w.id < s.id)
        ORDER BY s.id""",
        "policy {0} was published (step {1}) after it was withdrawn for good",
    ),
    Probe(
        "policies",
        """SELECT d.became_id, d.id FROM compliance_policydraft d
            JOIN compliance_policy p ON p.number = d.became_id
        WHERE d.document <> p.document ORDER BY d.became_id""",
        "policy {0} is not what its draft {1} was",
    ),
    Probe(
        "policies",
        """SELECT coalesce(r.policy_id, 0), r.id FROM compliance_screeningrun r
            LEFT JOIN LATERAL (SELECT s.id FROM compliance_policystep s
                WHERE s.policy_id = r.policy_id AND s.kind = 'published' LIMIT 1) s ON true
        WHERE NOT (r.verdict = 'clear') AND s.id IS NULL ORDER BY r.id""",
        "screening run {1} used policy {0}, which was never published",
    ),
)

AUTOMATIC = (
    Probe(
        "automatic",
        """SELECT s.policy_id, s.id, s.actor FROM compliance_autostep s
            JOIN compliance_autopolicy p ON p.number = s.policy_id
        WHERE s.kind = 'armed' AND (s.user_id = p.author_user_id
            OR (s.user_id IS NULL OR p.author_user_id IS NULL) AND s.actor = p.author)
        ORDER BY s.id""",
        "automatic approval {0} was armed by {2}, who wrote it (step {1})",
    ),
    Probe(
        "automatic",
        f"""SELECT d.id, d.actor FROM compliance_decision d
        WHERE d.actor ~ '{_AUTO}' AND NOT EXISTS (
            SELECT FROM (SELECT s.kind, s.policy_id FROM compliance_autostep s
                WHERE s.at <= d.decided_at ORDER BY s.id DESC LIMIT 1) s
            WHERE s.kind = 'armed' AND s.policy_id = {_NUMBER})
        ORDER BY d.position""",  # noqa: S608 - constants only
        "decision {} was made by {} while that was not armed",
    ),
    Probe(
        "automatic",
        f"""SELECT d.id, c.id FROM compliance_decision d JOIN compliance_case c ON c.id = d.case_id
        WHERE d.actor ~ '{_AUTO}' AND (d.kind <> 'approve' OR d.stage <> 'final' OR c.is_blocked
            OR c.auto <> 'eligible' OR d.user_id IS NOT NULL)
        ORDER BY d.position""",  # noqa: S608
        "decision {} was automatic, and case {} was not one for it",
    ),
    Probe(
        "automatic",
        f"""SELECT coalesce(n.number, t.number), coalesce(n.currency, t.currency),
            coalesce(n.count, 0), coalesce(n.total, 0), coalesce(t.count, 0), coalesce(t.total, 0)
        FROM (SELECT {_NUMBER} AS number, p.currency, count(*) AS count,
                sum(p.amount_minor) AS total
            FROM compliance_decision d JOIN payouts_payout p ON p.id = d.payout_id
            WHERE d.actor ~ '{_AUTO}' GROUP BY 1, 2) n
        FULL JOIN (SELECT policy_id AS number, currency, sum(count) AS count,
                sum(total_minor) AS total
            FROM compliance_autoday GROUP BY 1, 2) t
            ON t.number = n.number AND t.currency = n.currency
        WHERE (coalesce(n.count, 0), coalesce(n.total, 0))
            <> (coalesce(t.count, 0), coalesce(t.total, 0)) ORDER BY 1, 2""",  # noqa: S608
        "automatic approval {0} let {2} payouts of {3} {1} go, and counted {4} of {5} to its caps",
    ),
)


def documents(check: Check) -> None:
    """Compile every policy ever published: one that no longer compiles cannot be replayed."""
    numbers = [
        number
        for (number,) in rows(
            "SELECT DISTINCT policy_id FROM compliance_policystep WHERE kind = 'published'"
            " ORDER BY 1"
        )
    ]
    for number, document in (
        Policy.objects.filter(number__in=numbers)
        .order_by("number")
        .values_list("number", "document")
    ):
        try:
            compiled(document, number)
        except AtlasError as error:
            check.add(str(number), f"policy {number} no longer compiles: {error}")
