"""What a publisher confirms: the differences between a version and the live one, in words."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import console
from compliance.admin.policies_common import backtests_table
from compliance.models import Backtest, Policy
from compliance.services.lifecycle import life
from compliance.services.policy_words import Change, differences, marked

_SIGNS = {"+": ("New", "good"), "-": ("Gone", "bad"), "~": ("Changed", "warn")}


@dataclass(frozen=True, slots=True)
class Shown:
    """One difference on the page; what changed inside the lines is marked."""

    badge: SafeString
    title: str
    before: list[SafeString]
    after: list[SafeString]


def publish_page(policy: Policy) -> dict[str, Any]:
    """Return the page's context: what would change, and the last backtest as evidence."""
    now = life()
    live = Policy.objects.filter(number=now.live).first() if now.live else None
    tried = list(Backtest.objects.filter(policy=policy).defer("document")[:3])
    return {
        "heading": f"Publish policy {policy.number}",
        "live_policy": live,
        "is_rollback": policy.number in now.ever_published,
        "changes_title": f"Against live policy {live.number}" if live else "No policy is live",
        "changes": shown(differences(live.document if live else {}, policy.document)),
        "tried": backtests_table(tried, title="Tried over past payouts"),
        "facts": None,
    }


def shown(changes: list[Change]) -> list[Shown]:
    """Return differences with their badges and marks."""
    return [_shown(change) for change in changes]


def _shown(change: Change) -> Shown:
    words, tone = _SIGNS[change.sign]
    if change.sign != "~":
        before = [format_html("{}", line) for line in change.before]
        after = [format_html("{}", line) for line in change.after]
        return Shown(console.badge(words, tone), change.title, before, after)
    pairs = [
        marked(old, new)
        for old, new in zip_longest(change.before, change.after, fillvalue="")
        if old != new
    ]
    return Shown(
        console.badge(words, tone),
        change.title,
        [_line(old, "del") for old, new in pairs if old],
        [_line(new, "ins") for old, new in pairs if new],
    )


def _line(pieces: list[tuple[str, bool]], tag: str) -> SafeString:
    open_tag, close_tag = SafeString(f"<{tag}>"), SafeString(f"</{tag}>")
    return format_html_join(
        " ",
        "{}{}{}",
        ((open_tag, text, close_tag) if is_new else ("", text, "") for text, is_new in pieces),
    )
