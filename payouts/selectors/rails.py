"""How the rails do at this moment: what is under way on each, and which are paused."""

from dataclasses import dataclass, field

from django.db import connection

from payouts.machine import Stage, State
from payouts.models import RailState
from payouts.rails.registry import RAIL_NAMES

COUNT_MAX = 20_000

# A bound instead of a full count: in a backlog of a million nobody needs the last digit. That they
# have not ended is said in the words of the index of those that have not.
_UNDER_WAY = """
SELECT rail, state, stage = %s, count(*)
FROM (SELECT rail, state, stage FROM payouts_payout
    WHERE final_at IS NULL AND state = ANY(%s) LIMIT %s) p
GROUP BY 1, 2, 3
"""


@dataclass
class RailHealth:
    """One rail. `counts` are payouts by state; `unknown` those whose outcome no bank has told."""

    rail: str
    is_paused: bool = False
    reason: str = ""
    actor: str = ""
    unknown: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        """Return how many payouts are with the bank now."""
        return self.counts.get(State.SENDING, 0) + self.counts.get(State.SENT, 0)


def rails_health() -> list[RailHealth]:
    """Return every rail in its usual order; two queries, at most `COUNT_MAX` payouts counted."""
    found = {name: RailHealth(name) for name in RAIL_NAMES}
    for state in RailState.objects.filter(is_paused=True):
        if state.rail in found:
            one = found[state.rail]
            one.is_paused, one.reason, one.actor = True, state.reason, state.actor
    states = [str(each) for each in (State.QUEUED, State.SENDING, State.SENT)]
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY, [Stage.OUTCOME_UNKNOWN, states, COUNT_MAX])
        for rail, state, is_unknown, count in cursor.fetchall():
            if rail not in found:
                continue
            counts = found[rail].counts
            counts[state] = counts.get(state, 0) + count
            if is_unknown:
                found[rail].unknown += count
    return list(found.values())
