"""One payout from every side: timeline, attempts, ledger lines, deliveries, history before and
after."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.console import Call, Fact, Moment, Table
from ledger import selectors as ledger
from payouts.admin.words import (
    ATTEMPT_TONES,
    CALLBACK_TONES,
    DELIVERY_TONES,
    PAYOUT_TONES,
    rail_words,
)
from payouts.machine import FINAL_STATES, Stage, State
from payouts.models import Attempt, BankCallback, Payout, Return
from payouts.wording import step
from webhooks.models import Delivery

HISTORY_MAX = 200
# Bookkeeping of the queue: true, kept, and nothing a reader of the before and after looks for.
_QUIET = frozenset(
    {"version", "updated_at", "claim_id", "leased_until", "event_count", "last_event_id", "due_at"}
)


def payout_page(payout: Payout) -> dict[str, Any]:
    """Return the page's context; eight queries."""
    history = list(payout.history.order_by("history_id")[:HISTORY_MAX])
    attempts = list(payout.attempts.order_by("number"))
    returns = list(payout.returns.order_by("id"))
    deliveries = list(
        Delivery.objects.filter(event__object_id=payout.id)
        .select_related("event", "endpoint")
        .order_by("sequence", "id")
    )
    return {
        "title": payout.reference,
        "heading": format_html(
            "{} to {}", console.money(payout.amount_minor, payout.currency), payout.recipient_name
        ),
        "badges": console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES),
        "summary": format_html(
            "{} · {} · submitted {}",
            payout.reference,
            payout.partner.name,
            console.when(payout.submitted_at),
        ),
        "calls": _calls(payout),
        "facts": _facts(payout),
        "tables": [
            _attempt_table(attempts),
            *_callback_table(attempts),
            *_return_table(returns),
            _ledger_table(payout),
            _delivery_table(deliveries),
            _difference_table(history),
        ],
        "timeline": _timeline(history, attempts, returns),
    }


def _calls(payout: Payout) -> list[Call]:
    """Say why it waits, or why it failed."""
    if payout.state in (State.FAILED, State.RETURNED):
        words = payout.failure_message or payout.failure_code
        return [
            Call(
                format_html("{} <span class='ap-dim'>({})</span>", words, payout.failure_code),
                "bad",
            )
        ]
    if payout.state in FINAL_STATES:
        return []
    if payout.state == State.IN_REVIEW:
        url = reverse("admin:compliance_case_changelist")
        words = format_html(
            'Held for an officer. <a class="ap-link" href="{}?q={}">Open its case</a>',
            url,
            payout.id,
        )
        return [Call(words, "warn")]
    tone = "warn" if payout.stage in (Stage.OUTCOME_UNKNOWN, Stage.BLOCKED) else "info"
    due = format_html(" Next look {}.", console.distance(payout.due_at)) if payout.due_at else ""
    words = format_html(
        "{}: {}{}",
        payout.get_stage_display(),
        step(payout.state, payout.stage).next_step or "",
        due,
    )
    return [Call(words, tone)]


def _facts(payout: Payout) -> list[Fact]:
    facts = [
        Fact("Recipient", f"{payout.recipient_name}, {payout.recipient_country}"),
        Fact("Account", console.account(payout.account_last4, payout.account_bank)),
        Fact("Rail", console.text_or_dash(rail_words(payout.rail or payout.rail_requested))),
        Fact("Stage", payout.get_stage_display()),
        Fact("Partner", console.link(payout.partner)),
        Fact(
            "Batch",
            format_html(
                "{}, item {}",
                console.link(payout.batch, payout.batch.reference),
                payout.position + 1,
            ),
        ),
        Fact("Submitted", console.when(payout.submitted_at)),
        Fact("Final", console.when(payout.final_at)),
        Fact("Payout id", console.code(payout.id)),
    ]
    if payout.fallback_reason:
        facts.append(Fact("Why this rail", payout.fallback_reason))
    if payout.execute_at:
        facts.append(Fact("Not before", console.when(payout.execute_at)))
    if payout.returned_minor:
        facts.append(Fact("Came back", console.money(payout.returned_minor, payout.currency)))
    if payout.description:
        facts.append(Fact("Description", payout.description, wide=True))
    return facts


def _attempt_table(attempts: list[Attempt]) -> Table:
    rows = [
        [
            attempt.number,
            rail_words(attempt.rail),
            console.toned(attempt.state, attempt.get_state_display(), ATTEMPT_TONES),
            console.when(attempt.started_at),
            console.when(attempt.answered_at),
            _bank_words(attempt),
            console.code(attempt.end_to_end_id),
        ]
        for attempt in attempts
    ]
    headers = ["No.>", "Rail", "State", "Sent", "Answered", "What the bank said", "End-to-end id"]
    return Table("Attempts", headers, rows, empty="Nothing was sent to a bank yet.")


def _bank_words(attempt: Attempt) -> object:
    parts = [attempt.bank_status, attempt.bank_code, attempt.detail]
    if attempt.sends > 1:
        parts.append(f"sent {attempt.sends} times with one key")
    if attempt.inquiries:
        parts.append(f"asked {attempt.inquiries} times")
    return console.text_or_dash(", ".join(part for part in parts if part))


