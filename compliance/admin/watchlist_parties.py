"""Who is listed: all names, all details, and every import that changed them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin, choice_filter
from atlaspay.core.console import Call, Fact, Table
from compliance.admin.watchlist_words import CHANGE_TONES, difference, lines, published
from compliance.models import SafeMatch, Watchlist, WatchlistEntry, WatchlistParty

ROWS_MAX = 300


class ListFilter(admin.SimpleListFilter):
    """By list; there are few."""

    title = "list"
    parameter_name = "watchlist__code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every list."""
        return list(Watchlist.objects.order_by("code").values_list("code", "title"))

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Filter by the list chosen."""
        return queryset.filter(watchlist=self.value()) if self.value() else queryset


class RemovedFilter(admin.SimpleListFilter):
    """Who was taken off is shown on demand."""

    title = "listed"
    parameter_name = "listed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the other choices: now is the first."""
        return [("removed", "Taken off"), ("all", "Ever")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Show who is listed now unless asked otherwise."""
        if self.value() == "all":
            return queryset
        return queryset.filter(removed_in__isnull=self.value() != "removed")


@admin.register(WatchlistParty)
class WatchlistPartyAdmin(ReadOnlyAdmin):
    """Listed parties, found by name or number."""

    list_display = ["primary", "kind", "listed_in", "number", "programmes", "from_where"]
    list_display_links = ["primary"]
    list_filter = [
        ListFilter,
        RemovedFilter,
        choice_filter("kind", "kind", WatchlistParty.Kind.choices),
    ]
    list_select_related = ["watchlist"]
    ordering = ["-id"]
    search_fields = ["=subject", "names__name"]
    search_help_text = "Part of a name, or the publisher's number"
    page_template = "console/page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WatchlistParty]:
        """Leave the long texts where they are."""
        queryset: QuerySet[WatchlistParty] = super().get_queryset(request)
        return queryset.defer("remarks", "addresses").prefetch_related("names")

    @display(description="Name")
    def primary(self, party: WatchlistParty) -> object:
        """Return the primary name, the latest one of a party that was taken off."""
        names = [name for name in party.names.all() if name.is_primary]
        names.sort(key=lambda name: (name.removed_in is None, name.pk))
        return names[-1].name if names else party.subject

    @display(description="List")
    def listed_in(self, party: WatchlistParty) -> object:
        """Return the list's title."""
        return party.watchlist.title

    @display(description="Number there", ordering="subject")
    def number(self, party: WatchlistParty) -> object:
        """Return the publisher's id."""
        return console.code(party.subject)

    @display(description="Programmes")
    def programmes(self, party: WatchlistParty) -> object:
        """Return why it is listed."""
        return console.text_or_dash(", ".join(party.programs[:3]))

    @display(description="Countries")
    def from_where(self, party: WatchlistParty) -> object:
        """Return where it is said to be."""
        return console.text_or_dash(", ".join(party.countries[:3]))

    def page(self, request: HttpRequest, obj: WatchlistParty) -> dict[str, Any]:
        """Return all that the list says, and said."""
        names = list(obj.names.order_by("removed_in", "-is_primary", "strength", "name"))
        current = [name for name in names if name.removed_in is None]
        watchlist = obj.watchlist
        calls = []
        if obj.removed_in is not None:
            words = f"Taken off the list with revision {obj.removed_in}; it is no longer compared."
            calls.append(Call(words, "info"))
        return {
            "heading": self.primary(obj),
            "badges": console.badge(obj.get_kind_display(), "idle"),
            "calls": calls,
            "facts": [
                Fact("List", console.link(watchlist, watchlist.title)),
                Fact("Published", published(watchlist.published_on)),
                Fact("Number there", console.code(obj.subject)),
                Fact("Names", f"{len(current):,}"),
                Fact("Programmes", lines(obj.programs)),
                Fact("Birth dates", lines(obj.birth_dates)),
                Fact("Countries", lines(obj.countries)),
                Fact("Listed since", f"revision {obj.added_in}"),
                Fact("Last changed", f"revision {obj.changed_in}"),
                Fact("Addresses", lines(obj.addresses), wide=True),
                Fact("Remarks", console.text_or_dash(obj.remarks), wide=True),
            ],
            "tables": [_names(names), _changes(obj), _safe(obj)],
        }


def _names(names: list[WatchlistEntry]) -> Table:
    rows = [
        [
            name.name,
            _part(name),
            f"revision {name.added_in}",
            console.NOTHING if name.removed_in is None else f"revision {name.removed_in}",
        ]
        for name in names[:ROWS_MAX]
    ]
    note = f"first {ROWS_MAX} of {len(names):,}" if len(names) > ROWS_MAX else ""
    return Table("Names", ["Name", "As", "Since", "Until"], rows, note=note)


def _part(name: WatchlistEntry) -> SafeString:
    if name.is_primary:
        return console.badge("Primary name", "info")
    is_weak = name.strength == WatchlistEntry.Strength.WEAK
    return console.badge("Weak alias" if is_weak else "Alias", "idle")


def _changes(party: WatchlistParty) -> Table:
    changes = party.changes.select_related("at_import").order_by("-id")[:ROWS_MAX]
    rows = [
        [
            console.link(change.at_import, f"Revision {change.at_import.revision}"),
            f"{change.at_import.published_on:%d %b %Y}",
            console.toned(change.kind, change.get_kind_display(), CHANGE_TONES),
            difference(change),
        ]
        for change in changes
    ]
    headers = ["Import", "Published", "What", "Details"]
    return Table("History", headers, rows, empty="It came with the installation.")


def _safe(party: WatchlistParty) -> Table:
    matches = (
        SafeMatch.objects.filter(party=party, revoked_at=None)
        .select_related("partner")
        .order_by("-id")[:ROWS_MAX]
    )
    rows = [
        [
            console.link(match, match.recipient_name),
            match.partner.name,
            console.account(match.account_last4),
            match.reason,
            console.badge("Lapsed", "warn")
            if match.party_hash != party.content_hash
            else console.badge("Holds", "good"),
        ]
        for match in matches
    ]
    headers = ["Recipient", "Partner", "Account", "Why", "State"]
    return Table("Recipients who are not this party", headers, rows, empty="Nobody so far.")
