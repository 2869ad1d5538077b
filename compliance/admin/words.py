"""Codes in the words officers use."""

from django.utils.safestring import SafeString

from atlaspay.core.clock import now
from atlaspay.core.console import badge, span
from compliance.models import Case

CODES = {
    "amount_over_limit": "Amount over the limit",
    "country": "Restricted country",
    "account_velocity": "Many payouts to one account",
    "watchlist": "Name on a watchlist",
    "duplicate": "Possible duplicate",
}
CASE_TONES = {"open": "warn", "decided": "good", "withdrawn": "idle"}
KIND_TONES = {"approve": "good", "reject": "bad"}
RESULT_TONES = {"hit": "bad", "error": "warn", "no_hit": "idle"}
SOON_S = 600


def code_words(code: str) -> str:
    """Return a rule's code in words; a rule of a later policy shows its code spelled out."""
    return CODES.get(code) or code.replace("_", " ").capitalize()


def due_badge(case: Case) -> SafeString:
    """Return how much time is left, or by how much it is late."""
    if case.state != Case.State.OPEN:
        return badge(case.get_state_display().partition(":")[0], CASE_TONES[case.state])
    left = (case.due_at - now()).total_seconds()
    if left < 0:
        return badge(f"{span(-left)} late", "bad")
    return badge(f"{span(left)} left", "warn" if left < SOON_S else "idle")
