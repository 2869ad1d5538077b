"""The queue's page: views, filters, the cases in their order, and what a bulk decision needs."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.money import EXPONENTS
from compliance.admin.words import KIND_TONES, code_words, due_badge, marks, rule_choices
from compliance.models import Case
from compliance.selectors.claims import holder_of
from compliance.selectors.queue import CLOSED_VIEWS, VIEWS, QueueFilter, QueuePage, queue_page
from compliance.services.decide import PERMISSION, seen_mark
from compliance.services.saved_filters import filters_of
from partners.models import Partner
from payouts.admin.words import CURRENCIES

PARTNERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue."""

    case: Case
    due: SafeString
    why: str
    marks: list[SafeString]
    holder: str
    decided_by: str
    amount: SafeString
    exponent: int

    @property
    def seen(self) -> str:
        """Return what the officer saw of the case, for a bulk decision to be checked against."""
        return f"{self.case.id}:{seen_mark(self.case)}"


def queue_context(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return the page's context; eight queries however long the queue is."""
    wanted = QueueFilter.of(request.GET)
    number = request.GET.get("p", "")
    found = queue_page(wanted, user, int(number) if number.isdecimal() and len(number) < 5 else 1)
    saved = list(filters_of(user))
    rules = rule_choices()
    return {
        "title": "Cases",
        "heading": "Cases",
        "wanted": wanted,
        "count": _count(found),
        "rows": [row_of(case) for case in found.cases],
        "is_closed_view": wanted.view in CLOSED_VIEWS,
        "tabs": [
            {
                "words": words,
                "query": urlencode({"view": view}) if view else "",
                "is_current": view == wanted.view and not wanted.is_narrowed,
            }
            for view, words in VIEWS.items()
        ],
        "saved": [
            {
                "filter": one,
                "is_mine": one.user_id == user.pk,
                "is_current": one.query == wanted.query and bool(one.query),
            }
            for one in saved
        ],
        "mine": [one for one in saved if one.user_id == user.pk],
        "rules": rules,
        "partners": Partner.objects.order_by("name", "id").values_list("id", "name")[:PARTNERS_MAX],
        "currencies": CURRENCIES,
        "pages": _pages(wanted, found),
        "may_decide": user.has_perm(PERMISSION),
        "may_bulk": user.has_perm(PERMISSION) and wanted.view not in CLOSED_VIEWS,
    }


def row_of(case: Case) -> Row:
    """Return a case as one line; closed ones need their decisions prefetched."""
    payout = case.payout
    due = due_badge(case)
    decision = None if case.is_waiting else case.decision
    if decision is not None:
        due = console.toned(decision.kind, decision.get_kind_display(), KIND_TONES)
    return Row(
        case=case,
        due=due,
        why=", ".join(code_words(code) for code in case.codes),
        marks=marks(case),
        holder=holder_of(case) if case.is_waiting else "",
        decided_by=decision.actor.partition(":")[2] if decision else "",
        amount=console.money(payout.amount_minor, payout.currency),
        exponent=EXPONENTS.get(payout.currency, 2),
    )


def _count(found: QueuePage) -> str:
    if not found.cases:
        return "none"
    total = f"more than {found.total:,}" if found.has_more else f"{found.total:,}"
    return f"{found.first:,} to {found.last:,} of {total}"


def _pages(wanted: QueueFilter, found: QueuePage) -> dict[str, str]:
    """Return the queries of the page before and the page after, empty where there is none."""

    def query(number: int) -> str:
        rest = f"&{wanted.query}" if wanted.query else ""
        return f"p={number}{rest}"

    return {
        "before": query(found.number - 1) if found.number > 1 else "",
        "after": query(found.number + 1) if found.number < found.pages else "",
    }
