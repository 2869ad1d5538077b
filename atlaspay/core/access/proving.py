"""Proving a second factor to a door, the console's or the partners': a code is right, or the form
says why not, and each try is counted and logged.
"""

from typing import Any, Protocol

from django.http import HttpRequest

from atlaspay.core.access import second_factor
from atlaspay.core.access.forms import too_many
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.models import SecondFactor
from atlaspay.core.access.second_factor import Checked, Verdict
from atlaspay.core.access.throttle import TooManyFailuresError


class AsksCode(Protocol):
    """A valid form with a field `code`."""

    cleaned_data: dict[str, Any]

    def refuse(self, words: str) -> None:
        """Show why the code does not do."""


def check_code(
    request: HttpRequest, form: AsksCode, factor: SecondFactor
) -> tuple[Checked | None, int]:
    """Return the verdict of a right code, or None with the refusal on the form, and seconds to
    wait.
    """
    user = factor.user
    try:
        checked = second_factor.check(factor, form.cleaned_data["code"])
    except TooManyFailuresError as error:
        form.refuse(too_many(error.wait_s))
        return None, error.wait_s
    if checked.is_right:
        if checked.verdict is Verdict.RECOVERY:
            left = second_factor.codes_left(factor)
            record(Kind.RECOVERY_CODE_USED, request, user=user, detail=f"{left} left")
        return checked, 0
    record(Kind.SECOND_FACTOR_FAILED, request, user=user)
    if checked.used_up:
        record(Kind.LOCKED_OUT, request, user=user, detail="code")
    form.refuse("This code is wrong or was used already. Wait for the next one.")
    return None, 0
