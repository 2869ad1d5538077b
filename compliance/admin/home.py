"""The console's first page: what needs this person now, how the day flows, how the rails do,
whether the audit holds. Everything counted is counted to a bound."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.console import Call, Table
from compliance.admin.audit import PROOF_TEMPLATE
from compliance.admin.chart import bars
from compliance.admin.queue import Row, row_of
from compliance.admin.words import KIND_TONES, rule_choices
from compliance.models import Case, Decision
from compliance.selectors import today
from compliance.selectors.proof import proof
from compliance.services.assign import actionable
from compliance.services.permissions import DECIDE, is_lead
from payouts.admin.words import PAYOUT_TONES, rail_words
from payouts.machine import State
from payouts.selectors.rails import COUNT_MAX as PAYOUTS_MAX
from payouts.selectors.rails import RailHealth, rails_health

LATEST, NEXT = 6, 8


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure that leads somewhere."""

    figure: str
    words: str
    url: str
    tone: str = ""
    note: str = ""


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the front page shows to unfold's context; only what this person may see."""
    user = request.user
    made: dict[str, Any] = {"title": "Home", "heading": "Home", "tiles": [], "tables": []}
    if isinstance(user, User) and user.has_perm("compliance.view_case"):
        made |= _review(user)
    if user.has_perm("compliance.view_decision"):
        made |= {"proof": proof(), "proof_template": PROOF_TEMPLATE}
    if user.has_perm("payouts.view_railstate"):
        rails = rails_health()
        made |= {"rails": _rails(rails), "calls": _paused(rails)}
    return {**context, **made}


def _review(user: User) -> dict[str, Any]:
    rule_choices()  # the live policy's words for its codes
    figures = today.figures(user)
    flow = today.flow()
    may_decide = user.has_perm(DECIDE)
    return {
        "may_decide": may_decide,
        "tiles": _tiles(figures, user),
        "next": _next(user) if may_decide else [],
        "flow": flow,
        "flow_words": _flow_words(flow),
        "chart": bars(flow.hours),
        "tables": [_latest_decisions()],
    }


def _tiles(figures: today.Figures, user: User) -> list[Tile]:
    url = reverse("admin:compliance_case_changelist")
    oldest = figures.oldest_at
    tiles = [
        Tile(
            _bounded(figures.late, today.COUNT_MAX),
            "late",
            f"{url}?view=late",
            tone="bad" if figures.late else "good",
            note="decide these first" if figures.late else "all on time",
        ),
        Tile(
            _bounded(figures.waiting, today.COUNT_MAX),
            "cases wait",
            url,
            note=f"oldest flagged {console.distance(oldest)}" if oldest else "the queue is empty",
        ),
        Tile(f"{figures.mine:,}", "claimed by you", f"{url}?view=mine"),
        Tile(f"{figures.second:,}", "wait for a second officer", f"{url}?view=second"),
    ]
    if is_lead(user) or figures.escalated:
        tone = "warn" if figures.escalated and is_lead(user) else ""
        tiles.append(
            Tile(f"{figures.escalated:,}", "escalated to the leads", f"{url}?view=escalated", tone)
        )
    return tiles


def _next(user: User) -> list[Row]:
    """Return what this person may act on, soonest due first: their own, proposals and escalated
    cases among them."""
    rows: list[Case] = list(
        actionable(user)
        .select_related("payout", "partner", "assignee")
        .defer("payout__account_sealed", "payout__account_index", "payout__metadata")
        .order_by("due_at", "id")[:NEXT]
    )
    return [row_of(case) for case in rows]


def _flow_words(flow: today.Flow) -> list[tuple[str, str]]:
    median = "—" if flow.median_s is None else console.span(flow.median_s)
    people = flow.decided - flow.automatic
    return [
        ("flagged", f"{flow.opened:,}"),
        ("decided by officers", f"{people:,}"),
        ("approved automatically", f"{flow.automatic:,}"),
        ("rejected", f"{flow.rejected:,}"),
        ("median time in hand", median),
    ]


def _rails(rails: list[RailHealth]) -> Table:
    url = reverse("admin:payouts_payout_changelist")
    rows = [
        [
            rail_words(one.rail),
            console.badge("Paused", "bad") if one.is_paused else console.badge("Running", "good"),
            _bounded(one.counts.get(State.QUEUED, 0), PAYOUTS_MAX),
            f"{one.under_way:,}",
            console.badge(f"{one.unknown:,}", "warn") if one.unknown else "0",
        ]
        for one in rails
    ]
    note = format_html('<a class="ap-link" href="{}?state__exact=queued">what waits</a>', url)
    headers = ["Rail", "State", "Queued>", "At bank>", "Unknown>"]
    return Table("Rails", headers, rows, note=note)


def _paused(rails: list[RailHealth]) -> list[Call]:
    url = reverse("admin:payouts_railstate_changelist")
    return [
        Call(
            format_html(
                'The rail <a class="ap-link" href="{}">{}</a> is paused by {}: {}',
                url,
                rail_words(one.rail),
                console.actor(one.actor),
                one.reason,
            ),
            "bad",
        )
        for one in rails
        if one.is_paused
    ]


def _latest_decisions() -> Table:
    decisions = (
        Decision.objects.select_related("payout")
        .defer("evidence", "before", "after", "payout__account_sealed", "payout__metadata")
        .order_by("-position")[:LATEST]
    )
    rows = [
        [
            console.when(decision.decided_at),
            console.link(decision, f"Receipt {decision.position}"),
            console.toned(decision.kind, decision.get_kind_display(), KIND_TONES),
            decision.payout.recipient_name,
            console.money(decision.payout.amount_minor, decision.payout.currency),
            console.toned(decision.payout.state, decision.payout.get_state_display(), PAYOUT_TONES),
            console.actor(decision.actor),
        ]
        for decision in decisions
    ]
    headers = ["Decided", "Receipt", "Decision", "Recipient", "Amount>", "Payout now", "By"]
    return Table("Latest decisions", headers, rows, empty="Nothing was decided yet.")


def _bounded(count: int, most: int) -> str:
    return f"{count:,}+" if count >= most else f"{count:,}"
