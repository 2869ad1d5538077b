"""Watchlists: import a publication as a new revision, and switch lists on and off.

Files are read and judged whole before anything is written; a revision is one transaction, and
starts a rescreen.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError
from compliance.importers.formats import FORMATS, open_reader
from compliance.importers.problems import Problems
from compliance.importers.source import Source
from compliance.models import SafeMatch, Watchlist, WatchlistImport, WatchlistSwitch
from compliance.services import rescreen, watchlist_rows
from compliance.services import watchlist_checks as checks
from compliance.services.lifecycle import lock_lifecycle
from compliance.services.watchlist_checks import Accept
from compliance.services.watchlist_rows import Counts

log = logging.getLogger(__name__)

_TITLES = {
    "ofac": "OFAC Specially Designated Nationals",
    "un": "UN Security Council Consolidated List",
    "opensanctions": "OpenSanctions",
    "plain": "",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did, or would do. `is_changed` is False where the same publication is already
    there; `rescreen_id` is None where no name is new."""

    code: str
    title: str
    revision: int
    published_on: date
    counts: Counts
    new_names: int = 0
    is_changed: bool = True
    is_dry_run: bool = False
    rescreen_id: int | None = None
    notes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON members."""
        return {
            "code": self.code,
            "title": self.title,
            "revision": self.revision,
            "published_on": self.published_on.isoformat(),
            "is_changed": self.is_changed,
            "is_dry_run": self.is_dry_run,
            "parties": self.counts.parties,
            "names": self.counts.names,
            "added": self.counts.added,
            "changed": self.counts.changed,
            "removed": self.counts.removed,
            "new_names": self.new_names,
            "rescreen_id": self.rescreen_id,
            "notes": self.notes,
        }


def import_list(
    code: str,
    *,
    format_name: str,
    sources: Sequence[Source],
    published_on: date | None = None,
    title: str = "",
    accept: Accept | None = None,
    user: AbstractBaseUser | None,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Import one publication of a list, whole or not at all; importing it again changes nothing.

    `user` is None for the operator at the command line. Locks the list. Raises
    PermissionRefusedError, InvalidRequestError (UnfitFileError with every problem and its line) and
    ConflictError where `accept` would be needed.
    """
    checks.check_permission(user)
    checks.check_words(code, format_name, title, published_on)
    accept = accept or Accept()
    problems = Problems()
    reader = open_reader(format_name, sources, problems)
    # Nothing is locked while the files are read: what is staged is the session's own.
    with transaction.atomic():
        watchlist_rows.stage(reader.parties(), progress)
        checks.check_staged(reader, problems, sources)
        on = checks.publication(reader, published_on, is_exact=FORMATS[format_name].date_is_exact)
        checks.check_mismatch(reader, accept)
        outcome = _write(
            code, format_name, sources, on=on, title=title, accept=accept, notes=reader.notes
        )
        if dry_run:
            transaction.set_rollback(True)
            return Outcome(
                code=code,
                title=outcome.title,
                revision=outcome.revision,
                published_on=on,
                counts=outcome.counts,
                new_names=outcome.new_names,
                is_changed=outcome.is_changed,
                is_dry_run=True,
                notes=outcome.notes,
            )
    log.info("watchlist.imported", extra={"list": code, **_figures(outcome)})
    return outcome


