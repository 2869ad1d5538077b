"""Authenticator apps (TOTP, RFC 6238) and recovery codes: enrol, check, replace, reset.

A code is accepted once: the row remembers the last time step, and compare-and-set decides between
two at the same moment. Nothing here knows sessions.
"""

import base64
import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import IntegrityError, transaction

from atlaspay.core import clock
from atlaspay.core.access import throttle
from atlaspay.core.access.models import RecoveryCode, SecondFactor
from atlaspay.core.access.throttle import Limit
from atlaspay.core.crypto import SealError, keyed_hash, seal, unseal
from atlaspay.core.errors import ConflictError
from atlaspay.core.ids import ALPHABET

log = logging.getLogger(__name__)

ISSUER = "AtlasPay"
STEP_S = 30
SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_LENGTH = 12

_SIX_DIGITS = re.compile(r"[0-9]{6}", re.ASCII)
_RECOVERY = re.compile(rf"[{ALPHABET}]{{{RECOVERY_LENGTH}}}", re.ASCII)

# Crockford's alphabet lacks letters that look like digits; who reads them so is understood.
_ALIKE = str.maketrans("ilo", "110")


class Verdict(Enum):
    """What became of a code."""

    APP = "code of the app"
    RECOVERY = "recovery code"
    WRONG = "wrong code"


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict, and the limits this try has used up."""

    verdict: Verdict
    used_up: list[Limit]

    @property
    def is_right(self) -> bool:
        """Say whether the code opens."""
        return self.verdict is not Verdict.WRONG


def new_secret() -> bytes:
    """Return 160 random bits, the length RFC 4226 recommends."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """Return the secret as apps take it by hand: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri_of(secret: bytes, username: str) -> str:
    """Return what the QR code says (Key URI Format)."""
    return _totp(secret).get_provisioning_uri(username, ISSUER)


def of_user(user: AbstractBaseUser) -> SecondFactor | None:
    """Return the person's second factor, or None."""
    return SecondFactor.objects.filter(user_id=user.pk).first()


def matching_step(secret: bytes, code: str) -> int | None:
    """Return the time step whose code this is: now, or one before or after it, for clocks that
    differ. None for any other text.
    """
    code = code.replace(" ", "")
    if not _SIX_DIGITS.fullmatch(code):
        return None
    now = int(clock.now().timestamp()) // STEP_S
    found = None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(_totp(secret).generate(step * STEP_S), code.encode()):
            found = step
    return found


def enrol(
    user: User, *, secret: bytes, code: str, replacing: int | None
) -> tuple[SecondFactor, list[str]] | None:
    """Make `secret` the person's second factor if `code` proves that the app has it.

    Returns the factor and its recovery codes, which nobody can read again; None where the code is
    wrong. `replacing` is the id of the factor that goes, or None for a first one. Raises
    ConflictError where another enrolment came first; then nothing is changed.
    """
    step = matching_step(secret, code)
    if step is None:
        return None
    try:
        with transaction.atomic():
            if replacing is not None:
                # Locked first, so that of two replacements one finds it gone.
                old = SecondFactor.objects.select_for_update().filter(pk=replacing, user=user)
                if not old.delete()[0]:
                    raise _overtaken()
            factor = SecondFactor.objects.create(
                user=user, sealed_secret=seal(secret, place=_place(user.pk)), last_step=step
            )
            return factor, _make_codes(factor)
    except IntegrityError:
        raise _overtaken() from None


def check(factor: SecondFactor, code: str) -> Checked:
    """Check and spend a code of the app or a recovery code.

    Counts the try; raises TooManyFailuresError where none is left. Of equal codes at the same
    moment one is right.
    """
    charges = throttle.of_code(factor.user_id)
    used_up = throttle.take(charges)
    verdict = _spend(factor, code)
    if verdict is Verdict.WRONG:
        return Checked(verdict, used_up)
    throttle.forget(charges)
    return Checked(verdict, [])


def renew_codes(factor: SecondFactor) -> list[str]:
    """Replace all recovery codes; returns the new ones, which nobody can read again."""
    with transaction.atomic():
        SecondFactor.objects.select_for_update().get(pk=factor.pk)
        factor.recovery.all().delete()
        return _make_codes(factor)


def codes_left(factor: SecondFactor) -> int:
    """Return how many recovery codes are unused."""
    return factor.recovery.filter(used_at=None).count()


def reset(user: User) -> bool:
    """Take the person's second factor and failures away: the next sign-in enrols anew, and sessions
    opened with it end. Returns whether there was one. Doors log it.
    """
    with transaction.atomic():
        gone, _ = SecondFactor.objects.filter(user=user).delete()
        throttle.forget(throttle.of_code(user.pk))
    return bool(gone)


def _spend(factor: SecondFactor, code: str) -> Verdict:
    text = code.replace("-", "").replace(" ", "").lower().translate(_ALIKE)
    if _RECOVERY.fullmatch(text):
        used = RecoveryCode.objects.filter(
            factor=factor, code_hash=_code_hash(factor, text), used_at=None
        ).update(used_at=clock.now())
        return Verdict.RECOVERY if used else Verdict.WRONG
    try:
        secret = unseal(factor.sealed_secret, place=_place(factor.user_id))
    except SealError:
        log.exception("second_factor.unreadable", extra={"user_id": factor.user_id})
        return Verdict.WRONG
    step = matching_step(secret, code)
    if step is None:
        return Verdict.WRONG
    spent = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step)
    return Verdict.APP if spent else Verdict.WRONG


def _make_codes(factor: SecondFactor) -> list[str]:
    texts = [
        "".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, code_hash=_code_hash(factor, text)) for text in texts
    )
    return ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]


def _code_hash(factor: SecondFactor, text: str) -> bytes:
    return keyed_hash(f"recovery|{factor.pk}|{text}")


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what every authenticator app speaks; HMAC does not need collision resistance.
    return TOTP(secret, 6, SHA1(), STEP_S)  # noqa: S303


def _place(user_id: int) -> str:
    return f"core_secondfactor|sealed_secret|user {user_id}"


def _overtaken() -> ConflictError:
    return ConflictError("A second factor was enrolled in the meantime. Sign in with it.")
