"""The decision engine: one person's word on one case or many, under the locks of their payouts.

Locks: payouts, cases, automatic approval's rows, the chain, the ledger; nothing takes them the
other way. A decision that needs a second officer becomes a proposal: the payout stays, the partner
learns nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models.functions import Now

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    PermissionRefusedError,
    ProblemError,
    StaleFormError,
)
from compliance.models import Case, Decision
from compliance.services import auto_watch, docket, four_eyes, receipts
from compliance.services.docket import Docket
from compliance.services.permissions import is_lead
from compliance.services.receipts import Draft
from compliance.services.words import Words
from payouts.models import Payout
from payouts.services import decisions
from payouts.services.decisions import Change, Ruling, Snapshot


@dataclass(frozen=True, slots=True)
class Order:
    """One case to decide as the officer saw it; an empty mark and no version mean: as it is."""

    case_id: str
    payout_id: str
    seen: str = ""
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: a receipt, or the refusal that left it as it was."""

    case_id: str
    decision: Decision | None = None
    refusal: ProblemError | None = None


@dataclass
class Sitting:
    """One set of cases ruled upon with the same words. Use once, by `hold`."""

    orders: Sequence[Order]
    words: Words
    user: User
    bulk_id: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    _finals: dict[str, Docket] = field(default_factory=dict)
    _proposals: list[tuple[Docket, list[str]]] = field(default_factory=list)

    def hold(self) -> dict[str, Outcome]:
        """Rule on all orders in one transaction and return an outcome a case.

        Call inside `context.bind` of the person who acts. Raises NotFoundError for a payout that
        is not there; every other refusal is an outcome.
        """
        payout_ids = [order.payout_id for order in self.orders]
        decisions.review(payout_ids, choose=self._choose, record=self._record)
        return self.outcomes

    def look(self, payouts: Sequence[Payout]) -> dict[str, list[str] | ProblemError]:
        """Return, a case, why it would need a second officer, or what would refuse it; locks and
        changes nothing."""
        found = docket.load([order.case_id for order in self.orders], payouts, lock=False)
        return {order.case_id: self._weigh(found[order.case_id], order) for order in self.orders}

    def _choose(self, payouts: Sequence[Payout]) -> list[Ruling]:
        found = docket.load([order.case_id for order in self.orders], payouts)
        for order in self.orders:
            weighed = self._weigh(found[order.case_id], order)
            if isinstance(weighed, ProblemError):
                self.outcomes[order.case_id] = Outcome(order.case_id, refusal=weighed)
            elif weighed:
                self._proposals.append((found[order.case_id], weighed))
            else:
                self._finals[order.payout_id] = found[order.case_id]
        is_approved = self.words.kind != Decision.Kind.REJECT
        return [
            Ruling(payout_id, is_approved, self.words.partner_text) for payout_id in self._finals
        ]

    def _weigh(self, one: Docket, order: Order) -> list[str] | ProblemError:
        try:
            return self._admit(one, order)
        except ProblemError as refusal:
            return refusal

    def _admit(self, one: Docket, order: Order) -> list[str]:
        """Return why a second officer is needed, or raise what stands against deciding at all."""
        check_waiting(one)
        if one.case.state == Case.State.SECOND:
            raise waits_for_second(one)
        check_seen(one, order.seen, order.expected_version)
        check_kind(one, self.words.kind)
        if one.case.escalated_at is not None and not is_lead(self.user):
            raise PermissionRefusedError(
                f"{who(one.case.escalated_by)} escalated this case: a lead decides it."
            )
        needed = four_eyes.reasons(one, self.words.kind)
        if self.bulk_id and four_eyes.SANCTIONS in needed:
            raise ConflictError("A possible match with a list is decided on its own page.")
        return needed

    def _record(self, changes: Sequence[Change]) -> None:
        settle([one.case for one in self._finals.values()])
        propose([one.case for one, _ in self._proposals])
        auto_watch.rejected(
            [one.case for one in self._finals.values()], self.words.kind, self.words.reason_code
        )
        drafts = [
            self._draft(
                self._finals[change.payout.id], Decision.Stage.FINAL, change.before, change.after
            )
            for change in changes
        ]
        for one, needed in self._proposals:
            as_is = Snapshot.of(one.payout)
            drafts.append(self._draft(one, Decision.Stage.PROPOSED, as_is, as_is, needed))
        for decision in receipts.write(drafts):
            self.outcomes[decision.case_id] = Outcome(decision.case_id, decision=decision)

    def _draft(
        self,
        one: Docket,
        stage: Decision.Stage,
        before: Snapshot,
        after: Snapshot,
        needed: Sequence[str] = (),
    ) -> Draft:
        return Draft(
            docket=one,
            kind=self.words.kind,
            stage=stage,
            reason_code=self.words.reason_code,
            internal_text=self.words.internal_text,
            partner_text=self.words.partner_text,
            before=before,
            after=after,
            four_eyes=needed,
            bulk_id=self.bulk_id,
        )


