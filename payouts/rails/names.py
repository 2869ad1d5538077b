"""Names and remittance text: what we accept, and how a rail with a narrow alphabet gets it.

Intake keeps the name as written. Only the wire form is transliterated (EPC217-08, best practice for
SEPA), so the partner, the officer and the watchlist always see the true name.
"""

import re
import unicodedata

from atlaspay.core.errors import FieldError
from payouts.rails.letters import LETTERS

NAME_LENGTH_MAX = 140

SEPA = "sepa"
ASCII = "ascii"
CHARSETS = {
    SEPA: re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*"),  # EPC217-08
    ASCII: re.compile(r"[ -~]*"),
}
_OUTSIDE = {
    SEPA: re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]"),
    ASCII: re.compile(r"[^ -~]"),
}
_PLAIN = re.compile(r"[ -~]*")
_SPACES = re.compile(r"\s+")
# Other, control / format / surrogate / private use / unassigned; and line and paragraph separators.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# Printable ASCII that SEPA lacks: EPC217-08 gives & and _ their stand-ins, all else becomes a stop.
_SEPA_ASCII = {"&": "+", "_": "-", '"': "'", "`": "'", "[": "(", "]": ")", "{": "(", "}": ")"}


def check_name(name: str, pointer: str = "/recipient/name") -> list[FieldError]:
    """Return what is wrong with a recipient's name as written; empty when it may be kept."""
    if not name.strip():
        return [_error(pointer, "name_empty", "A name is needed.")]
    faults = check_text(name, pointer)
    if len(name) > NAME_LENGTH_MAX:
        detail = f"A name has at most {NAME_LENGTH_MAX} characters; this has {len(name)}."
        faults.append(_error(pointer, "name_too_long", detail))
    if not faults and not any(char.isalnum() for char in name):
        faults.append(_error(pointer, "name_without_letters", "A name has at least one letter."))
    return faults


def check_text(text: str, pointer: str) -> list[FieldError]:
    """Return the first invisible, control, private or unpaired character of a text, by position."""
    if _PLAIN.fullmatch(text):
        return []
    for position, char in enumerate(text):
        if unicodedata.category(char) in _REFUSED:
            detail = f"Character {position + 1} (U+{ord(char):04X}) is not printable text."
            return [_error(pointer, "control_character", detail)]
    return []


def check_wire_name(name: str, charset: str, length: int, pointer: str) -> list[FieldError]:
    """Return why a rail of that alphabet and length cannot carry the name; empty when it can."""
    wire = wire_text(name, charset)
    if len(wire) > length:
        detail = f"This rail carries names of up to {length} characters; this has {len(wire)}."
        return [_error(pointer, "name_too_long_for_rail", detail)]
    # Half of the letters lost is another name, and payee verification would refuse it.
    if 2 * sum(map(str.isalnum, wire)) < sum(map(str.isalnum, name)) or not wire.strip(" ."):
        detail = "The name cannot be written in the alphabet of this rail."
        return [_error(pointer, "name_not_representable", detail)]
    return []


def wire_text(text: str, charset: str) -> str:
    """Return the text in a rail's alphabet: one space between words, no slash at an end or doubled.

    Deterministic, so that a repeated send has the same bytes. What has no counterpart becomes a
    stop.
    """
    if not CHARSETS[charset].fullmatch(text):
        text = "".join(map(_folded, text))
        if charset == SEPA:
            text = "".join(_SEPA_ASCII.get(char, char) for char in text)
        text = _OUTSIDE[charset].sub(".", text)
    text = _SPACES.sub(" ", text).strip()
    if charset == SEPA and "/" in text:
        text = re.sub("/{2,}", "/", text).strip("/ ")
    return text


def _folded(char: str) -> str:
    if char.isascii():
        return char
    known = LETTERS.get(char)
    if known is not None:
        return known
    parts = unicodedata.normalize("NFKD", char)
    kept = "".join(part for part in parts if not unicodedata.combining(part))
    return "".join(LETTERS.get(part, part) for part in kept)


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return {"pointer": pointer, "code": code, "detail": detail}
