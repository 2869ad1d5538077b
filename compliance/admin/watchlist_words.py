"""Watchlists in words and badges, shared by their pages."""

from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import clock, console
from compliance.models import WatchlistChange, WatchlistParty

STALE_DAYS = 7
CHANGE_TONES = {"added": "good", "changed": "info", "removed": "idle"}
RESCREEN_TONES = {"waiting": "idle", "running": "info", "done": "good", "failed": "bad"}
OUTCOME_TONES = {"held": "good", "raised": "info", "paid": "warn"}
_FIELDS = {
    "kind": "Kind",
    "names": "Names",
    "weak_names": "Weak aliases",
    "programs": "Programmes",
    "countries": "Countries",
    "birth_dates": "Birth dates",
    "addresses": "Addresses",
    "remarks": "Remarks",
}


def published(on: date) -> SafeString:
    """Return a publication date, with its age where the list may be stale."""
    age = (clock.now().date() - on).days
    if age <= STALE_DAYS:
        return format_html("{}", f"{on:%d %b %Y}")
    badge = console.badge(f"{age:,} days old, may be stale", "warn")
    return format_html("{} {}", f"{on:%d %b %Y}", badge)


def lines(values: list[str]) -> SafeString:
    """Return values under each other, or a dash."""
    if not values:
        return console.NOTHING
    return format_html_join(SafeString("<br>"), "{}", ((value,) for value in values))


def difference(change: WatchlistChange) -> SafeString:
    """Return what a change did, field by field: what went struck out, what came underlined."""
    parts = []
    for field in _FIELDS:
        if field not in change.before and field not in change.after:
            continue
        before, after = change.before.get(field, []), change.after.get(field, [])
        was = before if isinstance(before, list) else [before]
        now = after if isinstance(after, list) else [after]
        gone = [format_html("<del>{}</del>", each) for each in was if each and each not in now]
        came = [format_html("<ins>{}</ins>", each) for each in now if each and each not in was]
        moved = format_html_join(", ", "{}", ((each,) for each in (*gone, *came))) or "order"
        parts.append(format_html("<b>{}</b>: {}", _FIELDS[field], moved))
    if not parts:
        return console.NOTHING
    return format_html_join(SafeString("<br>"), "{}", ((part,) for part in parts))


def details(party: WatchlistParty) -> SafeString:
    """Return in one cell what a list says of a party beside its names."""
    values = [party.get_kind_display(), *party.programs[:3], *party.countries[:3]]
    return format_html("{}", ", ".join(values))
