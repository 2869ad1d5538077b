"""What banks' reason codes mean to us: raw code -> canonical code, retry class, the operator's
action.

Sources: ISO 20022 external code sets (status and return reasons), RTP and FedNow proprietary codes,
Nacha return codes. A code outside the table never guesses: it is refused_unspecified and an alarm.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from payouts.rails.base import RetryClass

log = logging.getLogger(__name__)

ISO = "iso20022"
INSTANT = "rtp_fednow_proprietary"
NACHA = "nacha"

TERMINAL = RetryClass.TERMINAL
RETRY_NEW = RetryClass.RETRY_NEW
REROUTE = RetryClass.REROUTE


@dataclass(frozen=True, slots=True)
class Reason:
    """One canonical reason; `action` is for operators, partners read `rails.failures`."""

    canonical: str
    retry_class: RetryClass
    action: str


UNSPECIFIED = Reason(
    "refused_unspecified", RetryClass.TERMINAL_SOFT, "contact bank; 1 manual retry"
)
VALIDATION = Reason("provider_validation", TERMINAL, "fix request")

_TABLE: tuple[tuple[Reason, dict[str, str]], ...] = (
    (
        Reason("account_invalid", TERMINAL, "fix bank details"),
        {ISO: "AC01 AC02 AC03 BE06", NACHA: "R03 R04"},
    ),
    (
        Reason("account_closed", TERMINAL, "fix bank details"),
        {ISO: "AC04 AC07", NACHA: "R02 R12"},
    ),
    (
        Reason("account_blocked", TERMINAL, "seller contacts bank"),
        {ISO: "AC06", NACHA: "R16"},
    ),
    (
        Reason("account_type_unsupported", REROUTE, "other rail or other account"),
        {ISO: "AC14 AC16 AG01 AG03", INSTANT: "NOAT", NACHA: "R20 R34"},
    ),
    (
        Reason("bank_not_found", TERMINAL, "fix bank details"),
        {ISO: "RC01 RC03 RC04 AGNT CNOR", NACHA: "R13 R28"},
    ),
    (
        Reason("bank_not_on_rail", REROUTE, "other rail, else retry"),
        {ISO: "AG11", INSTANT: "9910 9912"},
    ),
    (
        Reason("beneficiary_bank_timeout", RETRY_NEW, "none (auto)"),
        {ISO: "AB05 AB06 DS24 NOAS", INSTANT: "E997"},
    ),
    (
        Reason("beneficiary_bank_error", RETRY_NEW, "none (auto)"),
        {ISO: "AB07 AB08 AB09 AB10 ED05 FF10 SL03", NACHA: "R32"},
    ),
    (
        Reason("rail_unavailable", RETRY_NEW, "none (auto)"),
        {ISO: "AB03 AB04 AG10 ED06", INSTANT: "9948"},
    ),
    (
        Reason("amount_over_rail_limit", REROUTE, "split or use other rail"),
        {ISO: "AM02 AM13 AM23"},
    ),
    (
        Reason("amount_over_bank_limit", REROUTE, "split or use other rail"),
        {ISO: "AM14", INSTANT: "E990", NACHA: "R19"},
    ),
    (
        Reason("amount_invalid", TERMINAL, "fix request"),
        {ISO: "AM01 AM06 AM09 AM12"},
    ),
    (
        Reason("currency_unsupported", TERMINAL, "fix request"),
        {ISO: "AM03 AM11 CURR"},
    ),
    (
        Reason("insufficient_prefunding", RetryClass.HOLD, "top up"),
        {ISO: "AM04", NACHA: "R01 R09"},
    ),
    (
        Reason("duplicate", RetryClass.RECONCILE, "none: look up the original"),
        {ISO: "AM05 DUPL DU03", NACHA: "R24"},
    ),
    (
        Reason("beneficiary_name_mismatch", TERMINAL, "fix name"),
        {ISO: "BE01"},
    ),
    (
        Reason("beneficiary_deceased", TERMINAL, "manual"),
        {ISO: "MD07", NACHA: "R15"},
    ),
    (
        Reason("beneficiary_refused", TERMINAL, "contact seller"),
        {ISO: "MS02", NACHA: "R23 R29"},
    ),
    (
        Reason("compliance_blocked", TERMINAL, "compliance case; do not tip off"),
        {ISO: "RR04 AM07"},
    ),
    (
        Reason("fraud_suspected", TERMINAL, "risk case"),
        {ISO: "FR01"},
    ),
    (
        Reason("missing_or_invalid_data", TERMINAL, "fix request"),
        {
            ISO: "BE04 BE07 BE16 BE17 RR01 RR02 RR03 RR12 DT01 FF01 ERIN",
            NACHA: "R17 R25 R26 R69",
        },
    ),
    (UNSPECIFIED, {ISO: "MS03 NARR"}),
    (
        Reason("returned_on_request", TERMINAL, "recall honoured"),
        {ISO: "FOCR CUST UPAY", NACHA: "R06"},
    ),
)


def _rows() -> Iterator[tuple[tuple[str, str], Reason]]:
    for reason, by_scheme in _TABLE:
        for scheme, words in by_scheme.items():
            for code in words.split():
                yield (scheme, code), reason


REASONS: dict[tuple[str, str], Reason] = dict(_rows())


def resolve(code: str, *schemes: str, source: str = "") -> Reason:
    """Return what `code` means in the first of `schemes` (default ISO) that knows it.

    Upper and lower case are one. An unknown or empty code is `UNSPECIFIED`, logged as an alarm with
    `source`, the rail or provider that sent it.
    """
    wanted = code.strip().upper()
    for scheme in schemes or (ISO,):
        known = REASONS.get((scheme, wanted))
        if known is not None:
            return known
    log.error(
        "rail.unknown_code", extra={"bank_code": code[:20], "schemes": schemes, "rail": source}
    )
    return UNSPECIFIED
