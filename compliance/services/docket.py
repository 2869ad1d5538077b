"""A case with all that a decision looks at, loaded under lock and in sets.

The payouts are locked before (`payouts.services.decisions`), then the cases in id order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.models import Case, Decision, Policy, ScreeningRun
from payouts.models import Payout


@dataclass(frozen=True, slots=True)
class Docket:
    """One case: its payout, the runs that flagged it (oldest first), their policies' documents by
    number, and what was decided on it so far (oldest first, without the evidence)."""

    case: Case
    payout: Payout
    runs: tuple[ScreeningRun, ...]
    policies: Mapping[int, Mapping[str, Any]]
    decisions: tuple[Decision, ...]

    @property
    def proposal(self) -> Decision | None:
        """Return the proposal that waits for its second officer; one that lapsed waits no more."""
        if self.case.state != Case.State.SECOND:
            return None
        proposed = [one for one in self.decisions if one.stage == Decision.Stage.PROPOSED]
        return proposed[-1] if proposed else None

    @property
    def policy_number(self) -> int:
        """Return the policy of the latest run: a receipt names it."""
        return self.runs[-1].policy_id

    def evidence(self) -> dict[str, Any]:
        """Return what an officer had before them: all findings and facts, the lists' revisions."""
        first, *later = self.runs
        payout = self.payout
        own = {
            "payout_id": payout.id,
            "partner_id": payout.partner_id,
            "amount_minor": payout.amount_minor,
            "currency": payout.currency,
            "recipient_name": payout.recipient_name,
            "recipient_country": payout.recipient_country,
        }
        seen: dict[str, Any] = {
            "run_id": first.id,
            "score": self.case.score,
            "codes": list(self.case.codes),
            "lists": first.lists,
            "findings": first.findings,
            "facts": {**own, **first.facts},
            "account_last4": payout.account_last4,
        }
        if self.case.is_blocked:
            seen["is_blocked"] = True
        if later:
            seen["raised_by"] = [
                {"run_id": run.id, "lists": run.lists, "findings": run.findings} for run in later
            ]
        return seen


def load(
    case_ids: Iterable[str], payouts: Sequence[Payout], *, lock: bool = True
) -> dict[str, Docket]:
    """Lock these cases in id order and return a docket a case; unknown ids are not there.

    `payouts` are theirs, locked before. Four statements whatever their number. Without `lock`
    only to look.
    """
    by_payout = {payout.id: payout for payout in payouts}
    wanted = Case.objects.filter(id__in=list(case_ids), payout_id__in=list(by_payout))
    if lock:
        wanted = wanted.select_for_update(of=("self",))
    cases = list(wanted.order_by("id"))
    runs: dict[str, list[ScreeningRun]] = defaultdict(list)
    for run in (
        ScreeningRun.objects.filter(payout_id__in=list(by_payout))
        .exclude(verdict=ScreeningRun.Verdict.CLEAR)
        .order_by("id")
    ):
        runs[run.payout_id].append(run)
    numbers = {run.policy_id for found in runs.values() for run in found}
    policies = dict(Policy.objects.filter(number__in=numbers).values_list("number", "document"))
    decisions = load_decisions([case.id for case in cases])
    return {
        case.id: Docket(
            case=case,
            payout=by_payout[case.payout_id],
            # A case after an undo has no run of its own: all that ever flagged the payout counts.
            runs=tuple(run for run in runs[case.payout_id] if run.id >= (case.run_id or "")),
            policies=policies,
            decisions=tuple(decisions[case.id]),
        )
        for case in cases
    }


def load_decisions(case_ids: Sequence[str]) -> dict[str, list[Decision]]:
    """Return what was decided on each case so far, oldest first, without the evidence."""
    found: dict[str, list[Decision]] = defaultdict(list)
    for decision in (
        Decision.objects.filter(case_id__in=case_ids).order_by("position").defer("evidence")
    ):
        found[decision.case_id].append(decision)
    return found


def seen(case: Case, payout: Payout) -> str:
    """Return the mark a form carries: it changes with all that an officer must have read.

    Version of the payout, score of the case, and when it was last raised or escalated.
    """
    marks = (payout.version, case.score, _mark(case.raised_at), _mark(case.escalated_at))
    return ".".join(str(mark) for mark in marks)


def _mark(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp()) * 1_000_000 + at.microsecond
