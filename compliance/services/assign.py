"""Who is looking at which case: a soft claim, so that two officers rarely read the same one.

A claim promises nothing: whoever decides first has decided (`decide` sees to that).
"""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import PermissionRefusedError
from compliance.models import Case
from compliance.services.decide import PERMISSION

HELD_FOR = timedelta(minutes=5)


def claim_next(user: User, *, after: str = "") -> Case | None:
    """Claim the open case that is due first and nobody else looks at; None where there is none.

    `after` is the case in hand: it is passed over. Skips rows others are claiming at this moment.
    Raises PermissionRefusedError.
    """
    if not user.has_perm(PERMISSION):
        raise PermissionRefusedError("You may not decide cases.")
    with transaction.atomic():
        is_free = Q(assignee=None) | Q(assignee=user) | Q(assigned_at__lt=Now() - HELD_FOR)
        case = (
            Case.objects.filter(is_free, state=Case.State.OPEN)
            .exclude(id=after)
            .order_by("due_at", "id")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if case is not None:
            _hold(case, user)
        return case


def _hold(case: Case, user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('atlaspay.actor', %s, true),"
            " set_config('atlaspay.user_id', %s, true),"
            " set_config('atlaspay.request_id', %s, true), set_config('atlaspay.reason', %s, true)",
            [f"user:{user.username}", str(user.pk), context.current().request_id, "claimed"],
        )
    Case.objects.filter(pk=case.pk, state=Case.State.OPEN).update(assignee=user, assigned_at=Now())
