"""Roles given and taken. Locks the partner's memberships, so that an owner is always left."""

from django.db import transaction

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from portal.models import Membership, Role

LAST = "Somebody has to be owner. Make another member owner first."
SUSPENDED = "AtlasPay's support suspended this member. Ask support before you change anything."


def change_role(partner_id: str, membership_id: int, role: str) -> Membership:
    """Give a member another role. Safe to repeat.

    Raises InvalidRequestError, NotFoundError, ConflictError (the last owner, suspended).
    """
    if role not in Role.values:
        raise InvalidRequestError(f"{role[:20]!r} is no role; there are {', '.join(Role.values)}.")
    with transaction.atomic():
        found = _locked(partner_id, membership_id, is_leaving=role != Role.OWNER)
        if found.role != role:
            found.role = role
            found.save(update_fields=["role"])
    return found


def remove(partner_id: str, membership_id: int) -> Membership:
    """End a membership; the person's sessions here end with it.

    Raises NotFoundError, ConflictError (the last owner, suspended).
    """
    with transaction.atomic():
        found = _locked(partner_id, membership_id, is_leaving=True)
        found.delete()
    return found


def note_entry(membership_id: int) -> None:
    """Note that the person came into this partner's portal just now; no other partner is told."""
    Membership.objects.filter(pk=membership_id).update(last_entered_at=clock.now())


def _locked(partner_id: str, membership_id: int, *, is_leaving: bool) -> Membership:
    rows = Membership.objects.select_for_update(of=("self",)).select_related("user")
    all_of_them = {one.pk: one for one in rows.filter(partner_id=partner_id).order_by("id")}
    found = all_of_them.get(membership_id)
    if found is None:
        raise NotFoundError("There is no such member.")
    if found.suspended_at is not None:
        # Removed and invited again, the person would be back without support.
        raise ConflictError(SUSPENDED, code="member_suspended")
    owners = [one for one in all_of_them.values() if _is_owner(one)]
    if is_leaving and owners == [found]:
        raise ConflictError(LAST, code="last_owner")
    return found


def _is_owner(one: Membership) -> bool:
    """Say whether somebody can act as owner now."""
    return one.role == Role.OWNER and one.suspended_at is None and one.user.is_active
