"""Why an officer decided: the codes of a decision, and what a partner may read of it."""

import re

from django.db import models


class ApproveReason(models.TextChoices):
    """Why a held payout may go."""

    NAME_DIFFERS = "name_differs", "Another person or company: details differ"
    KNOWN_RECIPIENT = "known_recipient", "Recipient known and paid before"
    AMOUNT_EXPLAINED = "amount_explained", "Amount or pattern explained"
    PARTNER_CONFIRMED = "partner_confirmed", "Confirmed with the partner"
    DOCUMENTS_SEEN = "documents_seen", "Supporting documents seen"
    OTHER_APPROVE = "other_approve", "Other, see the text"


class RejectReason(models.TextChoices):
    """Why a held payout must not go."""

    LISTED_NAME = "listed_name", "Recipient is the listed person or company"
    RESTRICTED_COUNTRY = "restricted_country", "Restricted country"
    SUSPECTED_FRAUD = "suspected_fraud", "Suspected fraud"
    DUPLICATE_PAYMENT = "duplicate_payment", "Paid already: a duplicate"
    UNEXPLAINED = "unexplained", "Amount or pattern not explained"
    PARTNER_WITHDREW = "partner_withdrew", "The partner asked to stop it"
    OTHER_REJECT = "other_reject", "Other, see the text"


DEFAULT_PARTNER_TEXT = (
    "This payout was declined after review. Contact support with the payout's id if you have"
    " questions."
)

# Telling a customer that a list or a suspicion stopped a payment is tipping off (AMLD5 art. 39,
# 31 USC 5318(g)(2)): these words never leave the console.
_TIPPING_OFF = re.compile(
    r"sanction|ofac|watch\s?-?list|black\s?-?list|terror|launder|\baml\b|\bcft\b|\bpep\b|suspicio|fraud"
    r"|criminal|\bsar\b|listed (person|name|entity|company)|embargo|politically exposed",
    re.IGNORECASE,
)


def tipping_off_words(text: str) -> list[str]:
    """Return the words of `text` that a partner must never read, in order and once each."""
    return list(dict.fromkeys(match.group(0).lower() for match in _TIPPING_OFF.finditer(text)))
