"""What an officer reads on a case: why it was flagged, who is paid, what went there before."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.clock import now
from atlaspay.core.console import Call, Fact, Table
from compliance.admin.words import (
    KIND_TONES,
    RESULT_TONES,
    code_words,
    due_badge,
)
from compliance.models import Case, Decision
from compliance.models.reasons import DEFAULT_PARTNER_TEXT, ApproveReason, RejectReason
from compliance.selectors import cases as selectors
from compliance.services.assign import HELD_FOR
from payouts.admin.words import PAYOUT_TONES
from payouts.models import Payout

SHOWN_PAST = 10


@dataclass(frozen=True, slots=True)
class Why:
    """One rule's word, as the page shows it."""

    badge: SafeString
    title: str
    words: str
    alignment: SafeString


def case_page(case: Case, user: AbstractBaseUser | AnonymousUser) -> dict[str, Any]:
    """Return the page's context; six queries whatever the account's and partner's past."""
    payout = case.payout
    past = selectors.past_of_account(payout)
    decided = selectors.decisions_on(past)
    record = selectors.partner_record(case.partner_id)
    return {
        "case": case,
        "title": f"{payout.recipient_name}",
        "heading": format_html(
            "{} to {}", console.money(payout.amount_minor, payout.currency), payout.recipient_name
        ),
        "badges": due_badge(case),
        "summary": _summary(case),
        "calls": _calls(case, user),
        "why": [_why(finding) for finding in case.run.findings if finding["result"] != "no_hit"],
        "quiet": ", ".join(
            code_words(finding["code"])
            for finding in case.run.findings
            if finding["result"] == "no_hit"
        ),
        "facts_title": "Payout",
        "facts": _facts(case, record),
        "twin": _twin_table(selectors.twin_of(case), payout),
        "past": _past_table(past, decided),
        "decision": case.decision,
        "decision_facts": _decision_facts(case.decision),
        "approve_reasons": ApproveReason.choices,
        "reject_reasons": RejectReason.choices,
        "default_partner_text": DEFAULT_PARTNER_TEXT,
        "amount": console.money(payout.amount_minor, payout.currency),
    }


def _summary(case: Case) -> SafeString:
    return format_html(
        "{} · flagged {} · policy {} · score {}",
        case.partner.name,
        console.when(case.opened_at),
        case.run.policy_id,
        case.score,
    )


def _calls(case: Case, user: AbstractBaseUser | AnonymousUser) -> list[Call]:
    calls = []
    is_held = case.assigned_at is not None and now() - case.assigned_at < HELD_FOR
    if case.state == Case.State.OPEN and is_held and case.assignee_id != user.pk and case.assignee:
        words = format_html(
            "{} opened this case {}. Whoever decides first has decided.",
            case.assignee.username,
            console.distance(case.assigned_at) if case.assigned_at else "",
        )
        calls.append(Call(words, "warn"))
    if case.state == Case.State.WITHDRAWN:
        words = format_html("The partner canceled the payout {}.", console.when(case.closed_at))
        calls.append(Call(words, "info"))
    return calls


def _why(finding: dict[str, Any]) -> Why:
    hits = finding["trace"].get("hits", [])
    pairs = hits[0]["alignment"] if hits else []
    spans = format_html_join(
        "",
        "<span{}>{}</span>",
        (
            ("", listed) if listed == met else (SafeString(' class="ap-off"'), f"{listed} ≈ {met}")
            for listed, met in pairs
        ),
    )
    result = finding["result"]
    return Why(
        badge=console.badge("Rule failed" if result == "error" else "Hit", RESULT_TONES[result]),
        title=code_words(finding["code"]),
        words=finding["words"],
        alignment=format_html('<span class="ap-align">{}</span>', spans) if spans else SafeString(),
    )


def _facts(case: Case, record: selectors.PartnerRecord) -> list[Fact]:
    payout = case.payout
    facts = [
        Fact("Recipient", payout.recipient_name),
        Fact("Country", payout.recipient_country),
        Fact("Account", console.account(payout.account_last4, payout.account_bank)),
        Fact(
            "State",
            console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES),
        ),
        Fact("Payout", console.id_link("payouts_payout", payout.id, payout.reference)),
        Fact("Batch", console.id_link("payouts_batch", payout.batch_id, payout.batch.reference)),
        Fact("Partner", console.link(case.partner)),
        Fact(
            "Partner's cases",
            f"{record.still_open} open, {record.approved} approved, {record.rejected} rejected",
        ),
    ]
    if payout.description:
        facts.append(Fact("Description", payout.description, wide=True))
    return facts


def _twin_table(twin: Payout | None, payout: Payout) -> Table | None:
    if twin is None:
        return None
    rows = [
        [
            label,
            console.id_link("payouts_payout", one.id, one.reference),
            console.id_link("payouts_batch", one.batch_id, one.batch.reference),
            console.money(one.amount_minor, one.currency),
            console.when(one.submitted_at),
            console.toned(one.state, one.get_state_display(), PAYOUT_TONES),
        ]
        for label, one in (("This one", payout), ("The other", twin))
    ]
    headers = ["", "Payout", "Batch", "Amount>", "Submitted", "State"]
    return Table("Side by side with its twin", headers, rows)


def _past_table(past: list[Payout], decided: dict[str, Decision]) -> Table:
    rows = [
        [
            console.when(one.submitted_at),
            console.id_link("payouts_payout", one.id, one.reference),
            one.recipient_name,
            one.partner.name,
            console.money(one.amount_minor, one.currency),
            console.toned(one.state, one.get_state_display(), PAYOUT_TONES),
            _ruling(decided.get(one.id)),
        ]
        for one in past[:SHOWN_PAST]
    ]
    more = "or more " if len(past) == selectors.PAST_MAX else ""
    return Table(
        "Before, to this account",
        ["Submitted", "Payout", "Recipient", "Partner", "Amount>", "State", "Decision"],
        rows,
        empty="Nothing was ever sent to this account before.",
        note=f"{len(past)} {more}in all, the latest {len(rows)} shown" if past else "",
    )


def _ruling(decision: Decision | None) -> object:
    if decision is None:
        return console.NOTHING
    return console.toned(decision.kind, decision.get_kind_display(), KIND_TONES)


def _decision_facts(decision: Decision | None) -> list[Fact]:
    if decision is None:
        return []
    reasons = dict([*ApproveReason.choices, *RejectReason.choices])
    return [
        Fact("Decision", _ruling(decision)),
        Fact("By", decision.actor.partition(":")[2]),
        Fact("At", console.when(decision.decided_at)),
        Fact("Reason", reasons.get(decision.reason_code, decision.reason_code)),
        Fact("Internal", decision.internal_text, wide=True),
        Fact("To the partner", console.text_or_dash(decision.partner_text), wide=True),
        Fact("Receipt", console.link(decision, f"Number {decision.position} in the chain")),
    ]
