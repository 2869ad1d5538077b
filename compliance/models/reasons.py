"""Why an officer decided: the codes of a decision, and what a partner may read of it."""

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


class OverrideReason(models.TextChoices):
    """Why a blocked payout may go all the same."""

    IDENTITY_PROVEN = "identity_proven", "Another person or company: identity proven"
    LICENCE = "licence", "A licence or exemption covers it"
    WRONG_BLOCK = "wrong_block", "The rule blocked what it should not"
    OTHER_OVERRIDE = "other_override", "Other, see the text"


class DeclineReason(models.TextChoices):
    """Why a second officer sends a proposal back."""

    EVIDENCE_MISSING = "evidence_missing", "Evidence is missing"
    DISAGREE = "disagree", "The evidence says otherwise"
    WRONG_REASON = "wrong_reason", "Right decision, wrong reason"
    OTHER_DECLINE = "other_decline", "Other, see the text"


class UndoReason(models.TextChoices):
    """Why an approval is taken back."""

    NEW_INFORMATION = "new_information", "New information"
    MISTAKE = "mistake", "Approved by mistake"
    PARTNER_ASKED = "partner_asked", "The partner asked to stop it"
    OTHER_UNDO = "other_undo", "Other, see the text"


class AutoReason(models.TextChoices):
    """Why automatic approval let a payout go; no officer is offered it."""

    GOOD_RECORD = "good_record", "Officers approve nearly all like it"


REASONS: dict[str, str] = {
    value: str(label)
    for reasons in (
        ApproveReason,
        RejectReason,
        OverrideReason,
        DeclineReason,
        UndoReason,
        AutoReason,
    )
    for value, label in reasons.choices
}

DEFAULT_PARTNER_TEXT = (
    "This payout was declined after review. Contact support with the payout's id if you have"
    " questions."
)
