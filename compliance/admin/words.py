"""Codes in the words officers use, and a case's state as badges."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from atlaspay.core.clock import now
from atlaspay.core.console import badge, distance, span
from compliance.models import Case, Policy
from compliance.screening import live

# Rules of the first policy, whose document has no titles.
CODES = {
    "amount_over_limit": "Amount over the limit",
    "country": "Restricted country",
    "account_velocity": "Many payouts to one account",
    "watchlist": "Name on a watchlist",
    "duplicate": "Possible duplicate",
}
CASE_TONES = {"open": "warn", "second": "info", "decided": "good", "withdrawn": "idle"}
KIND_TONES = {"approve": "good", "reject": "bad", "override": "warn", "undo": "warn"}
VERDICT_TONES = {"clear": "good", "review": "warn", "block": "bad"}
RESULT_TONES = {"hit": "bad", "error": "warn", "snoozed": "idle", "no_hit": "idle"}
RESULT_WORDS = {"hit": "Hit", "error": "Rule failed", "snoozed": "Snoozed", "no_hit": "No hit"}
SOON_S = 600

# The live policy's number, and its rules' titles by code.
_seen: list[int] = []
_titles: dict[str, str] = {}


def code_words(code: str) -> str:
    """Return a rule's code in words: the live policy's title of it, else the code spelled out."""
    return _titles.get(code) or CODES.get(code) or code.replace("_", " ").capitalize()


def titles_in(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the titles of a policy's rules by their codes, those that have one."""
    return {rule["code"]: rule["title"] for rule in document.get("rules", ()) if rule.get("title")}


def rule_choices() -> list[tuple[str, str]]:
    """Return the live policy's rules as (code, words); one query, and one more after a change."""
    number = live.live_number()
    if number is None:
        return []
    if _seen != [number]:
        document = Policy.objects.values_list("document", flat=True).get(number=number)
        _titles.clear()
        _titles.update(dict.fromkeys((rule["code"] for rule in document.get("rules", ())), ""))
        _titles.update(titles_in(document))
        _seen[:] = [number]
    return sorted(((code, code_words(code)) for code in _titles), key=lambda choice: choice[1])


def due_badge(case: Case) -> SafeString:
    """Return how much time is left, or by how much it is late."""
    if not case.is_waiting:
        return badge(case.get_state_display().partition(":")[0], CASE_TONES[case.state])
    left = (case.due_at - now()).total_seconds()
    if left < 0:
        return badge(f"{span(-left)} late", "bad")
    return badge(f"{span(left)} left", "warn" if left < SOON_S else "idle")


def marks(case: Case) -> list[SafeString]:
    """Return what sets a case apart from the others in the queue, as badges."""
    made = []
    if case.state == Case.State.SECOND:
        made.append(badge("Second officer", "info"))
    if case.is_blocked:
        made.append(badge("Blocked", "bad"))
    if case.escalated_at:
        made.append(badge("Escalated", "warn"))
    if case.raised_at:
        made.append(badge(f"New hit {distance(case.raised_at)}", "warn"))
    if case.origin != Case.Origin.SCREENING:
        made.append(badge(case.get_origin_display(), "info"))
    return made


_COMPANY = re.compile(
    r"\b(ab|ag|as|bv|co|company|corp|fze|gmbh|holdings?|inc|kg|limited|llc|llp|ltd|nv|ooo|oy|plc"
    r"|pte|sa|sarl|shipping|sl|spa|srl|supplies|trading)\b\.?",
    re.IGNORECASE,
)


def company_words(name: str) -> str:
    """Return the words of a name that only a company's has, empty for what reads like a
    person's."""
    return ", ".join(match.group(0) for match in _COMPANY.finditer(name))
