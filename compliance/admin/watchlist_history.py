"""Imports: what each publication changed, alone or since an earlier revision."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from compliance.admin.watchlist_words import CHANGE_TONES, details, difference
from compliance.models import WatchlistChange, WatchlistEntry, WatchlistImport

CHANGES_SHOWN = 200


@admin.register(WatchlistImport)
class WatchlistImportAdmin(ReadOnlyAdmin):
    """Every import of every list, newest first."""

    list_display = ["name", "published_on", "parties", "names", "added", "changed", "removed", "at"]
    list_display_links = ["name"]
    list_select_related = ["watchlist"]
    ordering = ["-id"]
    page_template = "admin/compliance/watchlistimport/page.html"

    @display(description="Import")
    def name(self, each: WatchlistImport) -> object:
        """Return list and revision."""
        return f"{each.watchlist.title}, revision {each.revision}"

    @display(description="Imported", ordering="imported_at")
    def at(self, each: WatchlistImport) -> object:
        """Return when."""
        return console.when(each.imported_at)

    def page(self, request: HttpRequest, obj: WatchlistImport) -> dict[str, Any]:
        """Return the import and what changed since the revision asked for."""
        earlier = list(
            WatchlistImport.objects.filter(watchlist=obj.watchlist_id, revision__lt=obj.revision)
            .order_by("-revision")
            .values_list("revision", flat=True)[:100]
        )
        asked = request.GET.get("since", "")
        is_known = asked.isdecimal() and int(asked) in earlier
        since = int(asked) if is_known else (earlier[0] if earlier else 0)
        kind = request.GET.get("kind", "")
        kind = kind if kind in WatchlistChange.Kind.values else ""
        return {
            "heading": f"{obj.watchlist.title}, revision {obj.revision}",
            "summary": format_html(
                "Published {}, imported by {} {}",
                f"{obj.published_on:%d %b %Y}",
                console.actor(obj.actor),
                console.when(obj.imported_at),
            ),
            "facts": [
                Fact("List", console.link(obj.watchlist, obj.watchlist.title)),
                Fact("Parties", f"{obj.parties:,}"),
                Fact("Names", f"{obj.names:,}"),
                Fact("Added", f"{obj.added:,}"),
                Fact("Changed", f"{obj.changed:,}"),
                Fact("Removed", f"{obj.removed:,}"),
                Fact("Let pass", console.text_or_dash(", ".join(obj.accepted))),
            ],
            "tables": [_files(obj), _changes(obj, since, kind)],
            "earlier": earlier,
            "since": since,
            "kind": kind,
            "kinds": WatchlistChange.Kind.choices,
        }


def _files(obj: WatchlistImport) -> Table:
    rows = [
        [
            source["name"],
            source["role"],
            f"{source['size']:,}",
            console.code(source["sha256"]),
        ]
        for source in obj.sources
    ]
    return Table("Files", ["File", "As", "Bytes>", "SHA-256"], rows)


def _changes(obj: WatchlistImport, since: int, kind: str) -> Table:
    """Return the changes of all imports after `since` up to this one, in their order."""
    changes = WatchlistChange.objects.filter(
        at_import__watchlist=obj.watchlist_id,
        at_import__revision__gt=since,
        at_import__revision__lte=obj.revision,
    )
    if kind:
        changes = changes.filter(kind=kind)
    primary = WatchlistEntry.objects.filter(is_primary=True).order_by("id")
    found = list(
        changes.select_related("party", "at_import")
        .prefetch_related(Prefetch("party__names", queryset=primary, to_attr="primary_names"))
        .order_by("id")[: CHANGES_SHOWN + 1]
    )
    rows = []
    for change in found[:CHANGES_SHOWN]:
        names = change.party.primary_names  # type: ignore[attr-defined] # by the prefetch above
        shown = names[-1].name if names else change.party.subject
        is_change = change.kind == WatchlistChange.Kind.CHANGED
        rows.append(
            [
                f"{change.at_import.revision}",
                console.toned(change.kind, change.get_kind_display(), CHANGE_TONES),
                console.link(change.party, shown),
                console.code(change.party.subject),
                difference(change) if is_change else details(change.party),
            ]
        )
    note = f"since revision {since}" if since else "since the beginning"
    if len(found) > CHANGES_SHOWN:
        note += f", the first {CHANGES_SHOWN}"
    headers = ["Revision>", "What", "Party", "Number there", "Details"]
    return Table("Changes", headers, rows, empty="Nothing of this kind changed.", note=note)
