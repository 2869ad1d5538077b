"""Invitations into portals: whom, by whom, and what became of each. The link is never shown."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core import clock, console
from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact
from portal.admin.actions import Button, act
from portal.admin.door import at_the_door
from portal.members import invitations, support
from portal.models import Invitation, Role
from portal.rights import ROLE_WORDS

PAGE = "admin:portal_invitation_change"


class StateFilter(admin.SimpleListFilter):
    """What became of an invitation."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every state."""
        return [
            ("open", "Open"),
            ("accepted", "Accepted"),
            ("withdrawn", "Withdrawn"),
            ("expired", "Expired"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Narrow the list."""
        unanswered = queryset.filter(accepted_at=None, revoked_at=None)
        return {
            "open": unanswered.filter(expires_at__gt=clock.now()),
            "accepted": queryset.exclude(accepted_at=None),
            "withdrawn": queryset.exclude(revoked_at=None),
            "expired": unanswered.filter(expires_at__lte=clock.now()),
        }.get(self.value() or "", queryset)


@admin.register(Invitation)
class InvitationAdmin(ViewsLogged, ReadOnlyAdmin):
    """Invitations, newest first."""

    list_display = ["email", "partner_words", "role", "state", "by", "made", "until"]
    list_display_links = ["email"]
    list_filter = [StateFilter, "role", "partner"]
    list_select_related = ["partner"]
    ordering = ["-id"]
    search_fields = ["email__istartswith", "=partner__id"]
    search_help_text = "How an address begins, or a whole partner id"
    page_template = "admin/portal/membership/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the withdrawal."""
        view = self.admin_site.admin_view(require_POST(self.withdraw_view))
        return [
            path("<int:object_id>/withdraw/", view, name="portal_invitation_withdraw"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """Never load the hash."""
        found: QuerySet[Invitation] = super().get_queryset(request)
        return found.defer("token_hash")

    @display(description="Partner", ordering="partner__name")
    def partner_words(self, one: Invitation) -> object:
        """Return into whose portal."""
        return one.partner.name

    @display(description="State")
    def state(self, one: Invitation) -> object:
        """Return what became of it."""
        if one.accepted_at is not None:
            return console.badge("Accepted", "good")
        if one.revoked_at is not None:
            return console.badge("Withdrawn", "idle")
        if one.expires_at <= clock.now():
            return console.badge("Expired", "idle")
        return console.badge("Open", "info")

    @display(description="Invited by")
    def by(self, one: Invitation) -> object:
        """Return who invited."""
        return console.actor(one.invited_by)

    @display(description="Made", ordering="id")
    def made(self, one: Invitation) -> object:
        """Return when."""
        return console.when(one.created_at)

    @display(description="Until", ordering="expires_at")
    def until(self, one: Invitation) -> object:
        """Return until when its link works."""
        return console.when(one.expires_at)

    def page(self, request: HttpRequest, obj: Invitation) -> dict[str, Any]:
        """Return the invitation, and its button while it is open."""
        is_unanswered = obj.accepted_at is None and obj.revoked_at is None
        may_act = is_unanswered and request.user.has_perm(support.PERMISSION)
        withdraw = Button(
            "withdraw",
            "Withdraw",
            "Its link opens nothing any more. The owners can invite the address again.",
            reverse("admin:portal_invitation_withdraw", args=[obj.pk]),
            "stop",
        )
        return {
            "heading": obj.email,
            "badges": self.state(obj),
            "buttons": [withdraw] if may_act else [],
            "reason_min": support.REASON_MIN,
            "reason_max": support.REASON_MAX,
            "facts": [
                Fact("Partner", console.link(obj.partner, obj.partner.name)),
                Fact("Role", f"{Role(obj.role).label}: {ROLE_WORDS[obj.role].lower()}"),
                Fact("Invited by", self.by(obj)),
                Fact("Made", self.made(obj)),
                Fact("Until", self.until(obj)),
                Fact("Accepted", console.when(obj.accepted_at)),
                Fact("Withdrawn or replaced", console.when(obj.revoked_at)),
                Fact("Mail", _mail_words(obj)),
            ],
            "tables": [at_the_door(obj)],
        }

    def withdraw_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let the link open nothing any more."""
        return act(request, PAGE, object_id, support.withdraw, "Withdrawn: its link opens nothing.")


def _mail_words(obj: Invitation) -> object:
    found = invitations.mails_of([obj]).get(obj.pk)
    if found is None:
        return "none: the link was handed over"
    words = found.get_state_display()
    return f"{words} ({found.last_error})" if found.last_error else words
