"""A chunk's names asked about within a time, each distinct one once.

A name can be written so that it costs tens of times what an honest one does: dozens of words
that hundreds of listed names share. A chunk of such would outlast its task's limit, be rolled back
and claimed again for ever. What does not fit into the time is left for later, and whoever sends
such names waits for them alone.
"""

import time
from collections import defaultdict
from collections.abc import Sequence

from compliance.rules.facts import WatchHit
from compliance.rules.names import HITS_MAX, Matcher
from payouts.models import Payout

# Of one chunk, in seconds; a thousand honest names take one.
ALL_S, PARTNER_S = 15.0, 5.0
# Who used the time up is asked about after everybody else for so long.
SLOW_FOR_S = 60.0

_slow_until: dict[str, float] = {}


class Asked:
    """A matcher that remembers its answers; for one chunk."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._known: dict[tuple[str, int], tuple[WatchHit, ...]] = {}

    @property
    def codes(self) -> frozenset[str]:
        """Return the codes of the lists that name somebody."""
        return self._matcher.codes

    def hits(self, name: str, most: int = HITS_MAX) -> tuple[WatchHit, ...]:
        """Return the best hits of a name."""
        known = self._known.get((name, most))
        if known is None:
            known = self._known[name, most] = self._matcher.hits(name, most)
        return known


def fitting(payouts: Sequence[Payout], matcher: Matcher) -> tuple[list[Payout], Asked]:
    """Return those payouts, in order and at least one, whose names were asked about in time, and
    the answers.
    """
    asked = Asked(matcher)
    chosen: list[Payout] = []
    spent: defaultdict[str, float] = defaultdict(float)
    began = time.perf_counter()
    for payout in payouts:
        started = time.perf_counter()
        is_late = started - began >= ALL_S or spent[payout.partner_id] >= PARTNER_S
        if chosen and is_late:
            continue
        asked.hits(payout.recipient_name)
        spent[payout.partner_id] += time.perf_counter() - started
        chosen.append(payout)
    until = time.monotonic() + SLOW_FOR_S
    _slow_until.update({one: until for one, took in spent.items() if took >= PARTNER_S})
    return chosen, asked


def slow_partners() -> list[str]:
    """Return the partners whose names lately took more than their time, in this process."""
    now = time.monotonic()
    for one in [one for one, until in _slow_until.items() if until <= now]:
        del _slow_until[one]
    return sorted(_slow_until)
