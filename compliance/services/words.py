"""What an officer writes with a decision: checked before anything is locked."""

import unicodedata
from dataclasses import dataclass

from atlaspay.core.errors import FieldError, InvalidRequestError
from compliance.models import Decision, Watchlist
from compliance.models.reasons import (
    DEFAULT_PARTNER_TEXT,
    ApproveReason,
    DeclineReason,
    OverrideReason,
    RejectReason,
    UndoReason,
)
from compliance.rules.tipping_off import tipping_off_words

INTERNAL_MIN, INTERNAL_MAX, PARTNER_MAX = 3, 2_000, 300
REASONS_OF = {
    Decision.Kind.APPROVE: ApproveReason,
    Decision.Kind.REJECT: RejectReason,
    Decision.Kind.OVERRIDE: OverrideReason,
}


@dataclass(frozen=True, slots=True)
class Words:
    """A decision's words, checked: `partner_text` is what the partner will read, empty where the
    payout goes."""

    kind: Decision.Kind
    reason_code: str
    internal_text: str
    partner_text: str = ""


def checked(kind: str, reason_code: str, internal_text: str, partner_text: str = "") -> Words:
    """Return the words of an approval, a rejection or an override; InvalidRequestError with a
    pointer a fault."""
    if kind not in REASONS_OF:
        raise InvalidRequestError(
            "A decision is approve, reject or override.",
            errors=[
                FieldError(pointer="/kind", code="unknown", detail="approve, reject or override")
            ],
        )
    known = Decision.Kind(kind)
    errors: list[FieldError] = []
    if reason_code not in REASONS_OF[known].values:
        detail = f"Choose one of the reasons to {kind}."
        errors.append(FieldError(pointer="/reason_code", code="unknown", detail=detail))
    errors += internal_faults(internal_text)
    errors += _partner_faults(partner_text)
    if errors:
        raise InvalidRequestError("The decision is not complete.", errors=errors)
    told = ""
    if known == Decision.Kind.REJECT:
        told = partner_text.strip() or DEFAULT_PARTNER_TEXT
    return Words(known, reason_code, internal_text.strip(), told)


def untold(kind: str) -> Words:
    """Return the words of a decision nobody has written yet: to look what it would do."""
    return Words(Decision.Kind(kind), "", "")


def check_answer(
    reasons: type[DeclineReason] | type[UndoReason] | None, reason_code: str, internal_text: str
) -> str:
    """Return the checked text of an answer to a decision; `reasons` None where it needs no code.
    InvalidRequestError with a pointer a fault."""
    errors: list[FieldError] = []
    if reasons is not None and reason_code not in reasons.values:
        detail = "Choose one of the reasons."
        errors.append(FieldError(pointer="/reason_code", code="unknown", detail=detail))
    errors += internal_faults(internal_text)
    if errors:
        raise InvalidRequestError("The decision is not complete.", errors=errors)
    return internal_text.strip()


def internal_faults(text: str, *, most: int = INTERNAL_MAX) -> list[FieldError]:
    """Return what is wrong with a text for colleagues."""
    errors: list[FieldError] = []
    if not INTERNAL_MIN <= len(text.strip()) <= most:
        detail = "Say in a few words why: the next reader was not here."
        if len(text.strip()) > most:
            detail = f"At most {most:,} characters."
        errors.append(FieldError(pointer="/internal_text", code="length", detail=detail))
    if not _is_writable(text):
        detail = "Control characters are not allowed."
        errors.append(FieldError(pointer="/internal_text", code="charset", detail=detail))
    return errors


def _partner_faults(text: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(text) > PARTNER_MAX:
        detail = f"At most {PARTNER_MAX} characters."
        errors.append(FieldError(pointer="/partner_text", code="length", detail=detail))
    if not _is_writable(text):
        detail = "Control characters are not allowed."
        errors.append(FieldError(pointer="/partner_text", code="charset", detail=detail))
    elif text.strip() and (words := tipping_off_words(text, names=_list_names())):
        detail = f"The partner must not read: {', '.join(words)}."
        errors.append(FieldError(pointer="/partner_text", code="tipping_off", detail=detail))
    return errors


def _list_names() -> list[str]:
    return [name for row in Watchlist.objects.values_list("code", "title") for name in row]


def _is_writable(text: str) -> bool:
    """Say whether PostgreSQL and a page can hold it: no NUL, no lone surrogates, no control
    characters beside line ends and tabs."""
    return not any(
        unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\r\t"
        for character in text
    )
