"""A new password by mail: the same answer to everybody, and a link that works once."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from atlaspay.core.access import throttle
from atlaspay.core.access.forms import too_many
from atlaspay.core.access.throttle import TooManyFailuresError
from atlaspay.core.peer import client_address, network_of
from portal.door.forms import NewPasswordForm
from portal.members import passwords, resets
from portal.members.people import EMAIL_LENGTH
from portal.pages import at_the_door, show


class AskForm(forms.Form):
    """Whose password."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )


@at_the_door
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a link. What is said tells nobody who has an account."""
    form = AskForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return show(request, "portal/door/reset.html", {"form": form})
    email = form.cleaned_data["email"]
    address = client_address(request)
    try:
        throttle.take(resets.charges(email, str(network_of(address)) if address else ""))
    except TooManyFailuresError as error:
        form.add_error(None, too_many(error.wait_s).replace("failed tries", "requests"))
        answer = show(request, "portal/door/reset.html", {"form": form}, status=429)
        answer["Retry-After"] = str(error.wait_s)
        return answer
    resets.ask(email)
    return show(request, "portal/door/reset.html", {"form": form, "is_asked": True})


@at_the_door
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "again")
def choose(request: HttpRequest, uid: str, reset_token: str) -> HttpResponse:
    """Choose a new password. Signing in, with the second factor if there is one, comes after."""
    user = resets.find(uid, reset_token)
    if user is None:
        return show(request, "portal/door/choose.html", {}, status=404)
    form = NewPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data["password"]
        passwords.choose(user, chosen, how="by a mailed link", request=request)
        messages.info(request, "Your password is changed. Sign in with it.")
        return HttpResponseRedirect(reverse("portal:login"))
    return show(request, "portal/door/choose.html", {"form": form})
