"""Forms of the door. They count tries and log failures; who is let in, the views decide."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from atlaspay.core.access import throttle
from atlaspay.core.access.forms import (
    CODE_LENGTH,
    PASSWORD_LENGTH,
    log_failed_sign_in,
    too_many,
)
from atlaspay.core.access.throttle import TooManyFailuresError
from atlaspay.core.peer import client_address
from portal.members import passwords
from portal.members.people import EMAIL_LENGTH, username_of
from portal.scope import find_scope

WRONG = "Address or password is wrong, or the account may not come in here."


def password_field(label: str, *, is_new: bool) -> forms.CharField:
    """Return a field for a password; its length is looked at before any hash is made."""
    autocomplete = "new-password" if is_new else "current-password"
    return forms.CharField(
        label=label,
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class SignInForm(forms.Form):
    """Address and password. Answers alike to an unknown address, a wrong password, staff, and who
    belongs to no partner.
    """

    email = forms.CharField(
        label="E-mail address",
        max_length=EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = password_field("Password", is_new=False)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.user: User | None = None
        self.wait_s = 0

    def clean(self) -> dict[str, Any]:
        """Count the try, then look at the password."""
        email, password = self.cleaned_data.get("email"), self.cleaned_data.get("password")
        if not email or not password:
            return self.cleaned_data
        username = username_of(email)
        # A name of its own: failures here lock nobody out of the console.
        charges = throttle.of_password(f"portal {username}", client_address(self.request))
        try:
            used_up = throttle.take(charges)
        except TooManyFailuresError as error:
            self.wait_s = error.wait_s
            raise ValidationError(too_many(error.wait_s), code="locked_out") from None
        found = authenticate(self.request, username=username, password=password)
        if not isinstance(found, User) or find_scope(found, "") is None:
            log_failed_sign_in(self.request, username, is_last=bool(used_up))
            raise ValidationError(WRONG, code="invalid_login")
        address, pair = charges
        throttle.give_back(address)
        throttle.forget([pair])
        self.user = found
        return self.cleaned_data


class CodeForm(forms.Form):
    """A code of the app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=CODE_LENGTH,
        error_messages={"required": "Type the code.", "max_length": "That is no code."},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def refuse(self, words: str) -> None:
        """Show why the code does not do."""
        self.add_error("code", words)


class NewPasswordForm(forms.Form):
    """A new password, twice, by the installation's rules."""

    password = password_field("New password", is_new=True)
    again = password_field("The same again", is_new=True)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password"].help_text = " ".join(passwords.rules())

    def clean(self) -> dict[str, Any]:
        """Compare both and ask the rules."""
        password, again = self.cleaned_data.get("password"), self.cleaned_data.get("again")
        if password and again and password != again:
            self.add_error("again", "The two are not the same.")
        elif password:
            for words in passwords.faults(password, self.user):
                self.add_error("password", words)
        return self.cleaned_data
