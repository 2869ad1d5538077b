"""Invitations: a one-time link for an address, for seven days. Its token is mailed and never kept.

Locks the partner's row, so that of two invitations of one address at the same moment one stands.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from atlaspay.core import clock, context
from atlaspay.core.crypto import keyed_hash
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from partners.models import Partner
from portal.members import passwords
from portal.members.people import account_of, check_email
from portal.models import Invitation, Membership, Role

VALID_FOR = timedelta(days=7)
GONE = "This link was used, was withdrawn, or is older than seven days. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation; `link` is shown or mailed once and kept nowhere."""

    invitation: Invitation
    link: str


def invite(partner_id: str, *, email: str, role: str) -> Invited:
    """Make an invitation, in place of an open one for the same address.

    Raises InvalidRequestError (address, role), NotFoundError, ConflictError (a member already, or
    an address of staff).
    """
    address = check_email(email)
    if role not in Role.values:
        raise InvalidRequestError(f"{role[:20]!r} is no role; there are {', '.join(Role.values)}.")
    token = secrets.token_urlsafe(32)
    now = clock.now()
    with transaction.atomic():
        if not Partner.objects.select_for_update().filter(id=partner_id).exists():
            raise NotFoundError(f"There is no partner {partner_id[:40]!r}.")
        _refuse_who_cannot(partner_id, account_of(address))
        _open(partner_id).filter(email=address).update(revoked_at=now)
        made = Invitation.objects.create(
            partner_id=partner_id,
            email=address,
            role=role,
            token_hash=_hash(token),
            invited_by=context.actor(),
            expires_at=now + VALID_FOR,
        )
    path = reverse("portal:invitation", args=[token])
    return Invited(made, f"{settings.ATLASPAY_BASE_URL}{path}")


def find(token: str) -> Invitation:
    """Return the invitation of a link. Raises NotFoundError where it opens nothing (any more)."""
    found = Invitation.objects.select_related("partner").filter(token_hash=_hash(token)).first()
    if found is None or not _stands(found):
        raise NotFoundError(GONE)
    return found


def accept(
    token: str, user: User, *, password: str = "", request: HttpRequest | None = None
) -> Membership:
    """Make a membership of an invitation, once.

    `user` is the address's account: one that is signed in, or, with a `password` to set, a new one,
    unsaved, or one that belongs nowhere any more. Raises NotFoundError, ConflictError, and
    InvalidRequestError (the password's rules); then nothing is changed.
    """
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update().filter(token_hash=_hash(token)).first()
        if invitation is None or not _stands(invitation):
            raise NotFoundError(GONE)
        if user.get_username() != invitation.email:
            raise ConflictError("This invitation is for another address.")
        _refuse_who_cannot(invitation.partner_id, account_of(invitation.email))
        try:
            if password:
                with transaction.atomic():
                    passwords.choose(user, password, how="by an invitation", request=request)
        except IntegrityError:
            raise ConflictError("This address has an account now: sign in with it.") from None
        made = Membership.objects.create(
            user=user, partner_id=invitation.partner_id, role=invitation.role
        )
        invitation.accepted_at = clock.now()
        invitation.save(update_fields=["accepted_at"])
    return made


def withdraw(invitation: Invitation) -> None:
    """Let a link open nothing any more. Safe to repeat."""
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
        revoked_at=clock.now()
    )


def _refuse_who_cannot(partner_id: str, account: User | None) -> None:
    if account is None:
        return
    if account.is_staff or not account.is_active:
        raise ConflictError("This address cannot be invited.", code="not_invitable")
    if Membership.objects.filter(user=account, partner_id=partner_id).exists():
        raise ConflictError("This address is a member already.", code="member_already")


def _stands(invitation: Invitation) -> bool:
    is_open = invitation.accepted_at is None and invitation.revoked_at is None
    return is_open and invitation.expires_at > clock.now()


def _open(partner_id: str) -> QuerySet[Invitation]:
    return Invitation.objects.filter(partner_id=partner_id, accepted_at=None, revoked_at=None)


def _hash(token: str) -> bytes:
    return keyed_hash(f"portal invitation|{token}")
