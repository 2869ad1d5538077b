"""Which role may do what: the one table that every page, button and test asks."""

from enum import StrEnum
from typing import Final

from portal.models import Role


class Right(StrEnum):
    """What a page shows or changes."""

    READ = "read"  # batches, payouts, balance, webhooks, key names, events, figures
    OWN = "own"  # one's own account
    PAYOUTS = "payouts"  # submit and cancel
    WEBHOOKS = "webhooks"  # endpoints, their secrets, retries
    KEYS = "keys"  # API keys
    MEMBERS = "members"  # who may come in


_ANYBODY: Final = frozenset({Right.READ, Right.OWN})

ROLE_RIGHTS: Final[dict[str, frozenset[Right]]] = {
    Role.OWNER: frozenset(Right),
    Role.OPERATOR: _ANYBODY | {Right.PAYOUTS},
    Role.DEVELOPER: _ANYBODY | {Right.WEBHOOKS, Right.KEYS},
    Role.VIEWER: _ANYBODY,
}

ROLE_WORDS: Final[dict[str, str]] = {
    Role.OWNER: "Everything, and who else may come in",
    Role.OPERATOR: "Submits and cancels payouts",
    Role.DEVELOPER: "Manages webhooks and API keys",
    Role.VIEWER: "Reads",
}


def may(role: str, right: Right) -> bool:
    """Say whether a role has a right; a role nobody knows has none."""
    return right in ROLE_RIGHTS.get(role, frozenset())
