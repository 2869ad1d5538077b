"""The live proof that all that was flagged is accounted for: one statement, cheap at any hour.

It counts; `compliance.services.audit` proves. What the last verification said stands beside it.
"""

from dataclasses import dataclass

from django.db import connection

from compliance.models import AuditHead, Verification

ORPHANS_MAX = 20

# What flagged is counted from the runs, what became of it from the cases: two tables, one snapshot.
_FIGURES = """
SELECT
    (SELECT count(*) FROM compliance_screeningrun
        WHERE NOT (verdict = 'clear') AND occasion = 'intake')
        + (SELECT count(*) FROM compliance_case WHERE origin <> 'screening'),
    c.open, c.second, c.decided, c.withdrawn, c.automatic,
    (SELECT count(*) FROM compliance_decision
        WHERE stage IN ('final', 'confirmed') AND kind <> 'undo')
FROM (
    SELECT count(*) FILTER (WHERE state = 'open') AS open,
        count(*) FILTER (WHERE state = 'second') AS second,
        count(*) FILTER (WHERE state = 'decided') AS decided,
        count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn,
        count(*) FILTER (WHERE state = 'decided' AND auto = 'eligible') AS automatic
    FROM compliance_case) c
"""
# The two sets are made first: ordered by key at once, they were looked for through all payouts.
_ORPHANS = """
WITH held AS MATERIALIZED (SELECT id FROM payouts_payout WHERE state = 'in_review'),
flagged AS MATERIALIZED (SELECT id, payout_id FROM compliance_screeningrun
    WHERE NOT (verdict = 'clear') AND occasion = 'intake')
(SELECT h.id, 'waits for a review and has no open case' FROM held h
    WHERE NOT EXISTS (SELECT FROM compliance_case c
        WHERE c.payout_id = h.id AND c.state IN ('open', 'second')) ORDER BY h.id LIMIT %(most)s)
UNION ALL
(SELECT c.id, 'is open, and its payout no longer waits' FROM compliance_case c
    WHERE c.state IN ('open', 'second') AND NOT EXISTS (SELECT FROM held h
        WHERE h.id = c.payout_id) ORDER BY c.id LIMIT %(most)s)
UNION ALL
(SELECT f.payout_id, 'was flagged and has no case' FROM flagged f
    WHERE NOT EXISTS (SELECT FROM compliance_case c WHERE c.run_id = f.id)
    ORDER BY f.id LIMIT %(most)s)
UNION ALL
(SELECT c.id, 'is decided and has no receipt' FROM compliance_case c
    WHERE %(is_short)s AND c.state = 'decided' AND NOT EXISTS (SELECT FROM compliance_decision d
        WHERE d.case_id = c.id AND d.stage IN ('final', 'confirmed') AND d.kind <> 'undo')
    ORDER BY c.id LIMIT %(most)s)
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was flagged, what became of it, and who vouches for that.

    `orphans` are (public id, words) of rows that should not be; `verified` is the last
    verification that ended, `under_way` one that has not.
    """

    flagged: int
    open: int
    second: int
    decided: int
    withdrawn: int
    automatic: int
    receipts: int
    orphans: tuple[tuple[str, str], ...]
    verified: Verification | None
    under_way: Verification | None
    head: AuditHead | None

    @property
    def accounted(self) -> int:
        """Return how many are decided with a receipt, open, or withdrawn."""
        return min(self.decided, self.receipts) + self.open + self.second + self.withdrawn

    @property
    def is_whole(self) -> bool:
        """Say whether everything flagged is accounted for."""
        return self.flagged == self.accounted and self.decided == self.receipts and not self.orphans

    @property
    def percent(self) -> str:
        """Return how much is accounted for; 100 only where all is, rounded down below that."""
        if self.is_whole or self.flagged == 0:
            return "100" if self.is_whole else "0"
        return f"{min(9_999, self.accounted * 10_000 // self.flagged) / 100:.2f}"

    @property
    def vouched_at(self) -> object:
        """Return when a verification last ended, None where none did."""
        return self.verified.finished_at if self.verified else None


def proof() -> Proof:
    """Return the figures of this moment. Some tens of milliseconds with 20,000 cases."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
        flagged, still_open, second, decided, withdrawn, automatic, receipts = cursor.fetchone()
        cursor.execute(_ORPHANS, {"most": ORPHANS_MAX, "is_short": decided != receipts})
        orphans = tuple(cursor.fetchall())
    last = Verification.objects.defer("work").order_by("-id")
    ended = last.filter(finished_at__isnull=False).first()
    return Proof(
        flagged=flagged,
        open=still_open,
        second=second,
        decided=decided,
        withdrawn=withdrawn,
        automatic=automatic,
        receipts=receipts,
        orphans=orphans[:ORPHANS_MAX],
        verified=ended,
        under_way=last.filter(finished_at=None).first(),
        head=AuditHead.objects.order_by("-number").first(),
    )
