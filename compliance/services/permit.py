"""Who may do what with policies: asked in the service, so that no door can forget it.

A refused attempt is logged with the person and what was tried.
"""

import logging
from typing import NoReturn

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User

from atlaspay.core.errors import PermissionRefusedError

log = logging.getLogger(__name__)

AUTHOR = "compliance.author_policy"
PUBLISHER = "compliance.publish_policy"
LEAD = "compliance.override_decision"
OFFICER = "compliance.decide_case"


def may(user: AbstractBaseUser | AnonymousUser, *permissions: str) -> bool:
    """Say whether an active person has any of the permissions."""
    return (
        isinstance(user, User)
        and user.is_active
        and any(user.has_perm(permission) for permission in permissions)
    )


def require(user: AbstractBaseUser, *permissions: str, attempt: str, subject: object = "") -> str:
    """Return the person's actor string if they have any of the permissions.

    Raises PermissionRefusedError and logs `attempt` (`publish`) on `subject` otherwise.
    """
    if not may(user, *permissions):
        refuse(user, attempt=attempt, subject=subject, why="You may not do this.")
    return actor_of(user)


def refuse(user: AbstractBaseUser, *, attempt: str, subject: object, why: str) -> NoReturn:
    """Log the attempt and raise PermissionRefusedError with `why`."""
    log.warning(
        "policy.refused",
        extra={"attempt": attempt, "subject": str(subject), "username": user.get_username()},
    )
    raise PermissionRefusedError(f"{why} The refused attempt is logged.")


def actor_of(user: AbstractBaseUser) -> str:
    """Return the actor string of a person."""
    return f"user:{user.get_username()}"