def _callback_table(attempts: list[Attempt]) -> list[Table]:
    callbacks = (
        BankCallback.objects.filter(attempt__in=attempts).defer("body_sealed").order_by("id")
    )
    rows = [
        [
            console.when(callback.received_at),
            rail_words(callback.rail),
            console.toned(callback.state, callback.get_state_display(), CALLBACK_TONES),
            console.text_or_dash(callback.detail),
            console.link(callback, "Open"),
        ]
        for callback in callbacks
    ]
    headers = ["Received", "Rail", "State", "Detail", ""]
    return [Table("Bank callbacks", headers, rows)] if rows else []


def _return_table(returns: list[Return]) -> list[Table]:
    rows = [
        [
            console.when(one.returned_at),
            console.money(one.amount_minor, one.currency),
            f"{one.bank_code} {one.canonical_code.replace('_', ' ')}",
            console.code(one.bank_reference),
        ]
        for one in returns
    ]
    headers = ["Returned", "Amount>", "Why", "Bank's reference"]
    return [Table("Returns", headers, rows)] if rows else []


def _ledger_table(payout: Payout) -> Table:
    lines = ledger.lines(payout.id)
    rows = [
        [
            console.when(line.created_at),
            console.id_link("ledger_journal", str(line.journal_id), line.kind.replace(".", ": ")),
            _account_words(line.account, payout),
            console.money(line.amount_minor, line.currency) if line.amount_minor > 0 else "",
            console.money(-line.amount_minor, line.currency) if line.amount_minor < 0 else "",
        ]
        for line in lines
    ]
    debits = sum(line.amount_minor for line in lines if line.amount_minor > 0)
    credits_ = -sum(line.amount_minor for line in lines if line.amount_minor < 0)
    footer = (
        [
            "",
            "",
            "Sum",
            console.money(debits, payout.currency),
            console.money(credits_, payout.currency),
        ]
        if lines
        else []
    )
    headers = ["Booked", "Journal", "Account", "Debit>", "Credit>"]
    return Table("Ledger", headers, rows, footer=footer)


def _account_words(name: str, payout: Payout) -> str:
    _, who, role, _ = name.split(":")
    who = payout.partner.name if who == payout.partner_id else rail_words(who)
    return f"{who}: {role.replace('_', ' ')}"


def _delivery_table(deliveries: list[Delivery]) -> Table:
    rows = [
        [
            delivery.sequence,
            delivery.event.type,
            delivery.endpoint.url,
            console.toned(delivery.state, delivery.get_state_display(), DELIVERY_TONES),
            delivery.attempt_count,
            console.when(delivery.delivered_at or delivery.due_at),
        ]
        for delivery in deliveries
    ]
    headers = ["No.>", "Event", "Endpoint", "State", "Sends>", "Delivered or due"]
    return Table("Webhooks", headers, rows, empty="No endpoint of the partner wants its events.")


def _difference_table(history: list[Any]) -> Table:
    rows = []
    before: dict[str, Any] = {}
    for row in history:
        now = {
            field.attname: getattr(row, field.attname)
            for field in row.tracked_fields
            if field.attname not in _QUIET
        }
        changes = [name for name in now if before and now[name] != before[name]]
        rows.append(
            [
                console.when(row.history_date),
                console.actor(row.actor),
                console.text_or_dash(row.history_change_reason),
                _changes(changes, before, now) if before else "Submitted",
            ]
        )
        before = now
    headers = ["At", "Who", "Why", "Before and after"]
    return Table("History", headers, rows, note="written by the database; cannot be changed")


def _changes(names: list[str], before: dict[str, Any], now: dict[str, Any]) -> SafeString:
    html = SafeString()
    for name in names:
        html += format_html(
            "{}{} <del>{}</del> → <ins>{}</ins>",
            SafeString("<br>") if html else "",
            name.replace("_", " "),
            _plain(before[name]),
            _plain(now[name]),
        )
    return html or console.NOTHING


def _plain(value: object) -> object:
    if hasattr(value, "strftime"):
        return f"{value:%H:%M:%S}"
    return "nothing" if value in ("", None) else value


def _timeline(history: list[Any], attempts: list[Attempt], returns: list[Return]) -> list[Moment]:
    moments = []
    was = ""
    for row in history:
        if row.state != was:
            stage = dict(Stage.choices).get(row.stage, row.stage)
            words = State(row.state).label if row.state in FINAL_STATES else stage
            why = f"{row.history_change_reason}, " if row.history_change_reason else ""
            by = format_html("{}by {}", why, console.actor(row.actor))
            moments.append(Moment(row.history_date, words, by, PAYOUT_TONES[row.state]))
            was = row.state
    for attempt in attempts:
        if attempt.answered_at:
            title = f"Bank, attempt {attempt.number}: {attempt.get_state_display().lower()}"
            tone = ATTEMPT_TONES[attempt.state]
            moments.append(Moment(attempt.answered_at, title, _bank_words(attempt), tone))
    for one in returns:
        title = format_html("{} came back", console.money(one.amount_minor, one.currency))
        detail = f"{one.bank_code} {one.canonical_code.replace('_', ' ')}"
        moments.append(Moment(one.returned_at, title, detail, "bad"))
    return sorted(moments, key=lambda moment: moment.at)
