"""The page an invitation's link opens: a new account sets its password, an old one signs in."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from atlaspay.core import context
from atlaspay.core.access import gate, second_factor
from atlaspay.core.access.log import Kind, record
from portal.door.forms import NewPasswordForm
from portal.members import invitations
from portal.members.members import note_entry
from portal.members.people import account_of, belongs_somewhere
from portal.middleware import CHOSEN
from portal.models import Invitation, Membership, Role
from portal.pages import at_the_door, show
from portal.rights import ROLE_WORDS
from portal.scope import actor_of


@at_the_door
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "again")
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites to what; POST accepts."""
    found = invitations.find(token)
    account = account_of(found.email)
    if account is None or not belongs_somewhere(account):
        user = account or User(username=found.email, email=found.email)
        return _with_password(request, token, found, user)
    if request.user.pk != account.pk:
        query = urlencode({"next": request.path})
        values = {**_words(found), "sign_in": f"{reverse('portal:login')}?{query}"}
        return show(request, "portal/door/invitation.html", values)
    if request.method == "POST":
        note_entry(_accept(request, token, account, found).pk)
        return HttpResponseRedirect(reverse("portal:home"))
    return show(request, "portal/door/invitation.html", {**_words(found), "is_signed_in": True})


def _with_password(request: HttpRequest, token: str, found: Invitation, user: User) -> HttpResponse:
    """Accept for a new account, or one that belongs nowhere any more: the mail proves whose it is.

    A second factor of old still has to be shown, at the door.
    """
    form = NewPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _accept(request, token, user, found, password=form.cleaned_data["password"])
        if second_factor.of_user(user) is not None:
            return HttpResponseRedirect(reverse("portal:login"))
        gate.admit(request, user, None, detail="portal, invitation")
        request.session[CHOSEN] = found.partner_id
        note_entry(made.pk)
        return HttpResponseRedirect(reverse("portal:home"))
    return show(request, "portal/door/invitation.html", {**_words(found), "form": form})


def _accept(
    request: HttpRequest, token: str, user: User, found: Invitation, *, password: str = ""
) -> Membership:
    with context.bind(actor=actor_of(user)):
        made = invitations.accept(token, user, password=password, request=request)
        detail = f"accepted the invitation as {found.role} of {found.partner_id}"
        record(Kind.MEMBER_CHANGED, request, user=user, detail=detail)
    request.session[CHOSEN] = found.partner_id
    messages.success(request, f"Welcome to {found.partner.name}.")
    return made


def _words(found: Invitation) -> dict[str, object]:
    return {
        "invitation": found,
        "role_name": Role(found.role).label,
        "role_words": ROLE_WORDS[found.role],
    }
