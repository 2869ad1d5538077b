"""Values as people type them, as a policy document writes them. What makes no sense stays as typed:
the compiler names it."""

import re
from typing import Any

_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


def amounts(default: str, more: str) -> Any:
    """Return an amount as text, or with lines like `JPY 1600000` amounts by currency."""
    made = table(default, more)
    return made if len(made) > 1 else made["default"]


def table(default: str, more: str) -> dict[str, str]:
    """Return amounts by currency."""
    made = {"default": _plain(default)}
    for line in (each.strip() for each in re.split(r"[;\n]", more)):
        if line:
            code, _, text = line.partition(" ")
            made[code.upper()] = _plain(text)
    return made


def whole(text: str) -> Any:
    """Return a whole number, or the text where it is none."""
    plain = _plain(text)
    is_whole = plain.isascii() and plain.isdecimal() and len(plain) < 12
    return int(plain) if is_whole else text


def _plain(text: str) -> str:
    """Drop the commas of `10,000.50`; anything else that is no number stays as it is."""
    text = text.strip()
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def split(text: str, pattern: str = r"[\s,;]") -> list[str]:
    return [each.strip() for each in re.split(pattern, text) if each.strip()]
