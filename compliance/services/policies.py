"""The steps of a policy's life: shadow, publication, withdrawal. Rolling back is publishing an
older version again.

Each step checks permission, separation of duties and state under one lock, and is one row with who
and why; screening reads the newest published row before each chunk.
"""

import logging

from django.contrib.auth.models import User
from django.db import transaction

from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    StaleFormError,
)
from compliance.models import Policy, PolicyStep, Watchlist
from compliance.rules.policy import CompiledPolicy
from compliance.services import documents, permit
from compliance.services.authorship import writers_of
from compliance.services.lifecycle import Kind, Life, life, lock_lifecycle

log = logging.getLogger(__name__)

NOTE_MIN, NOTE_MAX = 3, 500
SHADOWS_MAX = 3  # each costs screening as much as the live policy does


def publish(number: int, user: User, *, note: str, expected_live: int | None) -> PolicyStep:
    """Make a version the one that payouts are screened against, at once; return the step.

    `expected_live` is the live version the person compared it with. Whoever wrote any of it may not
    publish it. Raises PermissionRefusedError, NotFoundError, InvalidRequestError (no note, does not
    compile), StaleFormError (another was published meanwhile), ConflictError (live, withdrawn).
    """
    permit.require(user, permit.PUBLISHER, attempt="publish", subject=number)
    note = _checked(note)
    policy = _policy(number)
    if objection := writers_of(policy).objection(user, "publish"):
        permit.refuse(user, attempt="publish", subject=number, why=objection)
    with transaction.atomic():
        lock_lifecycle()
        now = life()
        if now.live != expected_live:
            raise StaleFormError(_published_meanwhile(now), extra={"live": now.live})
        if number == now.live:
            raise ConflictError(f"Policy {number} is live already.")
        _refuse_withdrawn(number, now)
        _refuse_unknown_lists(documents.compiled(policy.document, number))
        if number in now.shadows:
            _step(policy, Kind.SHADOW_END, user, "Published")
        step = _step(policy, Kind.PUBLISHED, user, note)
    log.info("policy.published", extra={"policy": number, "replaced": now.live})
    return step


def start_shadow(number: int, user: User, *, note: str = "") -> PolicyStep:
    """Let a version assess live payouts beside the live one, moving nothing. Errors as `publish`;
    needs author or publisher."""
    permit.require(user, permit.AUTHOR, permit.PUBLISHER, attempt="start_shadow", subject=number)
    note = _checked(note, least=0)
    with transaction.atomic():
        lock_lifecycle()
        policy, now = _policy(number), life()
        if number == now.live:
            raise ConflictError(f"Policy {number} is live: it has nothing to be compared with.")
        if number in now.shadows:
            raise ConflictError(f"Policy {number} runs in shadow already.")
        _refuse_withdrawn(number, now)
        if len(now.shadows) >= SHADOWS_MAX:
            others = ", ".join(str(each) for each in now.shadows)
            raise ConflictError(
                f"At most {SHADOWS_MAX} policies run in shadow, and {others} do: end one first."
            )
        documents.compiled(policy.document, number)
        step = _step(policy, Kind.SHADOW, user, note)
    log.info("policy.shadow_started", extra={"policy": number})
    return step


def stop_shadow(number: int, user: User, *, note: str = "") -> PolicyStep:
    """End a shadow run; its figures stay. Errors as `start_shadow`."""
    permit.require(user, permit.AUTHOR, permit.PUBLISHER, attempt="stop_shadow", subject=number)
    note = _checked(note, least=0)
    with transaction.atomic():
        lock_lifecycle()
        policy = _policy(number)
        if number not in life().shadows:
            raise ConflictError(f"Policy {number} does not run in shadow.")
        step = _step(policy, Kind.SHADOW_END, user, note)
    log.info("policy.shadow_stopped", extra={"policy": number})
    return step


def withdraw(number: int, user: User, *, note: str) -> PolicyStep:
    """Bar a version from ever being published. The live one cannot be withdrawn: publish another
    first. Needs author or publisher, and a note."""
    permit.require(user, permit.AUTHOR, permit.PUBLISHER, attempt="withdraw", subject=number)
    note = _checked(note)
    with transaction.atomic():
        lock_lifecycle()
        policy, now = _policy(number), life()
        if number == now.live:
            raise ConflictError(
                f"Policy {number} is live: publish another before it can be withdrawn."
            )
        _refuse_withdrawn(number, now)
        if number in now.shadows:
            _step(policy, Kind.SHADOW_END, user, "Withdrawn")
        step = _step(policy, Kind.WITHDRAWN, user, note)
    log.info("policy.withdrawn", extra={"policy": number})
    return step


def _policy(number: int) -> Policy:
    policy = Policy.objects.filter(number=number).first()
    if policy is None:
        raise NotFoundError(f"There is no policy {number}.")
    return policy


def _step(policy: Policy, kind: PolicyStep.Kind, user: User, note: str) -> PolicyStep:
    actor = permit.actor_of(user)
    step = PolicyStep.objects.create(policy=policy, kind=kind, actor=actor, user=user, note=note)
    step.refresh_from_db(fields=["at"])
    return step


def _refuse_withdrawn(number: int, now: Life) -> None:
    if number in now.withdrawn:
        step = PolicyStep.objects.filter(policy_id=number, kind=Kind.WITHDRAWN).latest("id")
        raise ConflictError(
            f"{step.actor.partition(':')[2]} withdrew policy {number} at {step.at:%Y-%m-%d %H:%M}"
            f" UTC: {step.note}"
        )


def _refuse_unknown_lists(policy: CompiledPolicy) -> None:
    used = Watchlist.objects.filter(is_active=True).values_list("code", flat=True)
    if missing := sorted(policy.needs.lists - set(used)):
        raise ConflictError(
            f"The policy compares names with {', '.join(missing)}, which is no list in use: it"
            " would hold every payout."
        )


def _published_meanwhile(now: Life) -> str:
    step = PolicyStep.objects.filter(kind=Kind.PUBLISHED).order_by("-id").first()
    if step is None:
        return "No policy is live."
    return (
        f"{step.actor.partition(':')[2]} published policy {now.live} at"
        f" {step.at:%Y-%m-%d %H:%M:%S} UTC: compare with that one and confirm again."
    )


def _checked(note: str, *, least: int = NOTE_MIN) -> str:
    note = note.strip()
    detail = ""
    if not least <= len(note) <= NOTE_MAX:
        detail = f"A note has {least} to {NOTE_MAX} characters: say why."
    elif "\x00" in note:
        detail = "No control characters, please."
    if detail:
        raise InvalidRequestError(
            detail, errors=[FieldError(pointer="/note", code="note", detail=detail)]
        )
    return note
