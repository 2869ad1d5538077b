"""Backtests ordered and stopped: a policy or draft to be tried over past payouts.

`backtest_run` does the work. A backtest moves no payout and opens no case.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now

from atlaspay.core import clock
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
)
from atlaspay.core.nudge import nudge
from compliance.models import Backtest, Policy, PolicyDraft
from compliance.services import documents, permit

log = logging.getLogger(__name__)

TASK = "compliance.backtest"
LONGEST = timedelta(days=366)
WAITING_MAX = 10

State = Backtest.State
UNFINISHED = (State.WAITING, State.RUNNING)


def backtest_policy(
    number: int, *, since: datetime, until: datetime, user: User | None = None, actor: str = ""
) -> Backtest:
    """Order a backtest of a numbered policy. Errors as `backtest_document`, and NotFoundError."""
    policy = Policy.objects.filter(number=number).first()
    if policy is None:
        raise NotFoundError(f"There is no policy {number}.")
    return backtest_document(
        policy.document,
        title=f"Policy {number}: {policy.title}",
        since=since,
        until=until,
        user=user,
        actor=actor,
        policy=policy,
    )


def backtest_draft(
    draft_id: int, *, since: datetime, until: datetime, user: User | None = None, actor: str = ""
) -> Backtest:
    """Order a backtest of a draft as it is saved now. Errors as `backtest_document`."""
    draft = PolicyDraft.objects.filter(pk=draft_id).first()
    if draft is None:
        raise NotFoundError(f"There is no draft {draft_id}.")
    return backtest_document(
        draft.document,
        title=f"{draft.title}, version {draft.version}",
        since=since,
        until=until,
        user=user,
        actor=actor,
        draft=draft,
    )


def backtest_document(
    document: Mapping[str, Any],
    *,
    title: str,
    since: datetime,
    until: datetime,
    user: User | None = None,
    actor: str = "",
    policy: Policy | None = None,
    draft: PolicyDraft | None = None,
) -> Backtest:
    """Order a backtest of a document over the payouts submitted from `since` to before `until`.

    Without `user` it is ordered by `actor` (a command). Raises PermissionRefusedError,
    InvalidRequestError (range, document), ConflictError where too many wait.
    """
    if user is not None:
        actor = permit.require(
            user, permit.AUTHOR, permit.PUBLISHER, attempt="backtest", subject=title
        )
    documents.compiled(document)
    until = min(until, clock.now())
    _check_range(since, until)
    with transaction.atomic():
        lock_backtests()
        if Backtest.objects.filter(state__in=UNFINISHED).count() >= WAITING_MAX:
            raise ConflictError(f"{WAITING_MAX} backtests wait already: stop one, or come back.")
        made = Backtest.objects.create(
            title=title[:140],
            document=dict(document),
            policy=policy,
            draft=draft,
            since=since,
            until=until,
            user=user,
            actor=actor,
        )
        nudge(TASK, queue="default")
    log.info("backtest.ordered", extra={"backtest": made.pk, "title": made.title})
    return made


def stop_backtest(backtest_id: int, user: User | None) -> Backtest:
    """Stop one that waits or runs; its figures so far stay. The runner notices within a batch.

    Raises PermissionRefusedError, NotFoundError, ConflictError where it has ended.
    """
    if user is not None:
        permit.require(
            user, permit.AUTHOR, permit.PUBLISHER, attempt="stop_backtest", subject=backtest_id
        )
    stopped = Backtest.objects.filter(pk=backtest_id, state__in=UNFINISHED).update(
        state=State.STOPPED, leased_until=None, claim_id=None, finished_at=Now()
    )
    made = Backtest.objects.filter(pk=backtest_id).first()
    if made is None:
        raise NotFoundError(f"There is no backtest {backtest_id}.")
    if not stopped:
        raise ConflictError(f"The backtest has ended: {made.get_state_display().lower()}.")
    log.info("backtest.stopped", extra={"backtest": backtest_id})
    return made


def lock_backtests() -> None:
    """Let nobody else order or claim a backtest until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('compliance_backtest'), 1)")


def _check_range(since: datetime, until: datetime) -> None:
    detail = ""
    if since >= until:
        detail = "The range ends before it begins."
    elif until - since > LONGEST:
        detail = f"A range has at most {LONGEST.days} days."
    if detail:
        raise InvalidRequestError(
            detail, errors=[FieldError(pointer="/since", code="range", detail=detail)]
        )
