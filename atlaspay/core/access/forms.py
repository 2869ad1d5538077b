"""Forms of the door. They count tries and log failures; who is let in, the views decide."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from atlaspay.core import console
from atlaspay.core.access import throttle
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.throttle import TooManyFailuresError
from atlaspay.core.peer import client_address

PASSWORD_LENGTH = 1_024
CODE_LENGTH = 40


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """Name and password. Answers alike to an unknown name, a wrong password and somebody who is not
    staff or not active.
    """

    wait_s = 0
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Name or password is wrong, or the account may not come in here.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Before any hash is made of it.
        self.fields["password"].max_length = PASSWORD_LENGTH
        self.fields["password"].validators.append(MaxLengthValidator(PASSWORD_LENGTH))

    def clean(self) -> dict[str, Any]:
        """Count the try, then look at the password."""
        username = self.cleaned_data.get("username", "")
        if not username or not self.cleaned_data.get("password"):
            empty: dict[str, Any] = self.cleaned_data
            return empty
        charges = throttle.of_password(username, client_address(self.request))
        try:
            used_up = throttle.take(charges)
        except TooManyFailuresError as error:
            self.wait_s = error.wait_s
            raise ValidationError(too_many(error.wait_s), code="locked_out") from None
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            log_failed_sign_in(self.request, username, is_last=bool(used_up))
            raise
        address, pair = charges
        throttle.give_back(address)
        throttle.forget([pair])
        return cleaned


class CodeForm(forms.Form):
    """A code of the app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=CODE_LENGTH,
        error_messages={"required": "Type the code.", "max_length": "That is no code."},
        widget=forms.TextInput(
            attrs={
                "class": " ".join(BASE_INPUT_CLASSES),
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def __init__(self, *args: Any, is_recovery: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_recovery:
            self.fields["code"].label = "Recovery code"
            self.fields["code"].widget.attrs.update({"inputmode": "text", "autocomplete": "off"})

    def refuse(self, words: str) -> None:
        """Show why the code does not do."""
        self.add_error("code", words)


def too_many(wait_s: int) -> str:
    """Return the refusal of a throttled try with the time left."""
    left = console.span(wait_s + 59) if wait_s >= 60 else f"{wait_s} s"
    return f"Too many failed tries. Try again in {left}."


def log_failed_sign_in(request: HttpRequest, username: str, *, is_last: bool) -> None:
    """Log a wrong name or password; `is_last`: that was the last try for now."""
    # A name nobody has may be a password typed one field too early: it is not kept.
    user = User.objects.filter(username=username).first()
    detail = "" if user else "unknown name"
    record(Kind.LOGIN_FAILED, request, user=user, detail=detail)
    if is_last:
        record(Kind.LOCKED_OUT, request, user=user, detail="password")
