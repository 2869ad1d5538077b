"""Partners and their keys in the console. A key's secret and hash are shown to nobody."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest

from atlaspay.core import clock, console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from partners.models import ApiKey, Partner

STATUS_TONES = {"active": "good", "paused": "bad"}
HISTORY_SHOWN = 20


def partner_names(ids: Iterable[str]) -> dict[str, str]:
    """Return partners' names by id."""
    return dict(Partner.objects.filter(id__in=list(ids)).values_list("id", "name"))


console.NAMERS["pt"] = partner_names


def key_badge(key: ApiKey) -> object:
    """Return whether a key works."""
    if key.revoked_at is not None:
        return console.badge("Revoked", "bad")
    if key.expires_at is not None and key.expires_at <= clock.now():
        return console.badge("Expired", "idle")
    return console.badge("Active", "good")


@admin.register(Partner)
class PartnerAdmin(ReadOnlyAdmin):
    """Partners by name."""

    list_display = ["name", "country", "email", "state", "since"]
    list_filter = ["status", "country"]
    ordering = ["name", "id"]
    search_fields = ["=id", "name__istartswith"]
    search_help_text = "Partner id, or how the name begins"
    page_template = "console/page.html"

    @display(description="Status", ordering="status")
    def state(self, partner: Partner) -> object:
        """Return whether it may send."""
        return console.toned(
            partner.status, partner.get_status_display().partition(":")[0], STATUS_TONES
        )

    @display(description="Since", ordering="created_at")
    def since(self, partner: Partner) -> object:
        """Return since when it is here."""
        return console.when(partner.created_at)

    def page(self, request: HttpRequest, obj: Partner) -> dict[str, Any]:
        """Return the partner, its keys and what changed about it."""
        tables = [_history(obj)]
        if request.user.has_perm("partners.view_apikey"):
            tables.insert(0, _keys(obj))
        return {
            "heading": obj.name,
            "badges": self.state(obj),
            "facts": [
                Fact("Country", obj.country),
                Fact("Email", obj.email),
                Fact("Since", console.when(obj.created_at)),
                Fact("Partner id", console.code(obj.id)),
            ],
            "tables": tables,
        }


def _keys(partner: Partner) -> Table:
    keys = ApiKey.objects.filter(partner=partner).defer("secret_hash").order_by("-created_at")
    rows = [
        [
            console.link(key, key.name),
            console.code(f"{key.prefix}…"),
            key.get_mode_display(),
            key_badge(key),
            ", ".join(key.scopes),
            console.when(key.last_used_at),
        ]
        for key in keys
    ]
    return Table("API keys", ["Name", "Begins", "Mode", "State", "Scopes", "Last used"], rows)


def _history(partner: Partner) -> Table:
    rows = [
        [
            console.when(row.history_date),
            console.actor(row.actor),
            row.name,
            row.email,
            row.get_status_display(),
        ]
        for row in partner.history.order_by("-history_id")[:HISTORY_SHOWN]
    ]
    return Table("History", ["At", "Who", "Name", "Email", "Status"], rows)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys, newest first."""

    list_display = ["name", "partner", "begins", "mode", "state", "used", "expires"]
    list_filter = ["mode", "partner"]
    list_select_related = ["partner"]
    ordering = ["-created_at", "id"]
    search_fields = ["=id", "=prefix"]
    search_help_text = "Key id or the whole public prefix"
    page_template = "console/page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Never load the hash."""
        queryset: QuerySet[ApiKey] = super().get_queryset(request)
        return queryset.defer("secret_hash")

    @display(description="Begins", ordering="prefix")
    def begins(self, key: ApiKey) -> object:
        """Return the public part."""
        return console.code(f"{key.prefix}…")

    @display(description="State")
    def state(self, key: ApiKey) -> object:
        """Return whether it works."""
        return key_badge(key)

    @display(description="Last used", ordering="last_used_at")
    def used(self, key: ApiKey) -> object:
        """Return when it was last seen."""
        return console.when(key.last_used_at)

    @display(description="Expires", ordering="expires_at")
    def expires(self, key: ApiKey) -> object:
        """Return until when it works."""
        return console.when(key.expires_at)

    def page(self, request: HttpRequest, obj: ApiKey) -> dict[str, Any]:
        """Return the key's duties and limits."""
        rotated = obj.rotated_from.prefix + "…" if obj.rotated_from else ""
        return {
            "heading": obj.name,
            "badges": key_badge(obj),
            "facts": [
                Fact("Partner", console.link(obj.partner)),
                Fact("Begins", console.code(f"{obj.prefix}…")),
                Fact("Mode", obj.get_mode_display()),
                Fact("Created", console.when(obj.created_at)),
                Fact("Expires", console.when(obj.expires_at)),
                Fact("Revoked", console.when(obj.revoked_at)),
                Fact("Last used", console.when(obj.last_used_at)),
                Fact("Replaces", console.text_or_dash(rotated)),
                Fact("May", ", ".join(obj.scopes) or "nothing", wide=True),
                Fact("From", ", ".join(obj.cidrs) or "any address", wide=True),
            ],
        }
