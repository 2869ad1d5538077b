"""What the access log says of a person and of what was done to them, on their page."""

from django.db.models import Model

from atlaspay.core import console
from atlaspay.core.access.models import AccessEvent
from atlaspay.core.admin.access_events import TONES
from atlaspay.core.console import Table

ROWS_SHOWN = 20


def at_the_door(obj: Model, username: str = "") -> Table:
    """Return what was done to an object, and what a person did at the door, newest first."""
    done = AccessEvent.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))
    # Two questions, each by its index: one with OR would read the log from its end.
    asked = [done.exclude(kind=AccessEvent.Kind.VIEWED)]
    if username:
        asked.append(AccessEvent.objects.filter(username=username))
    found = {event.pk: event for each in asked for event in each.order_by("-id")[:ROWS_SHOWN]}
    rows = [
        [
            console.when(event.at),
            console.toned(event.kind, event.get_kind_display(), TONES),
            console.text_or_dash(event.username),
            console.text_or_dash(event.address),
            console.text_or_dash(event.detail),
        ]
        for event in sorted(found.values(), key=lambda event: -event.pk)[:ROWS_SHOWN]
    ]
    return Table("At the door", ["At", "What", "Who", "From", "Detail"], rows)
