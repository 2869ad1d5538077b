"""What a partner reads when a payout failed: a stable code, a sentence, what to do, whether again
may help.

A compliance refusal by a bank is shown as unspecified: telling the recipient why would tip them
off.
"""

from dataclasses import dataclass
from typing import TypedDict

RATE_LIMITED = "provider_rate_limited"
UNAVAILABLE = "provider_unavailable"
TIMEOUT_UNKNOWN = "provider_timeout_unknown"
AUTH_OR_CONFIG = "provider_auth_or_config"
VALIDATION = "provider_validation"
RETRIES_EXHAUSTED = "retries_exhausted"
SLA_EXPIRED = "sla_expired"
COMPLIANCE_REJECTED = "compliance_rejected"
CANCELED_BY_PARTNER = "canceled_by_partner"

FIX_BANK_DETAILS = "fix_bank_details"
FIX_NAME = "fix_recipient_name"
FIX_REQUEST = "fix_request"
ASK_RECIPIENT = "contact_recipient"
CHANGE_RAIL_OR_SPLIT = "split_or_use_other_rail"
CHANGE_RAIL = "use_other_rail_or_account"
LATER = "submit_again_later"
SUPPORT = "contact_support"
NOTHING = "none"


class FailurePublic(TypedDict):
    """The `failure` member of a payout as partners see it."""

    code: str
    message: str
    action: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """One partner-facing explanation. `is_retryable`: the same payout may succeed another time."""

    code: str
    message: str
    action: str
    is_retryable: bool = False

    def public(self, message: str = "") -> FailurePublic:
        """Return the API's object; `message` replaces the sentence (an officer's own words)."""
        return {
            "code": self.code,
            "message": message or self.message,
            "action": self.action,
            "retryable": self.is_retryable,
        }


UNSPECIFIED = Failure(
    "refused_unspecified",
    "The recipient's bank refused the payment without saying why.",
    SUPPORT,
    True,
)

_LIST = (
    Failure("account_invalid", "The recipient's account number does not exist.", FIX_BANK_DETAILS),
    Failure("account_closed", "The recipient's account is closed.", FIX_BANK_DETAILS),
    Failure("account_blocked", "The recipient's account cannot receive payments.", ASK_RECIPIENT),
    Failure(
        "account_type_unsupported",
        "The recipient's account cannot receive instant payments on any rail available.",
        CHANGE_RAIL,
    ),
    Failure("bank_not_found", "The recipient's bank could not be found.", FIX_BANK_DETAILS),
    Failure(
        "bank_not_on_rail",
        "The recipient's bank cannot be reached by an instant rail.",
        CHANGE_RAIL,
    ),
    Failure(
        "beneficiary_bank_timeout", "The recipient's bank did not answer in time.", LATER, True
    ),
    Failure(
        "beneficiary_bank_error", "The recipient's bank could not process the payment.", LATER, True
    ),
    Failure("rail_unavailable", "The payment rail was not available.", LATER, True),
    Failure(
        "amount_over_rail_limit", "The amount is above the rail's limit.", CHANGE_RAIL_OR_SPLIT
    ),
    Failure(
        "amount_over_bank_limit", "The amount is above the bank's limit.", CHANGE_RAIL_OR_SPLIT
    ),
    Failure("amount_invalid", "The bank did not accept the amount.", FIX_REQUEST),
    Failure(
        "currency_unsupported", "The recipient's account does not take this currency.", FIX_REQUEST
    ),
    Failure(
        "insufficient_prefunding",
        "The payment could not be funded at the bank in time.",
        LATER,
        True,
    ),
    Failure("duplicate", "The bank took this for a payment it already has.", SUPPORT),
    Failure("beneficiary_name_mismatch", "The name does not belong to the account.", FIX_NAME),
    Failure("beneficiary_deceased", "The account cannot receive payments any more.", SUPPORT),
    Failure("beneficiary_refused", "The recipient refused the payment.", ASK_RECIPIENT),
    Failure("fraud_suspected", "The bank's risk check stopped the payment.", SUPPORT),
    Failure("missing_or_invalid_data", "The bank found data missing or not valid.", FIX_REQUEST),
    Failure("returned_on_request", "The payment was given back on request.", NOTHING),
    UNSPECIFIED,
    Failure(RATE_LIMITED, "The bank took no more payments in time.", LATER, True),
    Failure(UNAVAILABLE, "The bank could not be reached in time.", LATER, True),
    Failure(
        TIMEOUT_UNKNOWN,
        "The bank has not confirmed the payment yet; do not submit it again.",
        NOTHING,
    ),
    Failure(
        AUTH_OR_CONFIG, "The payment could not be sent for a reason on our side.", SUPPORT, True
    ),
    Failure(VALIDATION, "The bank found the payment's data not valid.", FIX_REQUEST),
    Failure(
        RETRIES_EXHAUSTED,
        "Every attempt was refused for a passing reason until time ran out.",
        LATER,
        True,
    ),
    Failure(SLA_EXPIRED, "The payment could not be sent in time and never left us.", LATER, True),
    Failure(COMPLIANCE_REJECTED, "The payment was not approved.", SUPPORT),
    Failure(CANCELED_BY_PARTNER, "You canceled the payment before it was sent.", NOTHING),
)

# Who learns of a sanctions block may tell the recipient, which most countries forbid.
MASKED = {"compliance_blocked": UNSPECIFIED}

FAILURES: dict[str, Failure] = {failure.code: failure for failure in _LIST} | MASKED


def explain(canonical: str) -> Failure:
    """Return the partner's explanation of a canonical or transport code; unknown ones are
    unspecified.

    Where `canonical in MASKED` the bank's raw code must be hidden from the partner too.
    """
    return FAILURES.get(canonical, UNSPECIFIED)
