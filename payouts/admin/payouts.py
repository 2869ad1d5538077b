"""The list of payouts. Its page is put together in `payout_page`."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from payouts.admin.dashboard import DashboardViews
from payouts.admin.payout_page import payout_page
from payouts.admin.words import PAYOUT_TONES, rail_words
from payouts.models import Payout


@admin.register(Payout)
class PayoutAdmin(DashboardViews, ReadOnlyAdmin):
    """Payouts, newest first."""

    list_display = ["name", "recipient", "amount", "status", "partner_words", "way", "submitted"]
    list_display_links = ["name"]
    # By what has an index: a rare rail or currency would read the whole table for one page.
    list_filter = ["state", "partner"]
    list_select_related = ["partner"]
    ordering = ["-id"]
    search_fields = ["=id", "=reference", "=batch__id", "=attempts__end_to_end_id"]
    search_help_text = "Payout or batch id, reference, or the bank's end-to-end id: exact"
    page_template = "admin/payouts/payout/page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payout]:
        """Leave out what no list shows, sealed accounts above all."""
        queryset: QuerySet[Payout] = super().get_queryset(request)
        return queryset.defer("account_sealed", "account_index", "metadata")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payout], search_term: str
    ) -> tuple[QuerySet[Payout], bool]:
        """Look where the term's own shape says: each branch has an index, an OR of them has
        none."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("po_"):
            return queryset.filter(id=term), False
        if term.startswith("bt_"):
            return queryset.filter(batch_id=term), False
        by_bank = queryset.filter(attempts__end_to_end_id=term)
        return (by_bank if by_bank.exists() else queryset.filter(reference=term)), False

    @display(description="Reference", ordering="id")
    def name(self, payout: Payout) -> object:
        """Return the partner's reference."""
        return payout.reference

    @display(description="Recipient")
    def recipient(self, payout: Payout) -> object:
        """Return who is paid."""
        return f"{payout.recipient_name}, {payout.recipient_country}"

    @display(description="Amount")
    def amount(self, payout: Payout) -> object:
        """Return the amount."""
        return console.money(payout.amount_minor, payout.currency)

    @display(description="State")
    def status(self, payout: Payout) -> object:
        """Return where it is."""
        return console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES)

    @display(description="Partner")
    def partner_words(self, payout: Payout) -> object:
        """Return who sends it."""
        return payout.partner.name

    @display(description="Rail")
    def way(self, payout: Payout) -> object:
        """Return the rail."""
        return rail_words(payout.rail) or console.NOTHING

    @display(description="Submitted")
    def submitted(self, payout: Payout) -> object:
        """Return when it came in."""
        return console.when(payout.submitted_at)

    def page(self, request: HttpRequest, obj: Payout) -> dict[str, Any]:
        """Return the payout's page."""
        return payout_page(obj)
