"""What an officer reads on a case: why it was flagged, who is paid, what was before, what may be
done. Evidence comes first; nothing needed for the decision is on another page."""

from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.console import Call, Fact
from compliance.admin.case_forms import offer, proposal_of
from compliance.admin.case_hits import hit_of, questions
from compliance.admin.case_past import (
    past_table,
    ruling,
    runs_table,
    similar_table,
    timeline,
    twin_table,
)
from compliance.admin.case_why import reasons, titles_of, would_clear
from compliance.admin.words import code_words, due_badge, marks
from compliance.models import Case, Decision
from compliance.models.reasons import REASONS
from compliance.selectors import cases as past_of
from compliance.selectors import evidence
from compliance.selectors.claims import holder_of
from compliance.services.decide import seen_mark
from compliance.services.permissions import DECIDE
from payouts.admin.words import PAYOUT_TONES


def case_page(case: Case, user: User) -> dict[str, Any]:
    """Return the page's context; the same number of queries whatever anybody's past."""
    payout = case.payout
    runs = evidence.runs_of(payout.id)
    flagged = [run for run in runs if run.findings and run.id >= (case.run_id or "")]
    findings = evidence.all_findings(flagged)
    titles = titles_of(flagged)
    twin = evidence.twin_of(flagged)
    hits = evidence.listed_hits(flagged)
    safe = evidence.safe_matches_of(payout) if hits else []
    past = past_of.past_of_account(payout)
    decisions = sorted(case.decisions.all(), key=lambda one: one.position)
    offered = offer(case, runs, user, has_hits=bool(hits))
    holder = holder_of(case) if case.is_waiting else ""
    return {
        "case": case,
        "title": payout.recipient_name,
        "heading": format_html(
            "{} to {}", console.money(payout.amount_minor, payout.currency), payout.recipient_name
        ),
        "badges": format_html("{} {}", due_badge(case), SafeString(" ".join(marks(case)))),
        "summary": _summary(case),
        "calls": _calls(case),
        "seen": seen_mark(case),
        "holder": holder,
        "is_mine": holder == user.get_username(),
        "may_decide": user.has_perm(DECIDE),
        "offer": offered,
        "why": reasons(case, user, findings, titles, twin),
        "clearances": would_clear(case, flagged),
        "quiet": ", ".join(
            titles.get(finding["code"]) or code_words(finding["code"])
            for finding in findings
            if finding["result"] == "no_hit"
        ),
        "hits": [hit_of(hit, payout, safe) for hit in hits],
        "questions": questions(hits, payout),
        "facts_title": "Payout",
        "facts": _facts(case, evidence.partner_record(case.partner_id)),
        "proposal": _decision_facts(proposal_of(case)),
        "decision": _decision_facts(case.decision),
        "tables": [
            table
            for table in (
                twin_table(twin, payout),
                past_table(past, past_of.decisions_on(past)),
                similar_table(evidence.similar_decided(case)),
                runs_table(runs),
            )
            if table is not None
        ],
        "story": timeline(case, decisions, titles),
    }


def _summary(case: Case) -> SafeString:
    return format_html(
        "{} · flagged {} · score {} · {}",
        case.partner.name,
        console.when(case.opened_at),
        case.score,
        console.code(case.pk),
    )


def _calls(case: Case) -> list[Call]:
    calls = []
    if case.escalated_at is not None and case.is_waiting:
        words = format_html(
            "{} escalated this case {}: {}",
            console.actor(case.escalated_by),
            console.distance(case.escalated_at),
            case.escalation_note,
        )
        calls.append(Call(words, "warn"))
    if case.raised_at is not None and case.is_waiting:
        words = format_html(
            "A later screening added to this case {}. Read it again.",
            console.distance(case.raised_at),
        )
        calls.append(Call(words, "warn"))
    if case.state == Case.State.WITHDRAWN:
        words = format_html("The partner canceled the payout {}.", console.when(case.closed_at))
        calls.append(Call(words, "info"))
    if case.origin == Case.Origin.UNDO and case.is_waiting:
        calls.append(Call("An approval of this payout was undone: decide it again.", "info"))
    return calls


def _facts(case: Case, record: evidence.PartnerRecord) -> list[Fact]:
    payout = case.payout
    url = reverse("admin:compliance_case_changelist")
    facts = [
        Fact("Recipient", payout.recipient_name),
        Fact("Country", payout.recipient_country),
        Fact("Account", console.account(payout.account_last4, payout.account_bank)),
        Fact("State", console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES)),
        Fact("Payout", console.id_link("payouts_payout", payout.id, payout.reference)),
        Fact("Batch", console.id_link("payouts_batch", payout.batch_id, payout.batch.reference)),
        Fact("Partner", console.link(case.partner)),
        Fact("Partner since", console.when(case.partner.created_at)),
        Fact("Partner's latest cases", _record_words(record)),
        Fact(
            "Partner's queue",
            format_html(
                '<a class="ap-link" href="{}?partner={}">{} waiting</a>',
                url,
                case.partner_id,
                f"{record.waiting}+" if record.waiting == evidence.RECORD_MAX else record.waiting,
            ),
        ),
    ]
    if payout.execute_at:
        facts.append(Fact("Not before", console.when(payout.execute_at)))
    if payout.description:
        facts.append(Fact("Description", payout.description, wide=True))
    return facts


def _record_words(record: evidence.PartnerRecord) -> str:
    if not record.decided:
        return "none decided yet"
    return f"{record.approved} approved, {record.rejected} rejected"


def _decision_facts(decision: Decision | None) -> list[Fact]:
    if decision is None:
        return []
    return [
        Fact("Decision", ruling(decision)),
        Fact("By", console.actor(decision.actor)),
        Fact("At", console.when(decision.decided_at)),
        Fact("Reason", REASONS.get(decision.reason_code, decision.reason_code)),
        Fact("Internal", decision.internal_text, wide=True),
        Fact("To the partner", console.text_or_dash(decision.partner_text), wide=True),
        Fact("Receipt", console.link(decision, f"Number {decision.position} in the chain")),
    ]
