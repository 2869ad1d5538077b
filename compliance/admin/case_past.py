"""What was before: this account's payouts, the partner's record, cases like this one, what happened
to this case."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.console import Moment, Table
from compliance.admin.words import KIND_TONES, VERDICT_TONES, code_words
from compliance.models import Case, Decision, ScreeningRun
from compliance.models.reasons import REASONS
from compliance.selectors.cases import PAST_MAX
from payouts.admin.words import PAYOUT_TONES
from payouts.models import Payout

SHOWN_PAST = 8
HISTORY_MAX = 60


def twin_table(twin: Payout | None, payout: Payout) -> Table | None:
    """Return payout and twin side by side, None where there is no twin."""
    if twin is None:
        return None
    rows = [
        [
            label,
            console.id_link("payouts_payout", one.id, one.reference),
            console.id_link("payouts_batch", one.batch_id, one.batch.reference),
            one.recipient_name,
            console.money(one.amount_minor, one.currency),
            console.when(one.submitted_at),
            console.toned(one.state, one.get_state_display(), PAYOUT_TONES),
        ]
        for label, one in (("This one", payout), ("The other", twin))
    ]
    headers = ["", "Payout", "Batch", "Recipient", "Amount>", "Submitted", "State"]
    return Table("Side by side with its twin", headers, rows)


def past_table(past: list[Payout], decided: dict[str, Decision]) -> Table:
    """Return what went to the same account before."""
    rows = [
        [
            console.when(one.submitted_at),
            console.id_link("payouts_payout", one.id, one.reference),
            one.recipient_name,
            one.partner.name,
            console.money(one.amount_minor, one.currency),
            console.toned(one.state, one.get_state_display(), PAYOUT_TONES),
            ruling(decided.get(one.id)),
        ]
        for one in past[:SHOWN_PAST]
    ]
    more = "or more " if len(past) == PAST_MAX else ""
    return Table(
        "This recipient's account before",
        ["Submitted", "Payout", "Recipient", "Partner", "Amount>", "State", "Decision"],
        rows,
        empty="Nothing was ever sent to this account before.",
        note=f"{len(past)} {more}in all, the latest {len(rows)} shown" if past else "",
    )


def similar_table(cases: list[Case]) -> Table:
    """Return the partner's cases decided last for the same reason."""
    rows = []
    for one in cases:
        decision = one.decision
        rows.append(
            [
                console.when(one.closed_at),
                console.id_link("compliance_case", one.pk, one.payout.recipient_name),
                console.money(one.payout.amount_minor, one.payout.currency),
                ruling(decision),
                REASONS.get(decision.reason_code, decision.reason_code) if decision else "",
                decision.actor.partition(":")[2] if decision else "",
            ]
        )
    return Table(
        "Cases like this one",
        ["Decided", "Case", "Amount>", "Decision", "Reason", "By"],
        rows,
        empty="The partner had no case decided for this reason lately.",
        note="same partner, same first reason",
    )


def runs_table(runs: list[ScreeningRun]) -> Table:
    """Return every screening of the payout."""
    rows = [
        [
            console.when(run.created_at),
            run.get_occasion_display(),
            console.link(run.policy),
            console.text_or_dash(run.lists.replace(",", ", ")),
            run.score,
            console.toned(run.verdict, run.get_verdict_display().partition(":")[0], VERDICT_TONES),
            console.link(run, "Open"),
        ]
        for run in runs
    ]
    headers = ["Ran", "Why", "Policy", "Lists and revisions", "Score>", "Verdict", ""]
    return Table("Screenings", headers, rows)


def ruling(decision: Decision | None) -> object:
    """Return a decision as a badge."""
    if decision is None:
        return console.NOTHING
    return console.toned(decision.kind, decision.get_kind_display(), KIND_TONES)


def timeline(case: Case, decisions: list[Decision], titles: Mapping[str, str]) -> list[Moment]:
    """Return what happened to the case, oldest first: from its history and its receipts; `titles`
    are the rules' by code."""
    moments = [Moment(case.payout.submitted_at, "Submitted", case.partner.name)]
    before: Any = None
    for row in case.history.order_by("history_id")[:HISTORY_MAX]:
        moments += _changes(row, before, titles)
        before = row
    for decision in decisions:
        title = format_html(
            "{}, {}", decision.get_kind_display(), decision.get_stage_display().lower()
        )
        reason = REASONS.get(decision.reason_code, decision.reason_code)
        detail = format_html(
            "{}: {}<br>{}, {}",
            reason,
            decision.internal_text,
            console.actor(decision.actor),
            console.link(decision, f"receipt {decision.position}"),
        )
        tone = KIND_TONES.get(decision.kind, "idle") if decision.is_in_effect else "info"
        moments.append(Moment(decision.decided_at, title, detail, tone))
    return sorted(moments, key=lambda moment: moment.at)


def _changes(row: Any, before: Any, titles: Mapping[str, str]) -> list[Moment]:
    """Return what one row of history says happened; decisions speak for themselves."""
    who = console.actor(row.actor)
    if before is None:
        return [Moment(row.history_date, "Flagged", _words(row.codes, titles), "warn")]
    made = []
    if row.escalated_at and not before.escalated_at:
        made.append(Moment(row.history_date, "Escalated", _note(row.escalation_note, who), "warn"))
    if row.raised_at != before.raised_at:
        new = _words([code for code in row.codes if code not in before.codes], titles)
        made.append(Moment(row.history_date, "A later screening added to it", new, "warn"))
    if row.state == "withdrawn":
        made.append(Moment(row.history_date, "Withdrawn: the partner canceled", who))
    if row.assignee_id and row.assignee_id != before.assignee_id:
        reason = row.history_change_reason or "claimed"
        made.append(Moment(row.history_date, reason.capitalize(), who, "info"))
    if before.assignee_id and not row.assignee_id and row.state == before.state == "open":
        made.append(Moment(row.history_date, "Given back to the queue", who))
    return made


def _words(codes: Iterable[str], titles: Mapping[str, str]) -> str:
    return ", ".join(titles.get(code) or code_words(code) for code in codes)


def _note(note: str, who: object) -> object:
    return format_html("{}<br>{}", note, who) if note else who
