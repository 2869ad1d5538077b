"""Which queued payouts wait for compliance although nobody holds them yet."""

from django.db.models import Exists, OuterRef, Q

from compliance.models import RescreenHit


def reported() -> Q:
    """Return what picks payouts that were on their way when a rescreen found a new name like
    theirs, came back refused, and that nobody has looked at: the next tick of the rescreen holds
    them, or a person's review lets them go on."""
    unseen = RescreenHit.objects.filter(
        payout=OuterRef("pk"), outcome=RescreenHit.Outcome.PAID, reviewed_at=None
    )
    return Q(Exists(unseen), attempt_count__gt=0)
