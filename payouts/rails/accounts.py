"""Checks of the recipient's account by shape and check digits, and its one normal form.

Says whether a number can exist, never whether it does: only the bank knows that. No error carries
the number itself. A recipient may live in one country and bank in another (EU 260/2012 art. 9
forbids refusing that), so countries are compared for the rules of compliance, not here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schwifty import IBAN
from schwifty.exceptions import (
    InvalidChecksumDigits,
    InvalidCountryCode,
    InvalidLength,
    SchwiftyException,
)

from atlaspay.core.errors import FieldError

ACCOUNT_TYPES = ("iban", "us", "uk")
IBAN_LENGTH_MAX = 34
# Nacha's DFI account number field; RTP and FedNow allow more, no US bank issues it.
US_ACCOUNT = re.compile(r"[A-Z0-9]{4,17}")
UK_ACCOUNT = re.compile(r"[0-9]{8}")
SORT_CODE = re.compile(r"[0-9]{6}")
FIELDS = {
    "iban": ("iban",),
    "us": ("routing_number", "account_number"),
    "uk": ("sort_code", "account_number"),
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked account. `bank` is country + national bank code, routing number or sort code.

    `account` holds plain numbers in their normal form and `canonical` is the text a blind index is
    made of: equal accounts, however written, have equal texts. Never log either.
    """

    account: dict[str, str]
    bank: str
    last4: str
    country: str
    canonical: str

    def __repr__(self) -> str:
        """Show the last four only: a destination may end up in a traceback."""
        return f"Destination({self.account['type']} ...{self.last4})"


@dataclass(frozen=True, slots=True)
class _Fault:
    field: str
    code: str
    detail: str


def check_account(
    account: Mapping[str, object], pointer: str = "/recipient/account"
) -> tuple[Destination | None, list[FieldError]]:
    """Return the destination, or None and what is wrong with it, pointers below `pointer`.

    Spaces (and hyphens of a sort code or US number) are dropped and letters raised; nothing else
    is repaired.
    """
    kind = account.get("type")
    if not isinstance(kind, str) or kind not in FIELDS:
        detail = "The account's type is iban, us or uk."
        return None, [_error(pointer, "type", "account_type_unknown", detail)]
    missing = [name for name in FIELDS[kind] if not isinstance(account.get(name), str)]
    odd = [name for name in account if name != "type" and name not in FIELDS[kind]]
    if missing or odd:
        return None, [
            *(
                _error(pointer, n, "required", f"An account of type {kind} needs it.")
                for n in missing
            ),
            *(
                _error(pointer, n, "unknown_field", f"Not of an account of type {kind}.")
                for n in odd
            ),
        ]
    values = [str(account[name]) for name in FIELDS[kind]]
    try:
        return _CHECKS[kind](*values), []
    except _RefusedError as faults:
        return None, [_error(pointer, f.field, f.code, f.detail) for f in faults.found]


class _RefusedError(Exception):
    def __init__(self, *found: _Fault) -> None:
        super().__init__()
        self.found = found


def _error(pointer: str, field: str, code: str, detail: str) -> FieldError:
    escaped = field.replace("~", "~0").replace("/", "~1")
    return {"pointer": f"{pointer}/{escaped}", "code": code, "detail": detail}


def _iban(text: str) -> Destination:
    # ASCII before upper(): raising a sharp s would otherwise make two honest letters of it.
    number = text.replace(" ", "").upper() if text.isascii() else ""
    if not number.isalnum() or len(number) > IBAN_LENGTH_MAX:
        detail = "An IBAN has up to 34 letters and digits; only spaces may stand between them."
        raise _RefusedError(_Fault("iban", "iban_characters", detail))
    try:
        iban = IBAN(number)
    except InvalidCountryCode:
        detail = f"No country {number[:2]} issues IBANs."
        raise _RefusedError(_Fault("iban", "iban_country_unknown", detail)) from None
    except InvalidLength:
        detail = f"An IBAN of {number[:2]} has another length."
        raise _RefusedError(_Fault("iban", "iban_length", detail)) from None
    except InvalidChecksumDigits:
        detail = "The check digits do not agree with the rest: a typing error."
        raise _RefusedError(_Fault("iban", "iban_check_digits", detail)) from None
    except SchwiftyException:
        detail = f"Letters and digits are not placed as in an IBAN of {number[:2]}."
        raise _RefusedError(_Fault("iban", "iban_structure", detail)) from None
    # 00, 01 and 99 pass the modulus for some numbers but are never issued (ISO 13616-1, 6.2).
    if number[2:4] in {"00", "01", "99"}:
        detail = "The check digits do not agree with the rest: a typing error."
        raise _RefusedError(_Fault("iban", "iban_check_digits", detail))
    country = number[:2]
    return Destination(
        account={"type": "iban", "iban": number},
        bank=f"{country}{iban.bank_code}"[:11],
        last4=number[-4:],
        country=country,
        canonical=f"iban:{number}",
    )


def is_routing_number(number: str) -> bool:
    """Say whether nine digits pass the ABA checksum (weights 3 7 1, modulus 10), not all zero."""
    if len(number) != 9 or not (number.isascii() and number.isdigit()) or number == "000000000":
        return False
    d = [ord(digit) - 48 for digit in number]
    total = 3 * (d[0] + d[3] + d[6]) + 7 * (d[1] + d[4] + d[7]) + d[2] + d[5] + d[8]
    return total % 10 == 0


def _us(routing_text: str, account_text: str) -> Destination:
    routing = _joined(routing_text)
    account = _joined(account_text).upper() if account_text.isascii() else ""
    faults = []
    if len(routing) != 9 or not (routing.isascii() and routing.isdigit()):
        detail = "A routing number has nine digits."
        faults.append(_Fault("routing_number", "routing_number_shape", detail))
    elif not is_routing_number(routing):
        detail = "The ABA check digit does not agree with the rest: a typing error."
        faults.append(_Fault("routing_number", "routing_number_check_digit", detail))
    if not US_ACCOUNT.fullmatch(account):
        detail = "A US account number has 4 to 17 letters and digits."
        faults.append(_Fault("account_number", "account_number_shape", detail))
    if faults:
        raise _RefusedError(*faults)
    return Destination(
        account={"type": "us", "routing_number": routing, "account_number": account},
        bank=routing,
        last4=account[-4:],
        country="US",
        canonical=f"us:{routing}:{account}",
    )


def _uk(sort_text: str, account_text: str) -> Destination:
    sort_code = _joined(sort_text)
    account = account_text.replace(" ", "")
    faults = []
    if not SORT_CODE.fullmatch(sort_code):
        detail = "A sort code has six digits."
        faults.append(_Fault("sort_code", "sort_code_shape", detail))
    if not UK_ACCOUNT.fullmatch(account):
        detail = "A UK account number has eight digits; put zeros before a shorter one."
        faults.append(_Fault("account_number", "account_number_shape", detail))
    if faults:
        raise _RefusedError(*faults)
    return Destination(
        account={"type": "uk", "sort_code": sort_code, "account_number": account},
        bank=sort_code,
        last4=account[-4:],
        country="GB",
        canonical=f"uk:{sort_code}:{account}",
    )


def _joined(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


_CHECKS: dict[str, Callable[..., Destination]] = {"iban": _iban, "us": _us, "uk": _uk}
