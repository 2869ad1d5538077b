"""What this person may do with this case now: one panel a decision, with its key and its words.

Panels are an offer, never a permission: the services check again, under the lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse

from atlaspay.core.money import display
from compliance.models import Case, Decision, Policy, ScreeningRun
from compliance.models.reasons import (
    DEFAULT_PARTNER_TEXT,
    ApproveReason,
    DeclineReason,
    OverrideReason,
    RejectReason,
    UndoReason,
)
from compliance.services import four_eyes
from compliance.services.docket import Docket
from compliance.services.escalate import NOTE_MAX
from compliance.services.permissions import DECIDE, is_lead
from compliance.services.second import may_answer
from compliance.services.undo import may_undo
from compliance.services.words import INTERNAL_MAX, PARTNER_MAX
from payouts.machine import State
from payouts.models import Payout

QUICK = {
    "approve": (
        "Compared with the listed party: birth date and nationality differ.",
        "Only the surname agrees; given names and country differ.",
        "Known recipient, paid before at this account without complaint.",
        "The partner confirmed purpose and amount.",
        "Checked against its twin: two invoices, both due.",
    ),
    "override": (
        "Identity document seen and kept; another person than the listed one.",
        "Licence on file covers this payment.",
    ),
    "reject": (
        "Name, birth date and country agree with the listed party.",
        "Paid already under the other reference.",
        "The partner could not explain amount or purpose.",
        "The partner asked to stop it.",
    ),
    "confirm": ("Read the evidence again; I come to the same conclusion.",),
}
PARTNER_QUICK = (
    DEFAULT_PARTNER_TEXT,
    "This payout looks like one we have paid already. Submit it again if both are due.",
    "We stopped this payout as you asked.",
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One decision's form. `text` names the field of free text; `note_max` its length."""

    kind: str
    title: str
    key: str
    lead: str
    button: str
    url: str
    tone: str = ""
    reasons: Sequence[tuple[str, str]] = ()
    text: str = "internal_text"
    text_max: int = INTERNAL_MAX
    text_label: str = "In your words, for colleagues"
    quick: Sequence[str] = ()
    has_partner_text: bool = False
    has_safe_match: bool = False
    has_steps: bool = False
    about: str = ""

    partner_quick = PARTNER_QUICK
    partner_max = PARTNER_MAX
    partner_default = DEFAULT_PARTNER_TEXT


@dataclass(frozen=True, slots=True)
class Offer:
    """The panels and, where there are none or fewer than usual, why."""

    panels: Sequence[Panel]
    why_not: str = ""

    @property
    def kinds(self) -> set[str]:
        """Return what is offered."""
        return {panel.kind for panel in self.panels}


def offer(case: Case, runs: Sequence[ScreeningRun], user: User, *, has_hits: bool) -> Offer:
    """Return what this person may do with the case as it is."""
    if not user.has_perm(DECIDE):
        return Offer((), "You may read this case; deciding takes the officer's role.")
    if case.state == Case.State.OPEN:
        return _of_open(case, runs, user, has_hits=has_hits)
    if case.state == Case.State.SECOND:
        return _of_second(case, user, has_hits=has_hits)
    return _of_closed(case, user)


def _of_open(case: Case, runs: Sequence[ScreeningRun], user: User, *, has_hits: bool) -> Offer:
    if case.escalated_at is not None and not is_lead(user):
        return Offer((), f"{_name(case.escalated_by)} escalated this case: a lead decides it.")
    payout = case.payout
    amount = display(payout.amount_minor, payout.currency)
    url = reverse("admin:compliance_case_decide", args=[case.pk])
    docket = docket_of(case, runs)
    panels = []
    if case.is_blocked:
        panels.append(
            Panel(
                kind="override",
                title="Override the block",
                key="O",
                lead="A rule blocked this payout. Nothing moves before a lead confirms as second"
                f" officer; then {_goes(payout, amount)}",
                button="Propose the override",
                url=url,
                tone="go",
                reasons=OverrideReason.choices,
                quick=QUICK["override"],
                has_steps=has_hits,
            )
        )
    else:
        eyes = four_eyes.reasons(docket, Decision.Kind.APPROVE)
        panels.append(
            Panel(
                kind="approve",
                title="Approve",
                key="A",
                lead=_approve_lead(payout, amount, eyes),
                button=f"Propose to approve {amount}" if eyes else f"Approve and release {amount}",
                url=url,
                tone="go",
                reasons=ApproveReason.choices,
                quick=QUICK["approve"],
                has_safe_match=has_hits and not eyes,
                has_steps=has_hits,
            )
        )
    panels.append(
        Panel(
            kind="reject",
            title="Reject",
            key="R",
            lead=f"The payout fails for good, {amount} goes back to the partner's balance, and the"
            " partner is told at once.",
            button="Reject and fail the payout",
            url=url,
            tone="stop",
            reasons=RejectReason.choices,
            quick=QUICK["reject"],
            has_partner_text=True,
        )
    )
    if case.escalated_at is None:
        panels.append(
            Panel(
                kind="escalate",
                title="Escalate to a lead",
                key="E",
                lead="The case leaves your hands and goes to the leads with your note. The payout"
                " stays held.",
                button="Escalate",
                url=reverse("admin:compliance_case_escalate", args=[case.pk]),
                text="note",
                text_max=NOTE_MAX,
                text_label="What should the lead know?",
            )
        )
    return Offer(panels)