def switch(code: str, *, is_active: bool, reason: str, user: AbstractBaseUser | None) -> Watchlist:
    """Compare with a list from now on, or no longer; a list switched on is rescreened whole.

    Off takes a lead, or the operator's shell. Locks policies and the list. Raises
    PermissionRefusedError, NotFoundError, InvalidRequestError without a reason, ConflictError where
    it is so already or the live policy could not judge without it.
    """
    checks.check_permission(user)
    if not is_active:
        checks.check_may_switch_off(user)
    reason = reason.strip()
    if not 3 <= len(reason) <= 500 or "\x00" in reason:
        raise InvalidRequestError(
            "Say why, in 3 to 500 characters.",
            errors=[FieldError(pointer="/reason", code="length", detail="3 to 500 characters")],
        )
    with transaction.atomic():
        lock_lifecycle()
        watchlist = Watchlist.objects.select_for_update().filter(code=code).first()
        if watchlist is None:
            raise NotFoundError(f"There is no list {code}.")
        words = "on" if is_active else "off"
        if watchlist.is_active == is_active:
            raise ConflictError(f"{watchlist.title} is switched {words} already.")
        if not is_active:
            checks.check_not_asked(watchlist)
        watchlist.is_active = is_active
        watchlist.revision += 1
        watchlist.save(update_fields=["is_active", "revision"])
        WatchlistSwitch.objects.create(
            watchlist=watchlist,
            revision=watchlist.revision,
            is_active=is_active,
            reason=reason,
            actor=context.actor(),
        )
        if is_active:
            rescreen.start(f"{watchlist.title} switched on", since_lists={code: 0})
    log.info("watchlist.switched", extra={"list": code, "is_active": is_active})
    return watchlist


def _write(
    code: str,
    format_name: str,
    sources: Sequence[Source],
    *,
    on: date,
    title: str,
    accept: Accept,
    notes: dict[str, int],
) -> Outcome:
    """Lock the list, compare, and write the revision if there is anything new."""
    Watchlist.objects.bulk_create(
        [
            Watchlist(
                code=code,
                title=title or _TITLES[format_name] or code,
                format=format_name,
                published_on=on,
                revision=0,
            )
        ],
        ignore_conflicts=True,
    )
    watchlist = Watchlist.objects.select_for_update().get(code=code)
    checks.check_format(watchlist, format_name)
    if on < watchlist.published_on and not accept.older:
        raise ConflictError(
            f"The list here was published on {watchlist.published_on:%d %b %Y}, this file on"
            f" {on:%d %b %Y}. To go back, accept an older publication.",
            extra={"accept": "older"},
        )
    counts = watchlist_rows.count(code)
    checks.check_size(counts, accept)
    before, since = watchlist.revision, watchlist.published_on
    watchlist.title = title or watchlist.title
    is_same = not (counts.added or counts.changed or counts.removed)
    if is_same and on == since and before:
        watchlist.save(update_fields=["title"])
        return Outcome(
            code, watchlist.title, before, on, counts, is_changed=False, notes=dict(notes)
        )
    watchlist.revision = before + 1
    watchlist.published_on = on
    watchlist.format = format_name
    watchlist.save(update_fields=["title", "revision", "published_on", "format"])
    Watchlist.objects.filter(code=code).update(imported_at=Now())
    made = WatchlistImport.objects.create(
        watchlist=watchlist,
        revision=watchlist.revision,
        published_on=on,
        sources=[source.as_dict() for source in sources],
        parties=counts.parties,
        names=counts.names,
        added=counts.added,
        changed=counts.changed,
        removed=counts.removed,
        accepted=accept.used(),
        actor=context.actor(),
    )
    new_names = watchlist_rows.apply(code, revision=watchlist.revision, import_id=made.pk)
    rescreen_id = None
    if watchlist.is_active and (new_names or _has_lapsed_matches(code)):
        cause = f"{watchlist.title} of {on:%d %b %Y} imported"
        rescreen_id = rescreen.start(cause, since_lists={code: before}).pk
    return Outcome(
        code,
        watchlist.title,
        watchlist.revision,
        on,
        counts,
        new_names=new_names,
        rescreen_id=rescreen_id,
        notes=dict(notes),
    )


def _has_lapsed_matches(code: str) -> bool:
    return (
        SafeMatch.objects.filter(party__watchlist=code, revoked_at=None)
        .exclude(party_hash=F("party__content_hash"))
        .exists()
    )


def _figures(outcome: Outcome) -> dict[str, object]:
    kept = ("revision", "is_changed", "parties", "names", "added", "changed", "removed")
    return {name: value for name, value in outcome.as_dict().items() if name in kept}
