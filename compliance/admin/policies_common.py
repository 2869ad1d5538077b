"""What the pages about policies share: badges, tables, and how a refusal is shown."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.console import Table
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import Backtest, Policy, PolicyDraft
from compliance.services.backtest_report import figures_of
from compliance.services.lifecycle import Life, Standing

Made = TypeVar("Made")
STATE_TONES = {
    "waiting": "idle",
    "running": "info",
    "done": "good",
    "failed": "bad",
    "stopped": "idle",
}
_STANDINGS = {
    Standing.LIVE: ("Live", "good"),
    Standing.REPLACED: ("Replaced", "idle"),
    Standing.FROZEN: ("Not published", "warn"),
    Standing.WITHDRAWN: ("Withdrawn", "bad"),
}


def attempt(request: HttpRequest, act: Callable[[], Made]) -> Made | None:
    """Call a service; what it refuses is told on the next page, and None comes back.

    Lacking permission is 403 and an unknown object 404.
    """
    try:
        return act()
    except PermissionRefusedError as error:
        raise PermissionDenied(error.detail) from None
    except NotFoundError as error:
        raise Http404(error.detail) from None
    except (InvalidRequestError, ConflictError) as error:
        details = sorted({each["detail"] for each in error.errors} - {error.detail})
        messages.error(request, " ".join([error.detail, *details]))
        return None


def whole(text: str) -> int | None:
    """Return the number of a posted field, None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def to_policy(number: int | None) -> HttpResponseRedirect:
    """Lead to a version, or to the list."""
    if number is None:
        return HttpResponseRedirect(reverse("admin:compliance_policy_changelist"))
    return HttpResponseRedirect(reverse("admin:compliance_policy_change", args=[number]))


def to_backtest(backtest_id: int) -> HttpResponseRedirect:
    """Lead to a backtest's page."""
    return HttpResponseRedirect(reverse("admin:compliance_backtest_change", args=[backtest_id]))


def to_draft(pk: int) -> HttpResponseRedirect:
    """Lead to a draft's page."""
    return HttpResponseRedirect(reverse("admin:compliance_policydraft_change", args=[pk]))


def badges(number: int, now: Life) -> SafeString:
    """Return where a version stands."""
    words, tone = _STANDINGS[now.standing(number)]
    found = [console.badge(words, tone)]
    if number in now.shadows:
        found.append(console.badge("In shadow", "info"))
    return format_html_join(" ", "{}", ((each,) for each in found))


def people(actors: Iterable[str]) -> SafeString:
    """Return who wrote something."""
    return format_html_join(", ", "{}", ((console.actor(each),) for each in actors))


def versions_table(policies: Iterable[Policy], now: Life) -> Table:
    """Return the numbered versions, the newest first."""
    rows = [
        [
            console.link(policy, f"Policy {policy.number}"),
            badges(policy.number, now),
            policy.title,
            console.actor(policy.author),
            console.when(policy.created_at),
        ]
        for policy in policies
    ]
    return Table("Versions", ["Policy", "State", "Title", "Author", "Frozen"], rows)


def drafts_table(drafts: Iterable[PolicyDraft]) -> Table:
    """Return the drafts people work on."""
    rows = [
        [
            console.link(draft, draft.title),
            draft_badge(draft),
            console.link(draft.based_on, f"Policy {draft.based_on_id}")
            if draft.based_on_id
            else console.NOTHING,
            people(draft.editors or [draft.author]),
            console.when(draft.updated_at),
        ]
        for draft in drafts
    ]
    headers = ["Draft", "State", "Begun from", "Written by", "Saved"]
    return Table("Drafts", headers, rows, empty="Nobody is writing a new version.")


def draft_badge(draft: PolicyDraft) -> SafeString:
    """Return what a draft is now."""
    if draft.became_id is not None:
        return console.badge(f"Became policy {draft.became_id}", "good")
    if draft.is_discarded:
        return console.badge("Discarded", "idle")
    return console.badge(f"Draft, version {draft.version}", "info")


def backtests_table(found: Iterable[Backtest], *, title: str = "Backtests") -> Table:
    """Return backtests with their first figures."""
    rows = []
    for one in found:
        sums = figures_of(one)
        rows.append(
            [
                console.link(one, one.title),
                state_badge(one),
                f"{one.since:%d %b %Y} to {one.until:%d %b %Y}",
                f"{one.done:,}",
                f"{sums.flagged:,}",
                f"{sums.gained:,} / {sums.lost:,}",
                console.actor(one.actor),
            ]
        )
    headers = ["Backtest", "State", "Payouts of", "Tried>", "Flagged>", "Gained / lost>", "By"]
    return Table(title, headers, rows, empty="Nothing was tried over past payouts yet.")


def state_badge(one: Backtest) -> SafeString:
    """Return how far a backtest is."""
    words = one.get_state_display()
    if one.state == Backtest.State.RUNNING and one.total:
        words = f"{words}, {100 * one.done // one.total} %"
    return console.badge(words, STATE_TONES[one.state])
