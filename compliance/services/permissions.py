"""Who may decide what; the doors ask nothing, the services ask here."""

import logging

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User

from atlaspay.core.errors import PermissionRefusedError

log = logging.getLogger(__name__)

DECIDE = "compliance.decide_case"
LEAD = "compliance.override_decision"
AUTHOR = "compliance.author_policy"
PUBLISH = "compliance.publish_policy"


def require(user: AbstractBaseUser, permission: str, about: str, words: str) -> User:
    """Return the person if they have the permission, else log the attempt and raise
    PermissionRefusedError; `about` is the id of what they wanted to act on."""
    if isinstance(user, User) and user.is_active and user.has_perm(permission):
        return user
    refused(user, permission, about)
    raise PermissionRefusedError(f"{words} The refused attempt is logged.")


def refused(user: AbstractBaseUser, permission: str, about: str) -> None:
    """Log an attempt that was refused."""
    log.warning(
        "decision.refused",
        extra={"about": about, "permission": permission, "username": user.get_username()},
    )


def is_lead(user: User) -> bool:
    """Say whether this person may override, and be the second officer for overrides and lists."""
    return user.has_perm(LEAD)
