"""Snoozes: one rule held silent for one partner for a while, by a lead, with a comment.

Its hits stay in the screening run as `snoozed`. A rule of the sanctions class is never snoozed.
"""

import logging
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError
from compliance.models import RuleSnooze
from compliance.screening import live
from compliance.services import permit
from partners.models import Partner

log = logging.getLogger(__name__)

LONGEST = timedelta(days=90)
COMMENT_MIN, COMMENT_MAX = 3, 500
LAPSED = "system:compliance.snooze"
MAY_BEGIN = (permit.LEAD, permit.PUBLISHER)
MAY_END = (permit.LEAD, permit.PUBLISHER, permit.AUTHOR, permit.OFFICER)


def snoozable_codes() -> list[str]:
    """Return the codes of the live policy's rules that may be snoozed."""
    return [rule.code for rule in live.live_policy().rules if rule.can_be_snoozed]


def create_snooze(
    user: User, *, partner_id: str, rule_code: str, until: datetime, comment: str
) -> RuleSnooze:
    """Hold a rule silent for a partner until `until` (aware, at most 90 days ahead).

    Raises PermissionRefusedError, InvalidRequestError (a pointer a field), ConflictError where it
    is snoozed already.
    """
    actor = permit.require(user, *MAY_BEGIN, attempt="snooze", subject=f"{partner_id} {rule_code}")
    partner = _check(partner_id, rule_code, until, comment)
    with transaction.atomic():
        _lock(partner_id, rule_code)
        held = RuleSnooze.objects.filter(
            partner=partner, rule_code=rule_code, ended_at=None
        ).first()
        if held is not None and held.until > clock.now():
            raise ConflictError(
                f"{held.actor.partition(':')[2]} snoozed this rule for {partner.name} until"
                f" {held.until:%Y-%m-%d %H:%M} UTC already: end that first."
            )
        if held is not None:
            _end(held, LAPSED)
        snooze = RuleSnooze.objects.create(
            partner=partner,
            rule_code=rule_code,
            until=until,
            comment=comment.strip(),
            actor=actor,
        )
    log.info("rule.snoozed", extra={"partner": partner_id, "rule": rule_code, "snooze": snooze.pk})
    return snooze


def end_snooze(snooze_id: int, user: User) -> RuleSnooze:
    """Let the rule speak again, at once. Anybody of the review may: it only makes checks stricter.

    Raises PermissionRefusedError, NotFoundError, ConflictError where it ended already.
    """
    actor = permit.require(user, *MAY_END, attempt="end_snooze", subject=snooze_id)
    with transaction.atomic():
        snooze = RuleSnooze.objects.select_for_update(of=("self",)).filter(pk=snooze_id).first()
        if snooze is None:
            raise NotFoundError(f"There is no snooze {snooze_id}.")
        if snooze.ended_at is not None:
            raise ConflictError(
                f"{snooze.ended_by.partition(':')[2]} ended this snooze at"
                f" {snooze.ended_at:%Y-%m-%d %H:%M:%S} UTC."
            )
        _end(snooze, actor)
    log.info("rule.snooze_ended", extra={"snooze": snooze.pk})
    return snooze


def _end(snooze: RuleSnooze, actor: str) -> None:
    snooze.ended_at, snooze.ended_by = Now(), actor
    snooze.save(update_fields=["ended_at", "ended_by"])
    snooze.refresh_from_db(fields=["ended_at"])


def _lock(partner_id: str, rule_code: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('compliance_snooze'), hashtext(%s))",
            [f"{partner_id} {rule_code}"],
        )


def _check(partner_id: str, rule_code: str, until: datetime, comment: str) -> Partner:
    errors: list[FieldError] = []
    partner = None
    if "\x00" not in partner_id:
        partner = Partner.objects.filter(id=partner_id).first()
    if partner is None:
        errors.append(FieldError(pointer="/partner", code="unknown", detail="No such partner."))
    rules = {rule.code: rule for rule in live.live_policy().rules}
    if rule_code not in rules:
        detail = "The live policy has no such rule."
        errors.append(FieldError(pointer="/rule_code", code="unknown", detail=detail))
    elif not rules[rule_code].can_be_snoozed:
        detail = "A rule about sanctions, or one that blocks, is never snoozed."
        errors.append(FieldError(pointer="/rule_code", code="sanctions", detail=detail))
    left = until - clock.now()
    if not timedelta(0) < left <= LONGEST:
        detail = f"Choose a time within the next {LONGEST.days} days."
        errors.append(FieldError(pointer="/until", code="range", detail=detail))
    if not COMMENT_MIN <= len(comment.strip()) <= COMMENT_MAX:
        detail = f"Say why, in {COMMENT_MIN} to {COMMENT_MAX} characters."
        errors.append(FieldError(pointer="/comment", code="length", detail=detail))
    elif "\x00" in comment:
        detail = "No control characters, please."
        errors.append(FieldError(pointer="/comment", code="charset", detail=detail))
    if errors or partner is None:
        raise InvalidRequestError("The snooze is not complete.", errors=errors)
    return partner
