"""Forms in the address: what a list is narrowed to. A wrong value is said and narrows nothing."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.http import urlencode

# Days that a calendar can go on from, in both directions.
_FIRST, _LAST = date(1900, 1, 1), date(9000, 12, 31)


def _in_calendar(day: date) -> None:
    if not _FIRST <= day <= _LAST:
        raise ValidationError("Choose a day between 1900 and 9000.")


def date_field(label: str) -> forms.DateField:
    """Return an optional day."""
    return forms.DateField(
        label=label,
        required=False,
        validators=[_in_calendar],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


def currency_field() -> forms.RegexField:
    """Return an optional currency."""
    return forms.RegexField(
        r"^[A-Za-z]{3}$",
        label="Currency",
        required=False,
        error_messages={"invalid": "Three letters, such as EUR."},
        widget=forms.TextInput(attrs={"size": 4, "maxlength": 3}),
    )


class FilterForm(forms.Form):
    """A list's filters, read from the address."""

    since = date_field("From")
    until = date_field("To")

    @classmethod
    def read(cls, request: HttpRequest) -> "FilterForm":
        """Return the filters of this address, validated."""
        made = cls(request.GET)
        made.is_valid()
        return made

    def clean(self) -> dict[str, Any]:
        """Refuse a range that ends before it begins."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", "This is before the first day.")
        return self.cleaned_data

    def value(self, name: str) -> Any:
        """Return a filter's value, or None."""
        return self.cleaned_data.get(name) or None

    @property
    def since_at(self) -> datetime | None:
        """The first instant of the first day, UTC."""
        day = self.value("since")
        return None if day is None else datetime.combine(day, time(), UTC)

    @property
    def until_at(self) -> datetime | None:
        """The first instant after the last day, UTC."""
        day = self.value("until")
        return None if day is None else datetime.combine(day + timedelta(days=1), time(), UTC)

    def query(self, **more: str) -> str:
        """Return the filters as a query string, with `more` (a cursor)."""
        kept = {name: self.data.get(name, "") for name in self.fields}
        return urlencode({name: value for name, value in {**kept, **more}.items() if value})
