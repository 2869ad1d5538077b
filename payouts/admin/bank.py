"""What banks were sent and what they said: attempts, callbacks, returns."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin, choice_filter
from atlaspay.core.console import Fact, Table
from payouts.admin.words import CALLBACK_TONES, RAIL_CHOICES, rail_words
from payouts.models import BankCallback, Return

# A bank's headers hold no secret of ours, but a signature is nobody's business on a screen.
_HIDDEN_HEADERS = frozenset({"authorization", "cookie", "webhook-signature", "x-signature"})


@admin.register(BankCallback)
class BankCallbackAdmin(ReadOnlyAdmin):
    """Callbacks, newest first; the raw body stays sealed."""

    list_display = ["received", "way", "message_id", "status", "detail"]
    list_display_links = ["message_id"]
    list_filter = ["state", choice_filter("rail", "rail", RAIL_CHOICES)]
    ordering = ["-id"]
    search_fields = ["=id", "=message_id"]
    search_help_text = "Callback or message id"
    page_template = "console/page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankCallback]:
        """Leave the body where it is."""
        queryset: QuerySet[BankCallback] = super().get_queryset(request)
        return queryset.defer("body_sealed").select_related("attempt__payout")

    @display(description="Received", ordering="id")
    def received(self, callback: BankCallback) -> object:
        """Return when it came."""
        return console.when(callback.received_at)

    @display(description="Rail")
    def way(self, callback: BankCallback) -> object:
        """Return the rail."""
        return rail_words(callback.rail)

    @display(description="State")
    def status(self, callback: BankCallback) -> object:
        """Return what became of it."""
        return console.toned(callback.state, callback.get_state_display(), CALLBACK_TONES)

    def page(self, request: HttpRequest, obj: BankCallback) -> dict[str, Any]:
        """Return the message without its body."""
        payout = obj.attempt.payout if obj.attempt else None
        headers = [
            [name, "hidden" if name.lower() in _HIDDEN_HEADERS else console.code(value)]
            for name, value in sorted(obj.headers.items())
        ]
        return {
            "heading": f"Callback of {rail_words(obj.rail)}",
            "badges": console.toned(obj.state, obj.get_state_display(), CALLBACK_TONES),
            "facts": [
                Fact("Payout", console.link(payout)),
                Fact("Received", console.when(obj.received_at)),
                Fact("Processed", console.when(obj.processed_at)),
                Fact("Tries", obj.tries),
                Fact("Message id", console.code(obj.message_id)),
                Fact("Detail", console.text_or_dash(obj.detail), wide=True),
            ],
            "tables": [Table("Headers", ["Name", "Value"], headers)],
        }


@admin.register(Return)
class ReturnAdmin(ReadOnlyAdmin):
    """Money that came back, newest first."""

    list_display = ["name", "amount", "why", "way", "returned"]
    list_display_links = ["name"]
    list_filter = [choice_filter("rail", "rail", RAIL_CHOICES)]
    list_select_related = ["payout"]
    ordering = ["-id"]
    search_fields = ["=id", "=payout__id", "=bank_reference"]
    search_help_text = "Return or payout id, or the bank's reference"
    page_template = "console/page.html"

    @display(description="Payout")
    def name(self, one: Return) -> object:
        """Return the payout's reference and recipient."""
        return f"{one.payout.reference}, {one.payout.recipient_name}"

    @display(description="Amount")
    def amount(self, one: Return) -> object:
        """Return what came back."""
        return console.money(one.amount_minor, one.currency)

    @display(description="Why")
    def why(self, one: Return) -> object:
        """Return the bank's code and ours."""
        return f"{one.bank_code} {one.canonical_code.replace('_', ' ')}"

    @display(description="Rail")
    def way(self, one: Return) -> object:
        """Return the rail."""
        return rail_words(one.rail)

    @display(description="Returned", ordering="returned_at")
    def returned(self, one: Return) -> object:
        """Return when."""
        return console.when(one.returned_at)

    def page(self, request: HttpRequest, obj: Return) -> dict[str, Any]:
        """Return all of it."""
        return {
            "heading": "Return",
            "badges": console.badge(obj.bank_code, "bad"),
            "facts": [
                Fact("Came back", console.money(obj.amount_minor, obj.currency)),
                Fact("Of", console.money(obj.payout.amount_minor, obj.payout.currency)),
                Fact("Payout", console.link(obj.payout, obj.payout.reference)),
                Fact("Why", self.why(obj)),
                Fact("Rail", rail_words(obj.rail)),
                Fact("Returned", console.when(obj.returned_at)),
                Fact("Booked", console.when(obj.created_at)),
                Fact("Bank's reference", console.code(obj.bank_reference)),
            ],
        }
