"""Who may come in: members and their roles, invitations. Owners only."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import ProblemError
from portal.members import invitations, members
from portal.members.people import EMAIL_LENGTH
from portal.models import Invitation, Membership, Role
from portal.pages import page, show
from portal.rights import ROLE_WORDS, Right
from portal.scope import Scope, scoped


class InviteForm(forms.Form):
    """Whom, and as what."""

    email = forms.EmailField(label="E-mail address", max_length=EMAIL_LENGTH)
    role = forms.ChoiceField(
        label="Role", choices=[(role.value, role.label) for role in Role], initial=Role.VIEWER
    )


@page(read=Right.MEMBERS, change=Right.MEMBERS)
def listing(request: HttpRequest) -> HttpResponse:
    """Show members and open invitations; POST invites."""
    scope = scoped(request)
    form = InviteForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _invite(request, scope, form.cleaned_data["email"], form.cleaned_data["role"])
            except ProblemError as error:
                form.add_error("email", error.detail)
                status = error.status
            else:
                return HttpResponseRedirect(reverse("portal:members"))
    return _listed(request, form, status=status)


@page(change=Right.MEMBERS)
def link(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Show the link of an invitation whose mail was not sent, to be handed over."""
    found = scoped(request).get(Invitation, invitation_id)
    try:
        shown = invitations.hand_over(found)
    except ProblemError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("portal:members"))
    _note(request, f"{found.email}: link of the invitation shown")
    return _listed(request, InviteForm(), link=shown, link_of=found.email)


def _listed(
    request: HttpRequest, form: InviteForm, *, status: int = 200, link: str = "", link_of: str = ""
) -> HttpResponse:
    scope = scoped(request)
    rows = scope.own(Membership).select_related("user").order_by("user__username")
    open_ones = scope.own(Invitation).filter(accepted_at=None, revoked_at=None)
    waiting = list(open_ones.order_by("email"))
    mails = invitations.mails_of(waiting)
    values = {
        "form": form,
        "link": link,
        "link_of": link_of,
        "members": [(one, one.user_id == scope.user.pk) for one in rows],
        "invitations": [
            (one, mails.get(one.pk), invitations.is_stuck(mails.get(one.pk))) for one in waiting
        ],
        "roles": [(role.value, role.label, ROLE_WORDS[role]) for role in Role],
    }
    return show(request, "portal/members.html", values, status=status)


@page(change=Right.MEMBERS)
def role(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    scope = scoped(request)
    found = scope.get(Membership, membership_id)
    was = found.role
    try:
        changed = members.change_role(scope.partner_id, found.pk, request.POST.get("role", ""))
    except ProblemError as error:
        messages.error(request, error.detail)
    else:
        _note(request, f"{changed.user.username}: {was} -> {changed.role}")
        messages.success(request, f"{changed.user.username} is {changed.get_role_display()} now.")
    return HttpResponseRedirect(_after(changed_self=found.user_id == scope.user.pk))


@page(change=Right.MEMBERS)
def remove(request: HttpRequest, membership_id: int) -> HttpResponse:
    """End a membership."""
    scope = scoped(request)
    found = scope.get(Membership, membership_id)
    name = found.user.get_username()
    try:
        members.remove(scope.partner_id, found.pk)
    except ProblemError as error:
        messages.error(request, error.detail)
    else:
        _note(request, f"{name}: removed")
        messages.success(request, f"{name} may not come in any more.")
    return HttpResponseRedirect(_after(changed_self=found.user_id == scope.user.pk))


@page(change=Right.MEMBERS)
def withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Let an invitation's link open nothing any more."""
    found = scoped(request).get(Invitation, invitation_id)
    invitations.withdraw(found)
    _note(request, f"{found.email}: invitation withdrawn")
    messages.success(request, f"The invitation of {found.email} is withdrawn.")
    return HttpResponseRedirect(reverse("portal:members"))


def _invite(request: HttpRequest, scope: Scope, email: str, role: str) -> None:
    made = invitations.invite(scope.partner_id, email=email, role=role, is_mailed=True)
    _note(request, f"{made.invitation.email}: invited as {role}")
    messages.success(request, f"An invitation is on its way to {made.invitation.email}.")


def _note(request: HttpRequest, detail: str) -> None:
    partner_id = scoped(request).partner_id
    record(
        Kind.MEMBER_CHANGED,
        request,
        object_type="partners.partner",
        object_id=partner_id,
        detail=detail,
    )


def _after(*, changed_self: bool) -> str:
    # Who is no owner any more may not see the list.
    return reverse("portal:home" if changed_self else "portal:members")