def settle(cases: Sequence[Case]) -> None:
    """Close locked cases as decided."""
    if cases:
        Case.objects.filter(id__in=[case.id for case in cases]).update(
            state=Case.State.DECIDED, closed_at=Now()
        )


def propose(cases: Sequence[Case]) -> None:
    """Put locked cases before a second officer: free for whoever is not the first."""
    if cases:
        Case.objects.filter(id__in=[case.id for case in cases]).update(
            state=Case.State.SECOND, assignee=None, assigned_at=None, heartbeat_at=None
        )


def check_waiting(one: Docket) -> None:
    """Raise StaleFormError where the case is closed: who decided what, and when."""
    if not one.case.is_waiting:
        raise already_decided(one.case, one.decisions)


def check_seen(one: Docket, seen: str, expected_version: int | None = None) -> None:
    """Raise StaleFormError where payout or case are no longer what the form showed."""
    versions = {} if expected_version is None else {one.payout.id: expected_version}
    if seen and seen != docket.seen(one.case, one.payout):
        raise _changed(one)
    decisions.check_in_review([one.payout], versions)


def check_kind(one: Docket, kind: str) -> None:
    """Raise InvalidRequestError where a block and the decision do not fit."""
    if kind == Decision.Kind.APPROVE and one.case.is_blocked:
        raise InvalidRequestError(
            "This payout is blocked: it can be rejected, or overridden with a lead as second"
            " officer.",
            extra={"case_id": one.case.id},
        )
    if kind == Decision.Kind.OVERRIDE and not one.case.is_blocked:
        raise InvalidRequestError(
            "Nothing blocks this payout: approve or reject it.", extra={"case_id": one.case.id}
        )


def already_decided(case: Case, made: Sequence[Decision]) -> StaleFormError:
    """Return the error for a case that is closed: who decided what, and when."""
    receipt = next((one for one in made if one.is_in_effect and one.kind != "undo"), None)
    if receipt is None:
        return StaleFormError(
            f"The partner canceled {case.payout_id} at {case.closed_at:%Y-%m-%d %H:%M:%S} UTC.",
            extra={"case_id": case.id, "state": str(case.state)},
        )
    return StaleFormError(
        f"{who(receipt.actor)} {receipt.get_kind_display().lower()} it at"
        f" {receipt.decided_at:%Y-%m-%d %H:%M:%S} UTC.",
        extra={"case_id": case.id, "decision_id": receipt.id, "kind": receipt.kind},
    )


def waits_for_second(one: Docket) -> StaleFormError:
    """Return the error for a case whose proposal waits: who proposed what, and when."""
    proposal = one.proposal
    if proposal is None:
        return StaleFormError("A proposal waits for its second officer.")
    return StaleFormError(
        f"{who(proposal.actor)} proposed to {proposal.kind} it at"
        f" {proposal.decided_at:%Y-%m-%d %H:%M:%S} UTC; a second officer answers that first.",
        extra={"case_id": one.case.id, "decision_id": proposal.id, "kind": proposal.kind},
    )


def who(actor: str) -> str:
    """Return an actor as a sentence begins with it."""
    kind, _, name = actor.partition(":")
    if kind == "system":
        return f"The system ({name})"
    return name or "Somebody"


def _changed(one: Docket) -> StaleFormError:
    case = one.case
    latest = max(
        (at, words)
        for at, words in (
            (case.opened_at, ""),
            (case.raised_at or case.opened_at, "A later screening added a hit"),
            (case.escalated_at or case.opened_at, f"{who(case.escalated_by)} escalated it"),
        )
    )
    at, words = latest
    if not words or at == case.opened_at:
        return StaleFormError(
            "The payout changed since this page was loaded: read it again.",
            extra={"case_id": case.id, "state": str(case.state)},
        )
    return StaleFormError(
        f"{words} at {at:%Y-%m-%d %H:%M:%S} UTC: read the case again.",
        extra={"case_id": case.id, "state": str(case.state)},
    )
