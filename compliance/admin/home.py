"""The console's first page: what needs somebody now, where payouts are, whether the audit holds."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse

from atlaspay.core import console
from atlaspay.core.console import Call, Table
from compliance.admin.words import KIND_TONES
from compliance.models import Case, Decision
from payouts.admin.words import PAYOUT_TONES
from payouts.machine import State
from payouts.models import Payout, RailState

LATEST = 8


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the front page shows to unfold's context; only what this person may see."""
    user = request.user
    tiles: list[dict[str, Any]] = []
    tables: list[Table] = []
    calls: list[Call] = []
    if isinstance(user, User) and user.has_perm("compliance.view_case"):
        tiles += _case_tiles(user)
        tables.append(_latest_decisions())
    if user.has_perm("payouts.view_payout"):
        tiles += _waiting_tiles()
        calls += _paused_rails()
    return {**context, "title": "Home", "tiles": tiles, "tables": tables, "calls": calls}


def _case_tiles(user: User) -> list[dict[str, Any]]:
    figures = Case.objects.filter(state=Case.State.OPEN).aggregate(
        count=Count("id"), late=Count("id", filter=Q(due_at__lt=Now())), oldest=Min("opened_at")
    )
    url = reverse("admin:compliance_case_changelist")
    oldest = figures["oldest"]
    return [
        {
            "url": url,
            "figure": f"{figures['count']:,}",
            "words": "cases wait for a decision",
            "note": f"oldest flagged {console.distance(oldest)}"
            if oldest
            else "the queue is empty",
        },
        {
            "url": url,
            "figure": f"{figures['late']:,}",
            "words": "of them are late",
            "note": console.badge("late", "bad")
            if figures["late"]
            else console.badge("on time", "good"),
        },
    ]


def _waiting_tiles() -> list[dict[str, Any]]:
    """Count the states a payout passes in seconds: each has a partial index and seldom many."""
    shown = (State.SCREENING, State.QUEUED, State.SENDING, State.SENT)
    counts = dict(
        Payout.objects.filter(state__in=shown).order_by().values_list("state").annotate(Count("id"))
    )
    url = reverse("admin:payouts_payout_changelist")
    return [
        {
            "url": f"{url}?state__exact={state}",
            "figure": f"{counts.get(state, 0):,}",
            "words": State(state).label.lower(),
            "note": "",
        }
        for state in shown
    ]


def _paused_rails() -> list[Call]:
    return [
        Call(f"The rail {rail.rail} is paused by {rail.actor}: {rail.reason}", "bad")
        for rail in RailState.objects.filter(is_paused=True).order_by("rail")
    ]


def _latest_decisions() -> Table:
    decisions = Decision.objects.select_related("payout").order_by("-position")[:LATEST]
    rows = [
        [
            console.when(decision.decided_at),
            console.link(decision, f"Receipt {decision.position}"),
            console.toned(decision.kind, decision.get_kind_display(), KIND_TONES),
            decision.payout.recipient_name,
            console.money(decision.payout.amount_minor, decision.payout.currency),
            console.toned(decision.payout.state, decision.payout.get_state_display(), PAYOUT_TONES),
            decision.actor.partition(":")[2],
        ]
        for decision in decisions
    ]
    headers = ["Decided", "Receipt", "Decision", "Recipient", "Amount>", "Payout now", "By"]
    return Table("Latest decisions", headers, rows, empty="Nothing was decided yet.")
