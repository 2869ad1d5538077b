"""Amounts as people write them in policies: plain decimals of whole units, read exactly."""

import re

from atlaspay.core.errors import AtlasError
from atlaspay.core.money import MAX_MINOR, exponent

_PLAIN = re.compile(r"(\d{1,15})(?:\.(\d{1,4}))?", re.ASCII)


class AmountError(AtlasError):
    """The text is no amount of this currency."""


def minor_of(text: str, currency: str) -> int:
    """Return `12.30` as 1230 minor units of EUR; AmountError for anything but a plain decimal with
    no more digits than the currency has."""
    digits = exponent(currency)
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise AmountError(f"{text!r} is no amount: write it like 1200 or 1200.50.")
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > digits:
        raise AmountError(f"{currency} has {digits} digits after the point, not {len(fraction)}.")
    amount_minor = int(whole + fraction.ljust(digits, "0"))
    if amount_minor > MAX_MINOR:
        raise AmountError(f"{text} {currency} is more than AtlasPay can hold.")
    return amount_minor
