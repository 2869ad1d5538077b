"""What no message wakes: payouts that waited too long, batches that reached their end, alarms by
age.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import OuterRef, Subquery

from payouts import postings
from payouts.machine import FINAL_STATES, State
from payouts.models import Batch, Payout
from payouts.rails import failures
from payouts.representation import batch_summary
from payouts.selectors import counters_of
from payouts.selectors.payouts import with_the_bank
from payouts.services import unit

log = logging.getLogger(__name__)

CHUNK = 500
# A payout that has been in its state this long is somebody's work; seconds by state.
ALARM_AGES_S = {
    State.SCREENING: 60,
    State.QUEUED: 300,
    State.SENDING: 600,
    State.SENT: 3600,
    State.IN_REVIEW: 24 * 3600,
}


def expire_queued(*, limit: int = CHUNK) -> int:
    """Fail payouts that never reached a bank within the queue's limit; nothing of theirs is on the
    wire.
    """
    oldest = timedelta(seconds=settings.ATLASPAY_QUEUE_EXPIRY_S)
    with unit.open(reason="queue limit reached") as work:
        late = Payout.objects.filter(state=State.QUEUED, deadline_at__lt=work.now - oldest)
        found = work.claim(late.order_by("deadline_at", "id")[:limit])
        kept = with_the_bank(found)
        payouts = [payout for payout in found if payout.id not in kept]
        for payout in payouts:
            payout.expire()
            payout.due_at = None
            payout.failure_code = failures.SLA_EXPIRED
            payout.failure_message = failures.explain(failures.SLA_EXPIRED).message
            work.post(postings.RELEASED, postings.released(payout, State.QUEUED))
            work.emit("payout.failed", payout)
    return len(payouts)


def complete_batches(*, limit: int = CHUNK) -> int:
    """Tell partners of batches all of whose payouts have reached an end; return how many."""
    # The first that is found, one probe a batch: an EXISTS became a join with all that is open.
    unended = Payout.objects.filter(batch=OuterRef("pk"), final_at=None)
    still_open = unended.exclude(state__in=FINAL_STATES).values("id")[:1]
    with unit.open(reason="all payouts have ended") as work:
        done = list(
            Batch.objects.filter(completed_at=None, intake=Batch.Intake.ACCEPTED)
            .alias(still_open=Subquery(still_open))
            .filter(still_open=None)
            .order_by("id")
            .select_for_update(skip_locked=True)[:limit]
        )
        counters = counters_of([batch.id for batch in done])
        for batch in done:
            batch.completed_at = work.now
            work.emit_batch(
                "batch.completed", batch, batch_summary(batch, counters.get(batch.id, {}))
            )
    return len(done)


# Since when a payout waits where it is. Never `updated_at` while a bank is asked or called: every
# try renews it. A scheduled one waits since its time; a time to come is a negative age.
_AGES = """
SELECT state, extract(epoch FROM clock_timestamp() - min(
           CASE WHEN state IN ('sending', 'sent') THEN sent_at
                WHEN state = 'queued' THEN greatest(queued_at, execute_at)
                WHEN state = 'screening' THEN submitted_at
                ELSE updated_at END))::int
  FROM payouts_payout WHERE final_at IS NULL AND state = ANY(%s) GROUP BY state
"""


def sound_alarms() -> dict[str, int]:
    """Log one line for each state in which something waits longer than it should; return the ages
    in seconds.
    """
    with connection.cursor() as cursor:
        cursor.execute(_AGES, [[str(state) for state in ALARM_AGES_S]])
        ages = {state: age for state, age in cursor.fetchall() if age > ALARM_AGES_S[State(state)]}
    for state, age in ages.items():
        log.error("queue.overdue", extra={"state": state, "age_s": age})
    return ages
