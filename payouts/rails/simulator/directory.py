"""Which rail carries which currency and which bank can be reached on it.

Routing numbers 7901000xx pass the ABA checksum and are assigned to nobody, so no test can ever
name a real bank. Any other well-formed number is taken for a bank on both US rails.
"""

import msgspec

RAIL_CURRENCY = {"rtp": "USD", "fednow": "USD", "sepa_inst": "EUR", "fps": "GBP"}
RAIL_ACCOUNT_TYPE = {"rtp": "us", "fednow": "us", "sepa_inst": "iban", "fps": "uk"}
# Network maximum per transfer, minor units (RTP and FedNow 10 M USD, FPS 1 M GBP, as of 2025);
# SEPA instant has had none since the Instant Payments Regulation.
RAIL_LIMIT_MINOR = {"rtp": 1_000_000_000, "fednow": 1_000_000_000, "fps": 100_000_000}
SLOW_ANSWER_S = 5.0


class UsBank(msgspec.Struct, frozen=True):
    """A US participant: the rails it is on, signed off (answers 9910), slow (answers late)."""

    name: str
    rails: tuple[str, ...]
    signed_off: bool = False
    slow: bool = False


_BOTH = ("rtp", "fednow")
ANY_US_BANK = UsBank("Sandbox participant", _BOTH)
US_BANKS = {
    "790100016": UsBank("First Sandbox Bank", _BOTH),
    "790100029": UsBank("RTP Only Sandbox Bank", ("rtp",)),
    "790100032": UsBank("FedNow Only Sandbox Bank", ("fednow",)),
    "790100045": UsBank("No Instant Sandbox Bank", ()),
    "790100058": UsBank("Signed Off Sandbox Bank", _BOTH, signed_off=True),
    "790100061": UsBank("Slow Sandbox Bank", _BOTH, slow=True),
}


def is_routing_number(value: str) -> bool:
    """Tell whether `value` is nine digits that pass the ABA 3-7-1 checksum."""
    if len(value) != 9 or not (value.isascii() and value.isdigit()):
        return False
    digits = [int(char) for char in value]
    weighted = 3 * sum(digits[0::3]) + 7 * sum(digits[1::3]) + sum(digits[2::3])
    return weighted % 10 == 0


def us_bank(routing_number: str) -> UsBank:
    return US_BANKS.get(routing_number, ANY_US_BANK)


def choose_rail(currency: str, routing_number: str | None) -> str:
    """Return the rail `auto` stands for: the first that reaches the creditor's bank."""
    if currency == "EUR":
        return "sepa_inst"
    if currency == "GBP":
        return "fps"
    rails = us_bank(routing_number or "").rails
    return rails[0] if rails else "rtp"


def refusal_code(rail: str, routing_number: str | None, amount_minor: int) -> str | None:
    """Return the ISO 20022 or network code with which the rail itself refuses, None if it does not.

    AG11 bank not on the rail, 9910 bank signed off, AM02 above the network's maximum.
    """
    if routing_number is not None:
        bank = us_bank(routing_number)
        if rail not in bank.rails:
            return "AG11"
        if bank.signed_off:
            return "9910"
    limit = RAIL_LIMIT_MINOR.get(rail)
    return "AM02" if limit is not None and amount_minor > limit else None


def describe(rail: str, participant: str) -> dict[str, object] | None:
    """Return the directory's entry for a bank on `rail`, None if it knows none.

    `participant`: routing number (US), sort code of six digits (fps), BIC of 8 or 11 (sepa_inst).
    """
    if rail in _BOTH:
        if not is_routing_number(participant):
            return None
        bank = us_bank(participant)
        return {
            "id": participant,
            "rail": rail,
            "name": bank.name,
            "reachable": rail in bank.rails and not bank.signed_off,
            "signed_on": not bank.signed_off,
            "rails": list(bank.rails),
        }
    plain = participant.isascii() and participant.isalnum()
    known = (rail == "fps" and len(participant) == 6 and participant.isdigit() and plain) or (
        rail == "sepa_inst" and len(participant) in {8, 11} and participant[:6].isalpha() and plain
    )
    if not known:
        return None
    return {
        "id": participant,
        "rail": rail,
        "name": "Sandbox participant",
        "reachable": True,
        "signed_on": True,
        "rails": [rail],
    }
