"""How templates of the portal show money, instants and states: the console's forms, as filters."""

from collections.abc import Mapping
from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from atlaspay.core import console
from portal import words

register = template.Library()


@register.filter
def money(amount_minor: int, currency: str) -> SafeString:
    """Return `1,230.00 EUR`."""
    return console.money(int(amount_minor), currency)


@register.filter
def when(at: datetime | str | None) -> SafeString:
    """Return an instant, given as one or as the API writes it."""
    return console.when(datetime.fromisoformat(at) if isinstance(at, str) and at else at or None)


@register.filter
def distance(at: datetime | str | None) -> str:
    """Return how far an instant is from now: `3 min ago`, `in 2 h`."""
    if not at:
        return ""
    return console.distance(datetime.fromisoformat(at) if isinstance(at, str) else at)


@register.filter
def seconds(value: float | None) -> str:
    """Return a stopwatch's time: `0.4 s`, `12 s`, `3 min`."""
    if value is None:
        return "—"
    return f"{value:.1f} s" if value < 10 else console.span(value)


@register.filter
def status(value: str) -> SafeString:
    """Return the badge of a public status of a payout or batch."""
    return console.toned(value, words.STATUS.get(value, value), words.TONES)


@register.filter
def label(value: str) -> str:
    """Return the words of a public status."""
    return words.STATUS.get(value, value)


@register.filter
def actor(value: str) -> str:
    """Return who moved a payout, in words."""
    return words.ACTORS.get(value, value)


@register.filter
def waiting_on(value: str | None) -> str:
    """Return whom a payout waits for, in words."""
    return words.WAITING_ON.get(value or "", "nobody")


@register.filter
def rail(value: str | None) -> str:
    """Return a rail by the name banks use."""
    return words.RAILS.get(value or "", value or "—")


@register.filter
def named(names: Mapping[str, str], key: str) -> str:
    """Return what a thing is called, or nothing."""
    return names.get(key, "")


@register.filter
def action(code: str) -> str:
    """Return what to do about a failure, in words."""
    return words.ACTIONS.get(code, "")
