"""The good-guy list: this partner's recipient, at this account, is not that listed party.

A pair holds while the list says of the party what it said when an officer looked: the hash of its
content is kept beside it. Nothing is deleted; a pair is revoked.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import transaction

from atlaspay.core import clock, context
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import Case, Decision, SafeMatch, ScreeningRun, WatchlistParty
from compliance.rules.names import recipient_key
from compliance.services.four_eyes import SANCTIONS
from payouts.models import Payout

log = logging.getLogger(__name__)

PERMISSION = "compliance.decide_case"
_APPROVALS = (Decision.Kind.APPROVE, Decision.Kind.OVERRIDE)


def add(
    payout_id: str, party_ids: Collection[int], *, reason: str, user: AbstractBaseUser
) -> list[SafeMatch]:
    """Keep that the recipient of this payout is none of these parties; return the pairs made.

    Pairs that hold already are left; one that lapsed is revoked and made anew. Safe to repeat.
    Raises PermissionRefusedError, NotFoundError, InvalidRequestError for a party that no screening
    of the payout has met, ConflictError while the payout waits for a decision.
    """
    _check(user, reason, "add")
    payout = Payout.objects.filter(id=payout_id).first()
    if payout is None:
        raise NotFoundError(f"There is no payout {payout_id}.")
    if Case.objects.filter(payout=payout, state__in=Case.WAITING).exists():
        raise ConflictError("The payout's case is still open: decide it, then keep who it is not.")
    decision = (
        Decision.objects.filter(payout=payout, stage__in=Decision.TAKES_EFFECT)
        .order_by("-position")
        .first()
    )
    if decision is None or decision.kind not in _APPROVALS:
        raise ConflictError("Nobody has approved this payout: nobody found out who it is not.")
    if SANCTIONS not in decision.four_eyes:
        raise ConflictError("No second officer looked at this name when the payout was approved.")
    # A party that a later screening met was never before the two who approved.
    met = parties_met(payout_id, until=decision.decided_at)
    if not party_ids or not set(party_ids) <= met:
        error = FieldError(pointer="/parties", code="unknown", detail="A party its screening met.")
        raise InvalidRequestError("Choose parties that its screening has met.", errors=[error])
    with context.bind(actor=f"user:{user.get_username()}", user_id=user.pk):
        return _keep(payout, party_ids, reason.strip(), decision)


def record_with(decision: Decision, party_ids: Collection[int], *, reason: str) -> list[SafeMatch]:
    """Keep the pairs with an approval that takes effect, inside its transaction: the caller has
    checked who decides. Parties that no screening of the payout met are left out."""
    is_approval = decision.kind in _APPROVALS and decision.is_in_effect
    if not is_approval or SANCTIONS not in decision.four_eyes:
        return []
    met = parties_met(decision.payout_id) & set(party_ids)
    payout = Payout.objects.get(id=decision.payout_id)
    return _keep(payout, met, reason.strip()[:500], decision)


def revoke(match_id: int, *, reason: str, user: AbstractBaseUser) -> SafeMatch:
    """Let a pair flag again. Raises PermissionRefusedError, NotFoundError, InvalidRequestError,
    ConflictError where it is revoked already."""
    _check(user, reason, "revoke")
    with transaction.atomic():
        match = SafeMatch.objects.select_for_update().filter(pk=match_id).first()
        if match is None:
            raise NotFoundError("There is no such pair.")
        if match.revoked_at is not None:
            raise ConflictError(
                f"{match.revoked_by.partition(':')[2]} revoked it at"
                f" {match.revoked_at:%Y-%m-%d %H:%M:%S} UTC."
            )
        _end([match], f"user:{user.get_username()}", reason.strip())
    log.info("safe_match.revoked", extra={"safe_match": match.pk})
    return match


def parties_met(payout_id: str, *, until: datetime | None = None) -> set[int]:
    """Return the listed parties that any screening of a payout met, up to a time if one is
    given."""
    met: set[int] = set()
    runs = ScreeningRun.objects.filter(payout=payout_id, facts__has_key="watch_hits")
    if until is not None:
        runs = runs.filter(created_at__lte=until)
    for hits in runs.values_list("facts__watch_hits", flat=True):
        met |= {hit["party"] for hit in hits or () if "party" in hit}
    return met


def has_lapsed(match: SafeMatch) -> bool:
    """Say whether the list says something else of the party now; `party` is loaded."""
    return match.revoked_at is None and match.party_hash != match.party.content_hash


def _keep(
    payout: Payout, party_ids: Iterable[int], reason: str, decision: Decision
) -> list[SafeMatch]:
    key = recipient_key(payout.recipient_name)
    if not key:
        return []
    with transaction.atomic():
        # Locked in id order: two officers keep the same pair once, and no import changes it now.
        parties = list(
            WatchlistParty.objects.select_for_update().filter(pk__in=list(party_ids)).order_by("pk")
        )
        standing = {
            match.party_id: match
            for match in SafeMatch.objects.filter(
                partner=payout.partner_id,
                recipient_key=key,
                account_index=payout.account_index,
                party__in=parties,
                revoked_at=None,
            )
        }
        lapsed = [
            standing[party.pk]
            for party in parties
            if party.pk in standing and standing[party.pk].party_hash != party.content_hash
        ]
        _end(lapsed, context.actor(), "Lapsed: the list changed what it says of the party.")
        made = [
            SafeMatch.objects.create(
                partner_id=payout.partner_id,
                recipient_key=key,
                recipient_name=payout.recipient_name,
                account_index=payout.account_index,
                account_last4=payout.account_last4,
                party=party,
                party_hash=party.content_hash,
                reason=reason,
                decision=decision,
                actor=context.actor(),
            )
            for party in parties
            if party.pk not in standing or standing[party.pk] in lapsed
        ]
    for match in made:
        log.info("safe_match.added", extra={"safe_match": match.pk, "payout": payout.id})
    return made


def _end(matches: Iterable[SafeMatch], actor: str, reason: str) -> None:
    for match in matches:
        match.revoked_at = clock.now()
        match.revoked_by = actor
        match.revoked_because = reason
        match.save(update_fields=["revoked_at", "revoked_by", "revoked_because"])


def _check(user: AbstractBaseUser, reason: str, act: str) -> None:
    if not (isinstance(user, User) and user.is_active and user.has_perm(PERMISSION)):
        log.warning("safe_match.refused", extra={"username": user.get_username(), "act": act})
        raise PermissionRefusedError("You may not keep who a recipient is not.")
    if not 3 <= len(reason.strip()) <= 500 or "\x00" in reason:
        error = FieldError(pointer="/reason", code="length", detail="3 to 500 characters")
        raise InvalidRequestError("Say why, in 3 to 500 characters.", errors=[error])
