"""Writing receipts: the one place that inserts rows of the decision chain.

The chain's lock is the last a decision takes before the ledger's: call this after every other
lock, inside the unit of work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from atlaspay.core import context
from compliance.models import Decision
from compliance.services import blind
from compliance.services.docket import Docket
from payouts.services.decisions import Snapshot


@dataclass(frozen=True, slots=True)
class Draft:
    """A receipt before the database numbers and chains it; `added` goes into its evidence."""

    docket: Docket
    kind: str
    stage: str
    reason_code: str
    internal_text: str
    before: Snapshot
    after: Snapshot
    partner_text: str = ""
    about: Decision | None = None
    four_eyes: Sequence[str] = ()
    bulk_id: str = ""
    added: dict[str, Any] = field(default_factory=dict)


def write(drafts: Sequence[Draft]) -> list[Decision]:
    """Insert receipts in order by one statement, by whoever the context says acts; sample some of
    them for a second look."""
    if not drafts:
        return []
    bound = context.current()
    decisions = Decision.objects.bulk_create(
        [
            Decision(
                case=draft.docket.case,
                payout=draft.docket.payout,
                kind=draft.kind,
                stage=draft.stage,
                about=draft.about,
                four_eyes=list(draft.four_eyes),
                bulk_id=draft.bulk_id,
                reason_code=draft.reason_code,
                internal_text=draft.internal_text,
                partner_text=draft.partner_text,
                actor=bound.actor,
                user_id=bound.user_id,
                before=draft.before.as_dict(),
                after=draft.after.as_dict(),
                evidence={**draft.docket.evidence(), **draft.added},
                policy_id=draft.docket.policy_number,
                request_id=bound.request_id[:64],
                opened_at=_opened_at(draft.docket, bound.user_id),
            )
            for draft in drafts
        ]
    )
    blind.sample(decisions)
    return decisions


def _opened_at(docket: Docket, user_id: int | None) -> Any:
    """Return when this person took the case, None where somebody else or nobody had it."""
    case = docket.case
    return case.assigned_at if user_id is not None and case.assignee_id == user_id else None
