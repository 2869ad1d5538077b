"""Whether what a dashboard shows is old, or the platform is behind, and which part of it is."""

from datetime import datetime, timedelta

from atlaspay.core import clock, console
from payouts.rollups import read
from payouts.selectors.backlog import late_queues
from webhooks import rollup_figures

OLD_AFTER = timedelta(minutes=5)
WEBHOOKS_LATE_S = 60

_WORDS = {
    "intake": "Taking in batches",
    "screening": "Screening",
    "queued": "Dispatch to the banks",
    "sending": "Finding out what became of sent payouts",
    "sent": "Asking banks about accepted payouts",
    "callbacks": "Reading the banks' callbacks",
}


def as_of() -> datetime | None:
    """Return the instant up to which payouts and deliveries are both counted, None before that."""
    payouts, webhooks = read.as_of(), rollup_figures.as_of()
    return None if payouts is None or webhooks is None else min(payouts, webhooks)


def late_parts(counted: datetime | None, scope: str) -> list[str]:
    """Return a sentence for each part that is late; `counted` is what `as_of` returned."""
    made = []
    if counted is None:
        made.append("Counting has not begun: no figures yet.")
    elif (age := clock.now() - counted) > OLD_AFTER:
        old = console.span(age.total_seconds())
        made.append(f"Counting is late: these figures are {old} old.")
    for name, age_s in late_queues().items():
        made.append(f"{_WORDS[name]} is late: up to {console.span(age_s)}.")
    age_s = rollup_figures.oldest_unsent_s(scope)
    if age_s > WEBHOOKS_LATE_S:
        made.append(f"Sending webhooks is late: up to {console.span(age_s)}.")
    return made
