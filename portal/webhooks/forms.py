"""What people type about endpoints and which deliveries they look for; services judge the rest."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings

from atlaspay.core import clock
from atlaspay.core.errors import FieldError
from webhooks import resend
from webhooks.event_types import CATALOGUE, SUBSCRIBABLE
from webhooks.guard import URL_LIMIT
from webhooks.models import Delivery, Endpoint

# What a filter calls a state -> the states it means.
STATES: dict[str, tuple[str, ...]] = {
    "failed": (Delivery.State.EXHAUSTED, Delivery.State.CANCELED),
    "pending": (Delivery.State.PENDING,),
    "delivered": (Delivery.State.DELIVERED,),
    "superseded": (Delivery.State.SUPERSEDED,),
}
_STATE_CHOICES = (
    ("", "All"),
    ("failed", "Failed"),
    ("pending", "Waiting"),
    ("delivered", "Delivered"),
    ("superseded", "Superseded"),
)
OVERLAPS: dict[str, int | None] = {"proof": None, "day": 86_400, "week": 604_800, "none": 0}
_OVERLAP_CHOICES = (
    ("proof", "Until my endpoint has shown that it knows the new one (recommended)"),
    ("day", "The same, but for 24 hours at most"),
    ("week", "The same, but for 7 days at most"),
    ("none", "Not at all: the old secret is known to somebody, it ends now"),
)
_PERIODS = {"hour": 1, "day": 24, "week": 7 * 24, "month": resend.REPLAY_DAYS * 24}
_PERIOD_CHOICES = (
    ("hour", "The last hour"),
    ("day", "The last 24 hours"),
    ("week", "The last 7 days"),
    ("month", "The last 30 days"),
)


class EndpointForm(forms.Form):
    """An endpoint's address, name and events."""

    url = forms.CharField(
        label="URL",
        max_length=URL_LIMIT,
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text="https with a public host name, port 443 or 8443.",
    )
    description = forms.CharField(
        label="Description",
        max_length=140,
        required=False,
        help_text="For you and your colleagues.",
    )
    event_types = forms.MultipleChoiceField(
        label="Events",
        choices=[(name, name) for name in SUBSCRIBABLE],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if settings.WEBHOOKS_ALLOW_PRIVATE:
            self.fields["url"].help_text += " Here also http, and addresses of your own network."

    def chosen(self) -> list[tuple[str, str, bool]]:
        """Return each event with what it tells and whether it is chosen."""
        now = self["event_types"].value() or []
        return [(name, tells(name), name in now) for name in SUBSCRIBABLE]


class RotationForm(forms.Form):
    """How long the old secret goes on signing."""

    overlap = forms.ChoiceField(
        label="How long do messages carry the old signature too?",
        choices=_OVERLAP_CHOICES,
        widget=forms.RadioSelect,
        initial="proof",
    )

    def overlap_s(self) -> int | None:
        """Return the most seconds of it, None for until it is proved."""
        return OVERLAPS[self.cleaned_data["overlap"]]


class FailedForm(forms.Form):
    """Since when what failed is sent again; the act names the instant of its preview."""

    since = forms.ChoiceField(label="Failed ones of", choices=_PERIOD_CHOICES)
    since_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def instant(self) -> datetime:
        """Return the beginning of the period."""
        named: datetime | None = self.cleaned_data["since_at"]
        if named is not None:
            return named
        return clock.now() - timedelta(hours=_PERIODS[self.cleaned_data["since"]])


class DeliveriesForm(forms.Form):
    """Filters of deliveries."""

    endpoint = forms.ChoiceField(label="Endpoint", required=False)
    state = forms.ChoiceField(label="State", choices=_STATE_CHOICES, required=False)
    of = forms.CharField(
        label="Payout or batch",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Id or reference"}),
    )

    def __init__(self, *args: Any, endpoints: Iterable[Endpoint], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["endpoint"]
        field.choices = [("", "All"), *((one.pk, one.url) for one in endpoints)]  # type: ignore[attr-defined]


def tells(type_name: str) -> str:
    """Return what an event tells, without the marks of the API's documentation."""
    return CATALOGUE.get(type_name, "").replace("`", "")


def add_faults(form: forms.Form, errors: Iterable[FieldError], otherwise: str) -> None:
    """Show a service's faults at their fields; what belongs to none stands above the form."""
    found = False
    for error in errors:
        name = error["pointer"].strip("/").partition("/")[0]
        form.add_error(name if name in form.fields else None, error["detail"])
        found = True
    if not found:
        form.add_error(None, otherwise)
