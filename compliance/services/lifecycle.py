"""What a policy is used for: the steps of its life, read in one way by everybody.

A policy is frozen, then perhaps tried in shadow, then published; the one published last is live.
Steps are only ever added, and one at a time: `lock_lifecycle` comes before anything is read that a
step depends on.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from compliance.models import PolicyStep

Kind = PolicyStep.Kind


class Standing(StrEnum):
    """What a version is now."""

    LIVE = "live"
    REPLACED = "replaced"
    FROZEN = "frozen"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Life:
    """Where every version stands. `shadows` run beside the live one, oldest first."""

    live: int | None
    shadows: tuple[int, ...]
    withdrawn: frozenset[int]
    ever_published: frozenset[int]

    def standing(self, number: int) -> Standing:
        """Return what one version is now; whether it runs in shadow is in `shadows`."""
        if number == self.live:
            return Standing.LIVE
        if number in self.withdrawn:
            return Standing.WITHDRAWN
        return Standing.REPLACED if number in self.ever_published else Standing.FROZEN


def lock_lifecycle() -> None:
    """Let nobody else add a step until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('compliance_policy'), 1)")


def life() -> Life:
    """Read every step in order (a few hundred rows in a lifetime) and say where each stands."""
    live: int | None = None
    shadows: dict[int, None] = {}
    withdrawn: set[int] = set()
    published: set[int] = set()
    for number, kind in PolicyStep.objects.order_by("id").values_list("policy_id", "kind"):
        if kind == Kind.PUBLISHED:
            live = number
            published.add(number)
        elif kind == Kind.SHADOW:
            shadows[number] = None
        elif kind == Kind.SHADOW_END:
            shadows.pop(number, None)
        else:
            withdrawn.add(number)
    return Life(live, tuple(shadows), frozenset(withdrawn), frozenset(published))
