"""Invitations: a one-time link for an address, for seven days. Its token is never kept: it is the
keyed hash of a seed, made anew when the mail is sent, and the seed is dropped after.

Locks the partner's row, so that of two invitations of one address at the same moment one stands.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from atlaspay.core import clock, context
from atlaspay.core.crypto import keyed_hash
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from partners.models import Partner
from portal.members import passwords
from portal.members.people import account_of, check_email
from portal.models import Invitation, Membership, Role
from webhooks import mail
from webhooks.models import MailMessage

VALID_FOR = timedelta(days=7)
MAIL_KIND = "portal.invitation"
# Till then an invitation proves that who accepts it reads the mails of the address.
STUCK_AFTER = timedelta(minutes=2)
GONE = "This link was used, was withdrawn, or is older than seven days. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation; `link` is shown or mailed once and kept nowhere."""

    invitation: Invitation
    link: str


def invite(partner_id: str, *, email: str, role: str, is_mailed: bool = False) -> Invited:
    """Make an invitation, in place of an open one for the same address; `is_mailed`: with its mail.

    Raises InvalidRequestError (address, role), NotFoundError, ConflictError (a member already, or
    an address of staff).
    """
    address = check_email(email)
    if role not in Role.values:
        raise InvalidRequestError(f"{role[:20]!r} is no role; there are {', '.join(Role.values)}.")
    seed = secrets.token_bytes(16)
    token = _token(seed)
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
            seed=seed if is_mailed else None,
            invited_by=context.actor(),
            expires_at=now + VALID_FOR,
        )
        if is_mailed:
            mail.write(partner_id, MAIL_KIND, _mail_key(made.pk), {"invitation_id": made.pk})
    return Invited(made, _link(token))


def mail_facts(message: MailMessage) -> tuple[str, dict[str, Any]] | None:
    """Return whom the mail of an invitation is for and what it says; None where the link opens
    nothing any more.
    """
    wanted = message.context.get("invitation_id")
    found = Invitation.objects.select_related("partner").filter(pk=wanted).first()
    if found is None or found.seed is None or not _stands(found):
        return None
    values = {
        "partner": found.partner.name,
        "role": Role(found.role).label.lower(),
        "link": _link(_token(found.seed)),
    }
    return found.email, values


def mails_of(found: Sequence[Invitation]) -> dict[int, MailMessage]:
    """Return the mail of each invitation that has one."""
    keys = {_mail_key(one.pk): one.pk for one in found}
    rows = MailMessage.objects.filter(dedupe_key__in=list(keys))
    return {keys[row.dedupe_key]: row for row in rows}


def hand_over(invitation: Invitation) -> str:
    """Return the link of an invitation whose mail does not get through, to be handed over.

    Raises ConflictError where the mail is sent or only just due, or the link opens nothing.
    """
    message = mails_of([invitation]).get(invitation.pk)
    if invitation.seed is None or not is_stuck(message) or not _stands(invitation):
        raise ConflictError(
            "Its link is in the mail, or opens nothing any more.", code="invitation_mailed"
        )
    return _link(_token(invitation.seed))


def is_stuck(message: MailMessage | None) -> bool:
    """Say whether a mail was refused, or waits longer than a mail server that works lets it."""
    if message is None or message.state == MailMessage.State.SENT:
        return False
    is_refused = message.state == MailMessage.State.FAILED
    return is_refused or message.created_at < clock.now() - STUCK_AFTER


def drop_seeds() -> int:
    """Forget what the links were made of that were mailed, used, withdrawn or are too old; returns
    how many. Safe to repeat.
    """
    held = Invitation.objects.filter(seed__isnull=False)
    ended = held.filter(
        Q(accepted_at__isnull=False) | Q(revoked_at__isnull=False) | Q(expires_at__lte=clock.now())
    )
    done = ended.update(seed=None)
    waiting = list(held.only("id"))
    sent = [pk for pk, row in mails_of(waiting).items() if row.state == MailMessage.State.SENT]
    return done + Invitation.objects.filter(pk__in=sent).update(seed=None)


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


def _token(seed: bytes | memoryview) -> str:
    made = keyed_hash(f"portal invitation token|{bytes(seed).hex()}")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _link(token: str) -> str:
    path = reverse("portal:invitation", args=[token])
    return f"{settings.ATLASPAY_BASE_URL}{path}"


def _mail_key(invitation_id: int) -> str:
    return f"{MAIL_KIND}:{invitation_id}"


def _hash(token: str) -> bytes:
    return keyed_hash(f"portal invitation|{token}")
