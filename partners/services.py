"""Writes of partners and their keys. Each is one transaction with its history row; nothing is ever
deleted.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError
from partners import auth, keys
from partners.models import ApiKey, Partner, Scope

ROTATION_OVERLAP = timedelta(hours=24)
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; `text` is shown once and kept nowhere."""

    key: ApiKey
    text: str


def create_partner(*, name: str, email: str, country: str = "NL") -> Partner:
    """Create a partner. Raises InvalidRequestError."""
    name, country = name.strip(), country.strip().upper()
    errors: list[FieldError] = []
    if not 1 <= len(name) <= 140 or not name.isprintable():
        errors.append(_error("/name", "invalid", "A name has 1 to 140 printable characters."))
    try:
        validate_email(email)
    except ValidationError:
        errors.append(_error("/email", "invalid", f"{email!r} is no e-mail address."))
    if not _COUNTRY.fullmatch(country):
        errors.append(
            _error("/country", "invalid", f"{country!r} is no ISO 3166 code of two letters.")
        )
    _raise(errors)
    return Partner.objects.create(name=name, email=email, country=country)


def issue_api_key(
    partner_id: str,
    *,
    name: str,
    scopes: Iterable[str],
    mode: str = ApiKey.Mode.TEST,
    cidrs: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Issue a key. Raises NotFoundError, InvalidRequestError."""
    wanted = sorted(set(scopes))
    errors = _key_errors(name, wanted, mode, expires_at)
    networks = []
    for number, cidr in enumerate(cidrs):
        try:
            networks.append(str(ip_network(cidr)))
        except ValueError as error:
            errors.append(_error(f"/cidrs/{number}", "invalid", f"No network: {error}."))
    _raise(errors)
    with transaction.atomic():
        partner = _partner(partner_id)
        return _issue(
            ApiKey(
                partner=partner,
                name=name.strip(),
                mode=mode,
                scopes=wanted,
                cidrs=networks,
                expires_at=expires_at,
            )
        )


def rotate_api_key(key_id: str, *, overlap: timedelta = ROTATION_OVERLAP) -> IssuedKey:
    """Issue a successor with the same duties and let the old key end after `overlap`.

    Locks the old key. A key is rotated once: it ends soon, and a second successor would inherit
    that end. Raises NotFoundError, ConflictError (revoked, expired, `key_rotated_already`),
    InvalidRequestError (overlap).
    """
    if not timedelta(0) <= overlap <= timedelta(days=30):
        raise InvalidRequestError("The overlap is 0 seconds to 30 days.")
    now = clock.now()
    with transaction.atomic():
        old = _locked_key(key_id)
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise ConflictError(f"{old.prefix} is revoked or expired; issue a new key instead.")
        successor = old.successors.order_by("-id").first()
        if successor is not None:
            raise ConflictError(
                f"{old.prefix} was rotated already. Rotate its successor {successor.prefix}, or"
                " issue a new key.",
                code="key_rotated_already",
            )
        made = _issue(
            ApiKey(
                partner_id=old.partner_id,
                name=old.name,
                mode=old.mode,
                scopes=old.scopes,
                cidrs=old.cidrs,
                expires_at=old.expires_at,
                rotated_from=old,
            )
        )
        ends_at = now + overlap
        old.expires_at = ends_at if old.expires_at is None else min(old.expires_at, ends_at)
        old.save(update_fields=["expires_at"])
    auth.forget_all()
    return made


def revoke_api_key(key_id: str) -> ApiKey:
    """End a key now (other processes notice within five seconds). Safe to repeat. Raises
    NotFoundError.
    """
    with transaction.atomic():
        key = _locked_key(key_id)
        if key.revoked_at is None:
            key.revoked_at = clock.now()
            key.save(update_fields=["revoked_at"])
    auth.forget_all()
    return key


def pause_partner(partner_id: str) -> Partner:
    """Stop a partner: it reads, and changes nothing. Safe to repeat. Raises NotFoundError."""
    return _set_status(partner_id, Partner.Status.PAUSED)


def resume_partner(partner_id: str) -> Partner:
    """Let a paused partner work again. Safe to repeat. Raises NotFoundError."""
    return _set_status(partner_id, Partner.Status.ACTIVE)


def _set_status(partner_id: str, status: Partner.Status) -> Partner:
    with transaction.atomic():
        partner = _partner(partner_id, lock=True)
        if partner.status != status:
            partner.status = status
            partner.save(update_fields=["status"])
    auth.forget_all()
    return partner


def _issue(key: ApiKey) -> IssuedKey:
    text, key.prefix = keys.new_text(key.mode)
    key.secret_hash = keys.hash_of(text)
    key.save(force_insert=True)
    return IssuedKey(key, text)


def _partner(partner_id: str, *, lock: bool = False) -> Partner:
    rows = Partner.objects.select_for_update() if lock else Partner.objects
    partner = rows.filter(id=partner_id).first()
    if partner is None:
        raise NotFoundError(f"There is no partner {partner_id!r}.")
    return partner


def _locked_key(key_id: str) -> ApiKey:
    key = ApiKey.objects.select_for_update().filter(id=key_id).first()
    if key is None:
        raise NotFoundError(f"There is no API key {key_id!r}.")
    return key


def _key_errors(
    name: str, scopes: list[str], mode: str, expires_at: datetime | None
) -> list[FieldError]:
    errors: list[FieldError] = []
    if not 1 <= len(name.strip()) <= 80:
        errors.append(_error("/name", "invalid", "A key's name has 1 to 80 characters."))
    if not scopes:
        errors.append(_error("/scopes", "required", "A key needs at least one scope."))
    known = ", ".join(Scope.values)
    errors += [
        _error("/scopes", "unknown", f"{scope!r} is no scope; there are {known}.")
        for scope in scopes
        if scope not in Scope.values
    ]
    if mode not in ApiKey.Mode.values:
        errors.append(_error("/mode", "unknown", f"{mode!r} is neither test nor live."))
    if expires_at is not None and expires_at <= clock.now():
        errors.append(_error("/expires_at", "past", "The expiry lies in the past."))
    return errors


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)


def _raise(errors: list[FieldError]) -> None:
    if errors:
        raise InvalidRequestError(" ".join(error["detail"] for error in errors), errors=errors)
