"""Members of partners: who may come into which portal as what, and what support can do."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.access import second_factor
from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.access.models import SecondFactor
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from portal.admin.actions import Button, act
from portal.admin.door import ROWS_SHOWN, at_the_door
from portal.members import support
from portal.models import Invitation, Membership, Role
from portal.rights import ROLE_WORDS

CHANGELIST = "admin:portal_membership_changelist"
PAGE = "admin:portal_membership_change"


class SuspendedFilter(admin.SimpleListFilter):
    """Who may come in, and who was suspended."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return both."""
        return [("open", "May come in"), ("suspended", "Suspended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Narrow the list."""
        if self.value() in {"open", "suspended"}:
            return queryset.filter(suspended_at__isnull=self.value() == "open")
        return queryset


@admin.register(Membership)
class MembershipAdmin(ViewsLogged, ReadOnlyAdmin):
    """Memberships, by partner and person."""

    list_display = ["person", "partner_words", "role", "state", "entered", "factor", "invited_by"]
    list_display_links = ["person"]
    list_filter = [SuspendedFilter, "role", "partner"]
    list_select_related = ["user", "partner"]
    ordering = ["partner__name", "user__username", "id"]
    search_fields = ["user__username__istartswith", "=partner__id"]
    search_help_text = "How an address begins, or a whole partner id"
    page_template = "admin/portal/membership/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add what support can do."""

        def post(verb: str, view: Any) -> URLPattern:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<int:object_id>/{verb}/", guarded, name=f"portal_membership_{verb}")

        return [
            post("suspend", self.suspend_view),
            post("readmit", self.readmit_view),
            post("sessions", self.sessions_view),
            post("factor", self.factor_view),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Return memberships, each with its second factor and who invited."""
        found: QuerySet[Membership] = super().get_queryset(request)
        accepted = Invitation.objects.filter(
            partner_id=OuterRef("partner_id"),
            email=OuterRef("user__username"),
            accepted_at__isnull=False,
        ).order_by("-accepted_at")
        return found.annotate(
            _enrolled=Exists(SecondFactor.objects.filter(user_id=OuterRef("user_id"))),
            _invited_by=Subquery(accepted.values("invited_by")[:1]),
        )

    @display(description="Person", ordering="user__username")
    def person(self, one: Membership) -> object:
        """Return the address people sign in with."""
        return one.user.get_username()

    @display(description="Partner", ordering="partner__name")
    def partner_words(self, one: Membership) -> object:
        """Return whose member."""
        return one.partner.name

    @display(description="State", ordering="suspended_at")
    def state(self, one: Membership) -> object:
        """Return whether the person may come in here."""
        if one.suspended_at is not None:
            return console.badge("Suspended", "bad")
        if not one.user.is_active or one.user.is_staff:
            return console.badge("Account closed to the portal", "idle")
        return console.badge("May come in", "good")

    @display(description="Last here", ordering="last_entered_at")
    def entered(self, one: Membership) -> object:
        """Return when they were last at this partner."""
        return console.when(one.last_entered_at)

    @display(description="Second factor")
    def factor(self, one: Membership) -> object:
        """Return whether an app is set up."""
        is_on = bool(getattr(one, "_enrolled", False))
        return console.badge("On", "good") if is_on else console.badge("Off", "idle")

    @display(description="Invited by")
    def invited_by(self, one: Membership) -> object:
        """Return who invited them; nobody did where a command made the account."""
        name = getattr(one, "_invited_by", None)
        return console.actor(name) if name else console.NOTHING

    def page(self, request: HttpRequest, obj: Membership) -> dict[str, Any]:
        """Return the person at this partner, what happened at the door, and the buttons."""
        may_act = request.user.has_perm(support.PERMISSION)
        enrolled = second_factor.of_user(obj.user)
        calls = []
        if obj.suspended_at is not None:
            words = f"Suspended {console.distance(obj.suspended_at)}."
            calls.append(console.Call(f"{words} They cannot come into this portal.", "bad"))
        if not _has_owner(obj):
            calls.append(console.Call("Nobody can act as owner of this partner now.", "warn"))
        tables = [_elsewhere(obj), _history(obj)]
        if may_act or request.user.has_perm("core.view_accessevent"):
            tables.append(at_the_door(obj, obj.user.get_username()))
        return {
            "heading": obj.user.get_username(),
            "badges": self.state(obj),
            "calls": calls,
            "buttons": _buttons(obj, has_factor=enrolled is not None) if may_act else [],
            "reason_min": support.REASON_MIN,
            "reason_max": support.REASON_MAX,
            "facts": [
                Fact("Partner", console.link(obj.partner, obj.partner.name)),
                Fact("Role", f"{Role(obj.role).label}: {ROLE_WORDS[obj.role].lower()}"),
                Fact("Member since", console.when(obj.created_at)),
                Fact("Invited by", self.invited_by(obj)),
                Fact("Last here", console.when(obj.last_entered_at)),
                Fact("Last signed in anywhere", console.when(obj.user.last_login)),
                Fact("Second factor", console.when(enrolled.enrolled_at if enrolled else None)),
                Fact("Sessions ended", console.when(obj.sessions_ended_at)),
            ],
            "tables": tables,
        }

    def suspend_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Keep the person out of this partner's portal."""
        return act(request, PAGE, object_id, support.suspend, "Suspended. They are out already.")

    def readmit_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let the person in again."""
        return act(request, PAGE, object_id, support.readmit, "Let in again: they can sign in.")

    def sessions_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """End all sessions of the person."""
        return act(request, PAGE, object_id, support.end_sessions, "All their sessions are over.")

    def factor_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Take the person's second factor away."""
        done = "The second factor is off and failed codes are forgotten."
        return act(request, PAGE, object_id, support.reset_factor, done)


def _buttons(obj: Membership, *, has_factor: bool) -> list[Button]:
    def to(verb: str) -> str:
        return reverse(f"admin:portal_membership_{verb}", args=[obj.pk])

    if obj.suspended_at is None:
        lead = f"They are out of {obj.partner.name}'s portal at once. API keys go on working."
        first = Button("suspend", "Suspend", lead, to("suspend"), "stop")
    else:
        lead = f"They can sign in to {obj.partner.name}'s portal again, as {obj.role}."
        first = Button("readmit", "Let in again", lead, to("readmit"))
    ends = "Wherever they are signed in, at whatever partner, they have to sign in again."
    resets = (
        "Their app and recovery codes stop working; the password alone lets them in until they set"
        " up a new one. Make sure first that it is them who asks."
        if has_factor
        else "No app is set up; failed codes are forgotten."
    )
    return [
        first,
        Button("sessions", "End all sessions", ends, to("sessions"), "stop"),
        Button("factor", "Reset second factor", resets, to("factor"), "stop"),
    ]


def _has_owner(obj: Membership) -> bool:
    owners = Membership.objects.filter(partner_id=obj.partner_id, role=Role.OWNER)
    return owners.filter(suspended_at=None, user__is_active=True, user__is_staff=False).exists()


def _elsewhere(obj: Membership) -> Table:
    rows = [
        [
            console.link(one, one.partner.name),
            one.get_role_display(),
            console.badge("Suspended", "bad") if one.suspended_at else console.NOTHING,
            console.when(one.last_entered_at),
        ]
        for one in Membership.objects.filter(user_id=obj.user_id)
        .exclude(pk=obj.pk)
        .select_related("partner")
        .order_by("partner__name")[:ROWS_SHOWN]
    ]
    headers = ["Partner", "Role", "State", "Last there"]
    return Table("At other partners", headers, rows, empty="This partner alone.")


def _history(obj: Membership) -> Table:
    rows = [
        [
            console.when(row.history_date),
            console.actor(row.actor),
            row.get_role_display(),
            console.badge("Suspended", "bad") if row.suspended_at else console.NOTHING,
            console.when(row.sessions_ended_at),
            console.text_or_dash(row.history_change_reason),
        ]
        for row in obj.history.order_by("-history_id")[:ROWS_SHOWN]
    ]
    headers = ["At", "Who", "Role", "State", "Sessions ended", "Why"]
    return Table("History", headers, rows)
