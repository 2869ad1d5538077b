"""The access log as auditors read it. Reading it is logged in it (PCI DSS 10.2.1.3)."""

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest

from atlaspay.core import console
from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.access.models import AccessEvent
from atlaspay.core.admin.base import ReadOnlyAdmin, choice_filter
from atlaspay.core.console import Fact

Kind = AccessEvent.Kind
TONES: dict[str, str] = {
    Kind.LOGIN: "good",
    Kind.LOGIN_FAILED: "warn",
    Kind.SECOND_FACTOR_FAILED: "warn",
    Kind.LOCKED_OUT: "bad",
    Kind.REFUSED: "bad",
    Kind.SECOND_FACTOR_RESET: "warn",
    Kind.STAFF_CHANGED: "warn",
    Kind.RECOVERY_CODE_USED: "warn",
    Kind.EXPORTED: "info",
    Kind.VERIFIED: "info",
}


@admin.register(AccessEvent)
class AccessEventAdmin(ViewsLogged, ReadOnlyAdmin):
    """Events, newest first."""

    list_display = ["happened", "what", "who", "address", "place", "detail"]
    list_display_links = ["happened"]
    list_filter = [choice_filter("kind", "what", Kind.choices)]
    ordering = ["-id"]
    search_fields = ["=username", "=object_id", "=request_id"]
    search_help_text = "A whole user name, object id or request id"
    page_template = "console/page.html"

    @display(description="At", ordering="id")
    def happened(self, event: AccessEvent) -> object:
        """Return when."""
        return console.when(event.at)

    @display(description="What")
    def what(self, event: AccessEvent) -> object:
        """Return the kind in its tone."""
        return console.toned(event.kind, event.get_kind_display(), TONES)

    @display(description="Who")
    def who(self, event: AccessEvent) -> object:
        """Return the user name."""
        return console.text_or_dash(event.username)

    @display(description="Where")
    def place(self, event: AccessEvent) -> object:
        """Return the object, or the address asked for."""
        if event.object_type:
            return f"{event.object_type} {event.object_id}".strip()
        return console.text_or_dash(f"{event.method} {event.path}".strip())

    def page(self, request: HttpRequest, obj: AccessEvent) -> dict[str, object]:
        """Return all of one event."""
        return {
            "title": f"Access event {obj.pk}",
            "heading": obj.get_kind_display(),
            "badges": self.what(obj),
            "facts": [
                Fact("At", console.when(obj.at)),
                Fact("Who", self.who(obj)),
                Fact("User number", console.text_or_dash(obj.user_id)),
                Fact("From address", console.text_or_dash(obj.address)),
                Fact("Method", console.text_or_dash(obj.method)),
                Fact("Path", console.code(obj.path), wide=True),
                Fact("Object type", console.text_or_dash(obj.object_type)),
                Fact("Object", console.code(obj.object_id)),
                Fact("Request", console.code(obj.request_id)),
                Fact("Detail", console.text_or_dash(obj.detail), wide=True),
            ],
        }
