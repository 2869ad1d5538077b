"""Versions of automatic approval: written by one person, armed by another, disarmed at once.

One version is armed at a time. A version never changes; another idea is another version.
"""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from atlaspay.core import context
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import AutoPolicy, AutoStep, Policy
from compliance.rules.auto import NEVER_CLASSES, AutoError, read
from compliance.screening import live
from compliance.services import auto_watch
from compliance.services.authorship import writers_of_auto
from compliance.services.four_eyes import rule_classes
from compliance.services.permissions import AUTHOR, LEAD, PUBLISH, refused, require

NOTE_MIN, NOTE_MAX = 3, 500


def write(document: dict[str, Any], *, note: str, user: AbstractBaseUser) -> AutoPolicy:
    """Make the next version; it does nothing until another person arms it.

    Raises PermissionRefusedError, InvalidRequestError with a pointer a fault (also for rules the
    live policy does not have, and for classes nobody but an officer decides).
    """
    author = require(user, AUTHOR, "", "You may not write automatic approval.")
    faults = _note_faults(note)
    try:
        rules = read(document)
    except AutoError as error:
        faults += [
            FieldError(pointer=f"/document{pointer}", code="invalid", detail=words)
            for pointer, words in error.problems
        ]
    else:
        faults += _code_faults(rules.codes)
    if faults:
        raise InvalidRequestError("The version is not complete.", errors=faults)
    with transaction.atomic():
        auto_watch.lock_policies()
        last = AutoPolicy.objects.aggregate(last=Max("number"))["last"] or 0
        policy, is_new = AutoPolicy.objects.get_or_create(
            number=last + 1,
            defaults={
                "document": document,
                "author": f"user:{author.get_username()}",
                "author_user": author,
                "note": note.strip(),
            },
        )
    if not is_new:
        raise ConflictError("Another version was written at this moment; look at it first.")
    return policy


def arm(number: int, *, note: str, user: AbstractBaseUser) -> AutoStep:
    """Arm a version somebody else wrote; one that was armed before is disarmed by the same act.

    Raises PermissionRefusedError, NotFoundError, InvalidRequestError, ConflictError where it is
    armed already.
    """
    armer = require(user, PUBLISH, str(number), "You may not arm automatic approval.")
    if faults := _note_faults(note):
        raise InvalidRequestError("Say why.", errors=faults)
    actor = f"user:{armer.get_username()}"
    with context.bind(actor=actor, user_id=armer.pk), transaction.atomic():
        auto_watch.lock_policies()
        policy = AutoPolicy.objects.filter(number=number).first()
        if policy is None:
            raise NotFoundError(f"There is no version {number}.")
        if objection := writers_of_auto(policy).objection(armer, "arm"):
            refused(armer, PUBLISH, str(number))
            raise PermissionRefusedError(objection)
        if faults := _code_faults(read(policy.document).codes):
            raise InvalidRequestError("The live policy does not fit.", errors=faults)
        armed = auto_watch.armed_step()
        if armed is not None and armed.policy_id == number:
            raise ConflictError(f"{number} is armed already, by {armed.actor}.")
        if armed is not None:
            _step(armed.policy, AutoStep.Kind.DISARMED, armer, f"{number} is armed instead")
        return _step(policy, AutoStep.Kind.ARMED, armer, note.strip())


def disarm(*, note: str, user: AbstractBaseUser) -> AutoStep:
    """Disarm what is armed: when this returns nothing more is approved automatically.

    A lead may as well as who may arm. Raises PermissionRefusedError, InvalidRequestError,
    ConflictError where nothing is armed.
    """
    permission = LEAD if isinstance(user, User) and user.has_perm(LEAD) else PUBLISH
    person = require(user, permission, "", "You may not disarm automatic approval.")
    if faults := _note_faults(note):
        raise InvalidRequestError("Say why.", errors=faults)
    with transaction.atomic():
        auto_watch.lock_policies()
        armed = auto_watch.armed_step()
        if armed is None:
            raise ConflictError("No version is armed.")
        return _step(armed.policy, AutoStep.Kind.DISARMED, person, note.strip())


def _step(policy: AutoPolicy, kind: AutoStep.Kind, user: User, note: str) -> AutoStep:
    actor = f"user:{user.get_username()}"
    return AutoStep.objects.create(policy=policy, kind=kind, actor=actor, user=user, note=note)


def _note_faults(note: str) -> list[FieldError]:
    if NOTE_MIN <= len(note.strip()) <= NOTE_MAX and "\x00" not in note:
        return []
    detail = f"Say why, in {NOTE_MIN} to {NOTE_MAX} characters."
    return [FieldError(pointer="/note", code="length", detail=detail)]


def _code_faults(codes: frozenset[str]) -> list[FieldError]:
    number = live.live_number() or 0
    document = Policy.objects.values_list("document", flat=True).filter(number=number).first()
    classes = {} if document is None else rule_classes(document)
    faults = []
    for code in sorted(codes):
        if code not in classes:
            detail = f"The live policy has no rule {code!r}."
            faults.append(FieldError(pointer="/document/codes", code="unknown", detail=detail))
        elif classes[code] in NEVER_CLASSES:
            detail = f"{code!r} is of class {classes[code]}: an officer decides it, always."
            faults.append(FieldError(pointer="/document/codes", code="forbidden", detail=detail))
    return faults
