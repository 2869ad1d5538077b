"""What an import must be to be written: allowed, complete, of one publication, and not cut short.

Each check raises the error its caller meets; none writes.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User

from atlaspay.core import clock
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    PermissionRefusedError,
)
from compliance.importers.formats import FORMATS, Reader
from compliance.importers.problems import Problem, Problems, UnfitFileError
from compliance.importers.source import Source
from compliance.models import Watchlist
from compliance.screening import live
from compliance.services import watchlist_rows
from compliance.services.permissions import is_lead
from compliance.services.watchlist_rows import Counts

log = logging.getLogger(__name__)

PERMISSION = "compliance.import_watchlist"
SHRINK_PERCENT = 20
_CODE = re.compile(r"[a-z][a-z0-9-]{1,19}")


@dataclass(frozen=True, slots=True)
class Accept:
    """What an import refuses until told otherwise: a list that loses more than a fifth (`shrink`),
    rows of one file that fit none of another (`mismatch`), a publication before the present one
    (`older`)."""

    shrink: bool = False
    mismatch: bool = False
    older: bool = False

    def used(self) -> list[str]:
        """Return the names of those that are given."""
        return [name for name in ("shrink", "mismatch", "older") if getattr(self, name)]


def check_permission(user: AbstractBaseUser | None) -> None:
    """Raise PermissionRefusedError for staff without the right; None is the operator's shell."""
    if user is None or (isinstance(user, User) and user.is_active and user.has_perm(PERMISSION)):
        return
    log.warning("watchlist.refused", extra={"username": user.get_username()})
    raise PermissionRefusedError("You may not import or switch watchlists.")


def check_may_switch_off(user: AbstractBaseUser | None) -> None:
    """Raise PermissionRefusedError for staff below a lead: what is not compared is not found."""
    if user is None or (isinstance(user, User) and is_lead(user)):
        return
    log.warning("watchlist.refused", extra={"username": user.get_username()})
    raise PermissionRefusedError("A lead switches a watchlist off. The refused attempt is logged.")


def check_not_asked(watchlist: Watchlist) -> None:
    """Raise ConflictError where the live policy names this list, or compares names and would have
    no other: every payout would be held."""
    policy = live.live_policy()
    others = Watchlist.objects.filter(is_active=True).exclude(code=watchlist.code)
    is_last = policy.needs.watchlists and not others.exists()
    if watchlist.code in policy.needs.lists or is_last:
        raise ConflictError(
            f"Policy {policy.number} is live and compares names with {watchlist.title}: publish"
            " another policy, or import another list, before it is switched off."
        )


def check_words(code: str, format_name: str, title: str, published_on: date | None) -> None:
    """Raise InvalidRequestError for what can be told without reading the files."""
    errors: list[FieldError] = []
    if not _CODE.fullmatch(code):
        detail = "2 to 20 lower-case letters, figures and hyphens, a letter first."
        errors.append(FieldError(pointer="/code", code="format", detail=detail))
    if len(title) > 140 or "\x00" in title:
        errors.append(FieldError(pointer="/title", code="length", detail="At most 140 characters."))
    form = FORMATS.get(format_name)
    if form is None:
        detail = f"One of {', '.join(FORMATS)}."
        errors.append(FieldError(pointer="/format", code="unknown", detail=detail))
    elif published_on is None and not form.states_date:
        detail = "The files do not say when they were published: give the date."
        errors.append(FieldError(pointer="/published_on", code="required", detail=detail))
    if published_on and published_on > clock.now().date() + timedelta(days=1):
        detail = f"{published_on} is yet to come."
        errors.append(FieldError(pointer="/published_on", code="future", detail=detail))
    if errors:
        raise InvalidRequestError(f"Nothing was imported. {errors[0]['detail']}", errors=errors)


def check_format(watchlist: Watchlist, format_name: str) -> None:
    """Raise ConflictError where the list was imported in another format before."""
    if watchlist.format != format_name and watchlist.imports.exists():
        raise ConflictError(
            f"{watchlist.title} is imported as {watchlist.get_format_display()}. A list keeps its"
            " format: import the other one under a code of its own.",
        )


def check_staged(reader: Reader, problems: Problems, sources: Sequence[Source]) -> None:
    """Raise UnfitFileError for all that was found while reading, or where nobody is listed."""
    names = {source.role: source.name for source in sources}
    main = names.get("sdn") or names["list"]
    for subject, first, second in watchlist_rows.listed_twice():
        problems.add(main, second, f"the id “{subject[:40]}” stands on line {first:,} already")
    problems.raise_any()
    if not watchlist_rows.count("").parties:
        raise UnfitFileError([Problem(main, 0, "the file lists nobody")])


def publication(reader: Reader, given: date | None, *, is_exact: bool) -> date:
    """Return the publication date: the file's own where it states one, else the one given.

    `is_exact` says that the file's word is final; otherwise it only tells of its latest change.
    """
    stated = reader.published_on
    if given is None and stated is None:
        detail = "The file does not say when it was published: give the date."
        error = FieldError(pointer="/published_on", code="required", detail=detail)
        raise InvalidRequestError(f"Nothing was imported. {detail}", errors=[error])
    if stated and stated > clock.now().date() + timedelta(days=1):
        raise InvalidRequestError(f"Nothing was imported. The file says {stated}, yet to come.")
    if given and stated and (given < stated or (is_exact and given != stated)):
        raise InvalidRequestError(
            f"Nothing was imported. The file itself says {stated}, the date given is {given}."
        )
    return given or stated or date.min


def check_mismatch(reader: Reader, accept: Accept) -> None:
    """Raise ConflictError where the files are not of one publication."""
    if (orphans := reader.notes.get("orphans", 0)) and not accept.mismatch:
        raise ConflictError(
            f"{orphans:,} aliases and addresses belong to no party of sdn.csv: the files are not"
            " of one publication, or sdn.csv is cut short. Fetch all three again, or accept the"
            " mismatch.",
            extra={"accept": "mismatch"},
        )


def check_size(counts: Counts, accept: Accept) -> None:
    """Raise ConflictError where the list would lose more than a fifth."""
    for words, now, before in (
        ("parties", counts.parties, counts.live_parties),
        ("names", counts.names, counts.live_names),
    ):
        if now * 100 < before * (100 - SHRINK_PERCENT) and not accept.shrink:
            raise ConflictError(
                f"The list would shrink from {before:,} to {now:,} {words}, by more than"
                f" {SHRINK_PERCENT} %: the download may be cut short. If it is right, accept the"
                " shrinking.",
                extra={"accept": "shrink"},
            )
