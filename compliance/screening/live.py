"""The live policy, those in shadow and the indexed lists, kept per process and checked against the
database by their numbers."""

import logging
from dataclasses import dataclass
from threading import Lock

from django.db import connection

from atlaspay.core.errors import UnavailableError
from compliance.models import Policy, PolicyStep, Watchlist, WatchlistEntry
from compliance.rules.broken import BrokenPolicy
from compliance.rules.errors import PolicyError
from compliance.rules.names import MATCHER_VERSION, Listed, Matcher, NameMatcher
from compliance.rules.policy import CompiledPolicy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lists:
    """The watchlists as indexed; `label` names each with its revision, and the matcher."""

    label: str
    matcher: Matcher


_lock = Lock()
_policies: dict[int, CompiledPolicy] = {}
_lists: dict[str, Lists] = {}

# A policy runs in shadow from `shadow` on until `shadow_end`; being published does not end it, but
# the live one is never its own shadow.
_SHADOWS = """
SELECT policy_id FROM (
    SELECT DISTINCT ON (policy_id) policy_id, kind FROM compliance_policystep
    WHERE kind IN ('shadow', 'shadow_end', 'withdrawn') ORDER BY policy_id, id DESC
) last WHERE kind = 'shadow' AND policy_id <> %s ORDER BY policy_id
"""


def live_policy() -> CompiledPolicy:
    """Return the policy published last. Raises UnavailableError where there is none:
    nothing is cleared."""
    number = live_number()
    if number is None:
        raise UnavailableError(
            "No policy is published: nothing can be screened. Run the migrations."
        )
    return policy(number)


def live_number() -> int | None:
    """Return the number of the policy published last, None where none ever was."""
    return (
        PolicyStep.objects.filter(kind=PolicyStep.Kind.PUBLISHED)
        .order_by("-id")
        .values_list("policy_id", flat=True)
        .first()
    )


def shadow_policies(live: int) -> list[CompiledPolicy]:
    """Return the policies that run in shadow beside the live one."""
    with connection.cursor() as cursor:
        cursor.execute(_SHADOWS, [live])
        return [policy(number) for (number,) in cursor.fetchall()]


def policy(number: int) -> CompiledPolicy:
    """Return one policy compiled; policies never change, so a compiled one is good for the life of
    the process.

    Publishing compiles before; one that does not compile here all the same (an older version of
    this program runs) flags every payout instead of stopping screening, and raises the alarm.
    """
    with _lock:
        if number not in _policies:
            document = Policy.objects.values_list("document", flat=True).get(number=number)
            try:
                _policies[number] = CompiledPolicy(number, document)
            except PolicyError as error:
                log.error("policy.broken", extra={"policy": number, "problems": error.problems})  # noqa: TRY400 - the problems say it all
                _policies[number] = BrokenPolicy(number)
        return _policies[number]


def forget() -> None:
    """Read policies and lists anew on the next question (tests)."""
    with _lock:
        _policies.clear()
        _lists.clear()


def lists() -> Lists:
    """Return the lists as they are now, indexed again only after one of them changed."""
    revisions = (
        Watchlist.objects.filter(is_active=True).order_by("code").values_list("code", "revision")
    )
    label = ", ".join([*(f"{code}@{revision}" for code, revision in revisions), MATCHER_VERSION])
    with _lock:
        if label not in _lists:
            entries = (
                WatchlistEntry.objects.filter(removed_in=None, party__watchlist__is_active=True)
                .order_by("id")
                .values_list(
                    "party__watchlist_id", "id", "name", "strength", "party__kind", "party_id"
                )
            )
            _lists.clear()
            _lists[label] = Lists(label, NameMatcher(Listed(*entry) for entry in entries))
        return _lists[label]
