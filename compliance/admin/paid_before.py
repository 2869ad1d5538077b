"""Recipients who were paid before they were listed: once each, for a person to look at."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from compliance.models import RescreenHit
from compliance.rules.names import compare
from compliance.services.rescreen_review import PERMISSION, mark_reviewed
from payouts.admin.words import PAYOUT_TONES
from payouts.models import Payout

OTHERS_SHOWN = 50


class ReviewedFilter(admin.SimpleListFilter):
    """What waits for a look comes first."""

    title = "looked at"
    parameter_name = "reviewed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the other choices: waiting is the first."""
        return [("yes", "Looked at"), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Show what waits unless asked otherwise."""
        if self.value() == "all":
            return queryset
        return queryset.filter(reviewed_at__isnull=self.value() != "yes")


@admin.register(RescreenHit)
class RescreenHitAdmin(ReadOnlyAdmin):
    """Paid before it was listed: once a recipient and name."""

    list_display = ["recipient", "listed", "alike", "amount", "partner", "sent", "looked"]
    list_display_links = ["recipient"]
    list_filter = [ReviewedFilter]
    list_select_related = ["payout__partner", "entry__party__watchlist", "reviewed_by"]
    ordering = ["-id"]
    page_template = "admin/compliance/rescreenhit/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the review."""
        view = self.admin_site.admin_view(require_POST(self.review_view))
        return [
            path("<int:hit_id>/review/", view, name="compliance_rescreenhit_review"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RescreenHit]:
        """Only those that were paid: the others have a case."""
        queryset: QuerySet[RescreenHit] = super().get_queryset(request)
        return queryset.filter(outcome=RescreenHit.Outcome.PAID).defer(
            "payout__account_sealed", "payout__metadata"
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Name the page for what it shows."""
        context = {"title": "Paid before it was listed", **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @display(description="Recipient")
    def recipient(self, hit: RescreenHit) -> object:
        """Return who was paid."""
        return hit.payout.recipient_name

    @display(description="Resembles")
    def listed(self, hit: RescreenHit) -> object:
        """Return the listed name and its list."""
        return format_html("{} <small>{}</small>", hit.entry.name, hit.entry.party.watchlist.title)

    @display(description="Alike", ordering="similarity")
    def alike(self, hit: RescreenHit) -> object:
        """Return how much."""
        return f"{hit.similarity}\N{NO-BREAK SPACE}%"

    @display(description="Amount")
    def amount(self, hit: RescreenHit) -> object:
        """Return how much went out last."""
        return console.money(hit.payout.amount_minor, hit.payout.currency)

    @display(description="Partner")
    def partner(self, hit: RescreenHit) -> object:
        """Return whose recipient."""
        return hit.payout.partner.name

    @display(description="Sent")
    def sent(self, hit: RescreenHit) -> object:
        """Return when it was submitted."""
        return console.when(hit.payout.submitted_at)

    @display(description="Looked at", ordering="reviewed_at")
    def looked(self, hit: RescreenHit) -> object:
        """Return by whom, or that it waits."""
        return _looked(hit)

    def page(self, request: HttpRequest, obj: RescreenHit) -> dict[str, Any]:
        """Return both sides, and every payout that went there."""
        payout, party = obj.payout, obj.entry.party
        alike = compare(obj.entry.name, payout.recipient_name, party.kind)
        pairs = [
            [listed or console.NOTHING, met or console.NOTHING] for listed, met in alike.alignment
        ]
        return {
            "heading": f"{payout.recipient_name} was paid before {obj.entry.name} was listed",
            "badges": _looked(obj),
            "facts": [
                Fact("Recipient", payout.recipient_name),
                Fact("Listed name", console.link(party, obj.entry.name)),
                Fact("Alike", f"{obj.similarity} %"),
                Fact("List", console.link(party.watchlist, party.watchlist.title)),
                Fact("Latest payout", console.link(payout, payout.reference)),
                Fact("Amount", console.money(payout.amount_minor, payout.currency)),
                Fact(
                    "State", console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES)
                ),
                Fact("Account", console.account(payout.account_last4, payout.account_bank)),
                Fact("Country", payout.recipient_country),
                Fact("Partner", console.link(payout.partner)),
                Fact("Found by", console.link(obj.rescreen, f"Rescreen {obj.rescreen_id}")),
                Fact("Note", console.text_or_dash(obj.review_note), wide=True),
            ],
            "tables": [
                Table("Word by word", ["Listed", "Recipient"], pairs),
                _others(payout),
            ],
            "may_review": obj.reviewed_at is None and request.user.has_perm(PERMISSION),
        }

    def review_view(self, request: HttpRequest, hit_id: int) -> HttpResponse:
        """Keep what a person found; the service checks the note."""
        user = request.user
        if not isinstance(user, AbstractBaseUser) or not user.has_perm(PERMISSION):
            raise PermissionDenied
        try:
            mark_reviewed(hit_id, note=request.POST.get("note", ""), user=user)
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except (InvalidRequestError, ConflictError) as error:
            messages.error(request, error.detail)
            url = reverse("admin:compliance_rescreenhit_change", args=[hit_id])
            return HttpResponseRedirect(url)
        messages.success(request, "Noted.")
        return HttpResponseRedirect(reverse("admin:compliance_rescreenhit_changelist"))


def _looked(hit: RescreenHit) -> SafeString:
    if hit.reviewed_at is None:
        return console.badge("Waits for a look", "warn")
    who = hit.reviewed_by.username if hit.reviewed_by else ""
    return format_html(
        "{} {}", console.badge(f"Looked at by {who}", "good"), console.when(hit.reviewed_at)
    )


def _others(payout: Payout) -> Table:
    others = (
        Payout.objects.filter(account_index=payout.account_index, partner=payout.partner_id)
        .defer("account_sealed", "metadata")
        .order_by("-submitted_at", "-id")[:OTHERS_SHOWN]
    )
    rows = [
        [
            console.when(one.submitted_at),
            console.link(one, one.reference),
            one.recipient_name,
            console.money(one.amount_minor, one.currency),
            console.toned(one.state, one.get_state_display(), PAYOUT_TONES),
        ]
        for one in others
    ]
    headers = ["Submitted", "Payout", "Recipient", "Amount>", "State"]
    return Table(
        "This partner's payouts to that account", headers, rows, note=f"at most {OTHERS_SHOWN}"
    )
