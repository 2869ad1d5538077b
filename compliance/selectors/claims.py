"""Whose claim on a case still holds: one that nobody renewed has lapsed."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThan

from atlaspay.core.clock import now
from compliance.models import Case

LAPSES_AFTER = timedelta(minutes=2)


def is_free() -> Q:
    """Match cases that nobody has open."""
    seen_at = Coalesce("heartbeat_at", "assigned_at")
    return Q(assignee=None) | Q(LessThan(seen_at, Now() - LAPSES_AFTER))


def holder_of(case: Case) -> str:
    """Return who has the case open at this moment, or an empty text."""
    seen_at = case.heartbeat_at or case.assigned_at
    if case.assignee is None or seen_at is None or now() - seen_at >= LAPSES_AFTER:
        return ""
    return case.assignee.get_username()
