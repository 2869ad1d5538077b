"""Recipients found not to be a listed party: who found it, why, and whether it still holds."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Call, Fact
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from compliance.models import SafeMatch
from compliance.services import safe_matches


@admin.register(SafeMatch)
class SafeMatchAdmin(ReadOnlyAdmin):
    """The good-guy list, newest first."""

    list_display = ["recipient_name", "account", "partner", "is_not", "by", "kept", "status"]
    list_display_links = ["recipient_name"]
    list_select_related = ["partner", "party__watchlist"]
    ordering = ["-id"]
    search_fields = ["recipient_name"]
    search_help_text = "Part of the recipient's name"
    page_template = "admin/compliance/safematch/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the revocation."""
        view = self.admin_site.admin_view(require_POST(self.revoke_view))
        return [
            path("<int:match_id>/revoke/", view, name="compliance_safematch_revoke"),
            *super().get_urls(),
        ]

    @display(description="Account")
    def account(self, match: SafeMatch) -> object:
        """Return its end."""
        return console.account(match.account_last4)

    @display(description="Is not")
    def is_not(self, match: SafeMatch) -> object:
        """Return the party it is not."""
        return f"{match.party.watchlist.title}, {match.party.subject}"

    @display(description="By")
    def by(self, match: SafeMatch) -> object:
        """Return who found it."""
        return console.actor(match.actor)

    @display(description="Kept", ordering="created_at")
    def kept(self, match: SafeMatch) -> object:
        """Return when."""
        return console.when(match.created_at)

    @display(description="State")
    def status(self, match: SafeMatch) -> object:
        """Return whether it still silences the pair."""
        return _state(match)

    def page(self, request: HttpRequest, obj: SafeMatch) -> dict[str, Any]:
        """Return the pair."""
        party = obj.party
        primary = party.names.filter(is_primary=True).order_by("-id").first()
        name = primary.name if primary else party.subject
        calls = []
        if safe_matches.has_lapsed(obj):
            words = "The list has changed what it says of this party: the pair flags again."
            calls.append(Call(words, "warn"))
        return {
            "heading": f"{obj.recipient_name} is not {name}",
            "badges": _state(obj),
            "calls": calls,
            "facts": [
                Fact("Recipient", obj.recipient_name),
                Fact("Account", console.account(obj.account_last4)),
                Fact("Partner", console.link(obj.partner)),
                Fact("Listed party", console.link(party, name)),
                Fact("List", console.link(party.watchlist, party.watchlist.title)),
                Fact("Found by", console.actor(obj.actor)),
                Fact("Kept", console.when(obj.created_at)),
                Fact(
                    "Decision",
                    console.link(obj.decision, f"Receipt {obj.decision.position}")
                    if obj.decision
                    else console.NOTHING,
                ),
                Fact("Why", obj.reason, wide=True),
                *_ended(obj),
            ],
            "may_revoke": obj.revoked_at is None and request.user.has_perm(safe_matches.PERMISSION),
        }

    def revoke_view(self, request: HttpRequest, match_id: int) -> HttpResponse:
        """Revoke; the service checks the reason."""
        user = request.user
        if not isinstance(user, AbstractBaseUser) or not user.has_perm(safe_matches.PERMISSION):
            raise PermissionDenied
        try:
            safe_matches.revoke(match_id, reason=request.POST.get("reason", ""), user=user)
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except (InvalidRequestError, ConflictError) as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, "Revoked: this pair flags again.")
        return HttpResponseRedirect(reverse("admin:compliance_safematch_change", args=[match_id]))


def _state(match: SafeMatch) -> SafeString:
    if match.revoked_at is not None:
        return console.badge("Revoked", "idle")
    if safe_matches.has_lapsed(match):
        return console.badge("Lapsed: the list changed", "warn")
    return console.badge("Holds", "good")


def _ended(match: SafeMatch) -> list[Fact]:
    if match.revoked_at is None:
        return []
    return [
        Fact("Revoked by", console.actor(match.revoked_by)),
        Fact("Revoked", console.when(match.revoked_at)),
        Fact("Because", match.revoked_because, wide=True),
    ]
