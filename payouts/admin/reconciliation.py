"""Reconciliation in the console: the breaks, open ones first, and the totals they explain.

Read-only: breaks are taken and closed by the `reconcile` command.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import F, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin, choice_filter
from atlaspay.core.console import Call, Fact, Table
from payouts.admin.words import CURRENCIES
from payouts.models import BankEntry, BankStream, ReconciliationBreak
from payouts.services import banking, reconciliation
from payouts.services.reconciliation import Total

NEXT_STEPS = {
    "ours_only": "Ask the bank for the entry. Closes by itself when it is booked.",
    "theirs_only": "Find out what it was. Money of a partner is booked by fund_partner under the"
    " entry's reference, and the break then closes by itself.",
    "amount_differs": "Ask the bank which amount is right. Nothing here is changed meanwhile.",
    "booked_twice": "Claim the second debit back from the bank.",
    "state_differs": "The partner got the money back, and the bank paid as well: recall it at the"
    " bank, or settle it with the partner.",
    "entry_changed": "A bank must not change a booked entry: ask for its statement in writing.",
    "notice_differs": "The entry counts, not the notification. Tell the bank.",
    "statement_missing": "Wait for the statement of the next day; closes by itself when it lists"
    " the entry.",
    "statement_differs": "Ask the bank for a corrected statement and read the day again.",
}


@admin.register(ReconciliationBreak)
class ReconciliationBreakAdmin(ReadOnlyAdmin):
    """Breaks, open ones first, under the totals of each bank and currency."""

    list_display = ["number", "what", "ours", "bank", "about", "opened", "status", "owner"]
    list_display_links = ["number", "what"]
    list_filter = ["kind", choice_filter("currency", "currency", CURRENCIES)]
    list_before_template = "admin/payouts/reconciliationbreak/totals.html"
    ordering = [F("resolved_at").desc(nulls_first=True), "-id"]
    search_fields = ["=payout__id", "=subject", "=entry__end_to_end_id"]
    search_help_text = "Payout id, end-to-end id, or entry:<the bank's reference>"
    page_template = "console/page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationBreak]:
        """Bring the payout's name along."""
        queryset: QuerySet[ReconciliationBreak] = super().get_queryset(request)
        return queryset.select_related("payout", "entry").defer("payout__account_sealed")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Put the totals above the list; who may not read the list is refused by it."""
        tables = [_totals()] if self.has_view_permission(request) else []
        context = {"title": "Reconciliation", "tables": tables, **(extra_context or {})}
        return super().changelist_view(request, context)

    @display(description="Break", ordering="id")
    def number(self, row: ReconciliationBreak) -> object:
        """Return the number people call it by."""
        return f"#{row.pk}"

    @display(description="What", ordering="kind")
    def what(self, row: ReconciliationBreak) -> object:
        """Return its kind in words."""
        return row.get_kind_display()

    @display(description="Ours")
    def ours(self, row: ReconciliationBreak) -> object:
        """Return what our books say."""
        return console.money(row.expected_minor, row.currency)

    @display(description="Bank's")
    def bank(self, row: ReconciliationBreak) -> object:
        """Return what the bank says."""
        return console.money(row.actual_minor, row.currency)

    @display(description="About")
    def about(self, row: ReconciliationBreak) -> object:
        """Return the payout, or else the bank's line."""
        return row.payout.reference if row.payout else console.code(row.subject)

    @display(description="Opened", ordering="opened_at")
    def opened(self, row: ReconciliationBreak) -> object:
        """Return since when."""
        return console.when(row.opened_at)

    @display(description="State", ordering="resolved_at")
    def status(self, row: ReconciliationBreak) -> object:
        """Return whether it is open."""
        return _badge(row)

    def page(self, request: HttpRequest, obj: ReconciliationBreak) -> dict[str, Any]:
        """Return the break with both sides, and what to do."""
        facts = [
            Fact("Our books", console.money(obj.expected_minor, obj.currency)),
            Fact("Bank", console.money(obj.actual_minor, obj.currency)),
            Fact("Payout", console.link(obj.payout, obj.payout and obj.payout.reference)),
            Fact("Opened", console.when(obj.opened_at)),
            Fact("Closed", console.when(obj.resolved_at)),
            Fact("Closed by", console.actor(obj.resolved_by) if obj.resolved_by else "—"),
            Fact("Owner", console.actor(obj.owner) if obj.owner else "nobody yet"),
            Fact("About", console.code(obj.subject)),
            Fact("Detail", console.text_or_dash(obj.detail), wide=True),
            Fact("Note", console.text_or_dash(obj.note), wide=True),
        ]
        calls = [] if obj.resolved_at else [Call(NEXT_STEPS[obj.kind], "warn")]
        return {
            "heading": f"Break #{obj.pk}: {obj.get_kind_display().lower()}",
            "badges": _badge(obj),
            "calls": calls,
            "facts": facts,
            "tables": [_entry(obj.entry)] if obj.entry else [],
        }


def _badge(row: ReconciliationBreak) -> SafeString:
    if row.resolved_at is None:
        return console.badge("Open", "bad")
    return console.badge("Closed by hand" if row.is_resolved_by_hand else "Agrees since", "idle")


def _entry(entry: BankEntry) -> Table:
    rows: list[list[object]] = [
        ["Reference", console.code(entry.reference)],
        ["Kind", entry.kind],
        ["Amount", console.money(entry.amount_minor, entry.currency)],
        ["Booked", console.when(entry.booked_at)],
        ["End-to-end id", console.code(entry.end_to_end_id)],
        ["Bank's reference", console.code(entry.bank_reference)],
        ["On the statement of", console.text_or_dash(entry.statement_on)],
        ["Read", console.when(entry.read_at)],
    ]
    return Table("The bank's entry", ["", ""], rows)


def _totals() -> Table:
    rows = []
    read = dict(
        BankStream.objects.filter(kind=BankStream.Kind.ENTRIES)
        .values("provider")
        .annotate(read=Min("read_at"))
        .values_list("provider", "read")
    )
    for provider in sorted(banking.providers()):
        names = [rail.name for rail in banking.rails().of_provider(provider)]
        rows += [
            [
                f"{provider} {total.currency}",
                console.money(total.ledger_minor, total.currency),
                console.money(total.bank_minor, total.currency),
                console.money(total.difference_minor, total.currency),
                _explained(total),
                _rest(total),
                console.when(read.get(provider)),
            ]
            for total in reconciliation.totals(provider, names)
        ]
    headers = ["Bank", "Our books>", "Bank>", "Difference>", "Explained by", "Rest>", "Read to"]
    return Table(
        "Totals",
        headers,
        rows,
        empty="No money on either side yet.",
        note="cash at the bank: what our ledger says, what the bank booked, and why they differ",
    )


def _explained(total: Total) -> SafeString:
    lines = (
        (
            console.money(part.amount_minor, total.currency),
            kind.replace("_", " "),
            f"{part.count:,}",
        )
        for kind, part in total.parts.items()
    )
    return format_html_join(SafeString("<br>"), "{} {} ({})", lines) or console.NOTHING


def _rest(total: Total) -> SafeString:
    figures = console.money(total.unexplained_minor, total.currency)
    return console.badge(figures, "bad") if total.unexplained_minor else figures