def _approve_lead(payout: Payout, amount: str, eyes: Sequence[str]) -> str:
    goes = _goes(payout, amount)
    if not eyes:
        return f"{goes[0].upper()}{goes[1:]}"
    words = " and ".join(four_eyes.WORDS[each] for each in eyes)
    who = "A lead" if four_eyes.LEADS_ONLY & set(eyes) else "Another officer"
    return f"{who} has to confirm, because {words}. Until then nothing moves; then {goes}"


def _goes(payout: Payout, amount: str) -> str:
    at = "at its scheduled time" if payout.execute_at else "at once"
    return (
        f"{amount} goes to {payout.recipient_name} {at}. An instant payment cannot be called back."
    )


def _of_second(case: Case, user: User, *, has_hits: bool) -> Offer:
    proposal = proposal_of(case)
    if proposal is None:
        return Offer((), "The proposal lapsed; the case is being opened again.")
    maker = _name(proposal.actor)
    if not may_answer(proposal, user):
        if proposal.user_id == user.pk:
            return Offer((), "You proposed this. Somebody else has to confirm or decline it.")
        return Offer((), f"{maker} proposed this; only a lead may be the second officer here.")
    url = reverse("admin:compliance_case_answer", args=[case.pk])
    verb = {"approve": "approve", "override": "override the block", "reject": "reject"}[
        proposal.kind
    ]
    amount = display(case.payout.amount_minor, case.payout.currency)
    goes = _goes(case.payout, amount)
    return Offer(
        (
            Panel(
                kind="confirm",
                title=f"Confirm {maker}'s proposal to {verb}",
                key="C",
                lead=f"It takes effect with your name beside {maker}'s: {goes}",
                button="Confirm as second officer",
                url=url,
                tone="go",
                text_label="What did you look at?",
                quick=QUICK["confirm"],
                has_safe_match=has_hits and proposal.kind != Decision.Kind.REJECT,
                about=proposal.id,
            ),
            Panel(
                kind="decline",
                title="Decline it",
                key="D",
                lead="The case is open again and goes to the leads with your words. The payout"
                " stays held.",
                button="Decline as second officer",
                url=url,
                tone="stop",
                reasons=DeclineReason.choices,
                about=proposal.id,
            ),
        )
    )


def _of_closed(case: Case, user: User) -> Offer:
    decision = case.decision
    is_approval = decision is not None and decision.kind != Decision.Kind.REJECT
    if decision is None or not is_approval or case.payout.state != State.QUEUED:
        return Offer(())
    if not may_undo(decision, user):
        return Offer((), "A lead can still undo this: the payout was not sent yet.")
    return Offer(
        (
            Panel(
                kind="undo",
                title="Undo this approval",
                key="U",
                lead="Possible while nothing was sent: the payout is held again, in a new case.",
                button="Undo and hold the payout",
                url=reverse("admin:compliance_case_undo", args=[case.pk]),
                tone="stop",
                reasons=UndoReason.choices,
                about=decision.id,
            ),
        )
    )


def docket_of(case: Case, runs: Sequence[ScreeningRun]) -> Docket:
    """Return what the services look at, from what the page has read already."""
    flagged = tuple(
        run
        for run in runs
        if run.verdict != ScreeningRun.Verdict.CLEAR and run.id >= (case.run_id or "")
    )
    policies: dict[int, Policy] = {run.policy_id: run.policy for run in flagged}
    return Docket(
        case=case,
        payout=case.payout,
        runs=flagged,
        policies={number: policy.document for number, policy in policies.items()},
        decisions=tuple(sorted(case.decisions.all(), key=lambda one: one.position)),
    )


def proposal_of(case: Case) -> Decision | None:
    """Return the proposal that waits; prefetch `decisions`."""
    return docket_of(case, ()).proposal


def _name(actor: str) -> str:
    return actor.partition(":")[2] or "Somebody"
