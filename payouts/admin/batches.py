"""Batches: counts and sums per status, refused items, the payouts."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin, choice_filter
from atlaspay.core.console import Fact, Table
from payouts.admin.words import BATCH_TONES, CURRENCIES, PAYOUT_TONES, rail_words
from payouts.models import Batch, Payout
from payouts.representation import batch_status
from payouts.selectors.batches import counters_of

ITEMS_SHOWN = 100


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """Batches, newest first."""

    list_display = ["name", "partner_words", "items", "amount", "intake_words", "created", "ended"]
    list_display_links = ["name"]
    list_filter = ["intake", choice_filter("currency", "currency", CURRENCIES), "partner"]
    list_select_related = ["partner"]
    ordering = ["-id"]
    search_fields = ["=id", "=reference"]
    search_help_text = "Batch id or reference: exact"
    page_template = "console/page.html"

    @display(description="Reference", ordering="id")
    def name(self, batch: Batch) -> object:
        """Return the partner's reference."""
        return batch.reference

    @display(description="Partner")
    def partner_words(self, batch: Batch) -> object:
        """Return who sent it."""
        return batch.partner.name

    @display(description="Items")
    def items(self, batch: Batch) -> object:
        """Return how many were taken in."""
        if batch.accepted_count == batch.item_count:
            return f"{batch.item_count:,}"
        return f"{batch.accepted_count:,} of {batch.item_count:,}"

    @display(description="Amount")
    def amount(self, batch: Batch) -> object:
        """Return the sum taken in."""
        return console.money(batch.accepted_minor, batch.currency)

    @display(description="Intake")
    def intake_words(self, batch: Batch) -> object:
        """Return what became of the request."""
        tones = {"received": "info", "accepted": "good", "rejected": "bad"}
        return console.toned(batch.intake, batch.get_intake_display(), tones)

    @display(description="Received")
    def created(self, batch: Batch) -> object:
        """Return when it came."""
        return console.when(batch.created_at)

    @display(description="Completed")
    def ended(self, batch: Batch) -> object:
        """Return when its last payout ended."""
        return console.when(batch.completed_at)

    def page(self, request: HttpRequest, obj: Batch) -> dict[str, Any]:
        """Return counts and sums per state, refused items, the first payouts."""
        counters = counters_of([obj.id]).get(obj.id, {})
        status = batch_status(obj, counters)
        payouts = (
            Payout.objects.filter(batch=obj)
            .defer("account_sealed", "metadata")
            .order_by("position")[:ITEMS_SHOWN]
        )
        facts = [
            Fact("Partner", console.link(obj.partner)),
            Fact("Items", f"{obj.accepted_count:,} of {obj.item_count:,} taken in"),
            Fact("Sum", console.money(obj.accepted_minor, obj.currency)),
            Fact("Rail asked for", rail_words(obj.rail_requested) or "chosen per payout"),
            Fact("All or nothing", "yes" if obj.atomic else "no"),
            Fact("Received", console.when(obj.created_at)),
            Fact("Completed", console.when(obj.completed_at)),
            Fact("Batch id", console.code(obj.id)),
        ]
        if obj.problem:
            facts.append(Fact("Why refused", obj.problem.get("detail", ""), wide=True))
        return {
            "title": obj.reference,
            "heading": f"Batch {obj.reference}",
            "badges": console.toned(status, status.replace("_", " ").capitalize(), BATCH_TONES),
            "facts": facts,
            "tables": [
                _status_table(obj, counters),
                *_refused_table(obj),
                _payout_table(obj, list(payouts)),
            ],
        }


def _status_table(batch: Batch, counters: Any) -> Table:
    states = dict(Payout._meta.get_field("state").flatchoices)
    url = reverse("admin:payouts_payout_changelist")
    rows = [
        [
            console.toned(state, states[state], PAYOUT_TONES),
            format_html(
                '<a class="ap-link" href="{}?q={}&state__exact={}">{}</a>',
                url,
                batch.id,
                state,
                f"{counters[state][0]:,}",
            ),
            console.money(counters[state][1], batch.currency),
        ]
        for state in states
        if state in counters
    ]
    footer = [
        "All",
        f"{sum(count for count, _ in counters.values()):,}",
        console.money(sum(total for _, total in counters.values()), batch.currency),
    ]
    return Table("By state", ["State", "Payouts>", "Sum>"], rows, footer=footer if rows else ())


def _refused_table(batch: Batch) -> list[Table]:
    rows = [
        [
            item.get("index", 0) + 1,
            console.text_or_dash(item.get("reference")),
            "; ".join(error.get("detail", "") for error in item.get("errors", [])),
        ]
        for item in batch.rejections[:ITEMS_SHOWN]
    ]
    note = f"{len(batch.rejections):,} refused"
    return [Table("Refused items", ["Item>", "Reference", "Why"], rows, note=note)] if rows else []


def _payout_table(batch: Batch, payouts: list[Payout]) -> Table:
    rows = [
        [
            payout.position + 1,
            console.link(payout, payout.reference),
            payout.recipient_name,
            console.money(payout.amount_minor, payout.currency),
            console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES),
            console.text_or_dash(payout.failure_message or payout.failure_code),
        ]
        for payout in payouts
    ]
    headers = ["Item>", "Payout", "Recipient", "Amount>", "State", "Failure"]
    note = f"the first {ITEMS_SHOWN}" if batch.accepted_count > ITEMS_SHOWN else ""
    return Table("Payouts", headers, rows, note=note, empty="No item was taken in.")
