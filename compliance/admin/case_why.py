"""Why a payout was flagged, a line a rule: what it said, where to look and what to do about it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import console
from compliance.admin.words import RESULT_TONES, RESULT_WORDS, code_words, titles_in
from compliance.models import Case, ScreeningRun
from compliance.rules.errors import PolicyError
from compliance.screening.replay import clearances
from compliance.selectors import evidence
from compliance.services import permit, snooze
from payouts.models import Payout

CLEARANCES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Why:
    """One rule's word, as the page shows it; `links` lead to what it speaks of."""

    badge: SafeString
    title: str
    words: str
    links: str = ""


def titles_of(runs: Sequence[ScreeningRun]) -> dict[str, str]:
    """Return the rules' titles by code, as the policies of these runs have them."""
    found: dict[str, str] = {}
    for run in runs:
        found |= titles_in(run.policy.document)
    return found


def why_of(finding: Mapping[str, Any], titles: Mapping[str, str]) -> Why:
    """Return a finding as the page shows it, without links."""
    result, code = finding["result"], finding["code"]
    return Why(
        badge=console.badge(RESULT_WORDS.get(result, result), RESULT_TONES.get(result, "idle")),
        title=titles.get(code) or code_words(code),
        words=finding["words"],
    )


def reasons(
    case: Case,
    user: User,
    findings: Iterable[Mapping[str, Any]],
    titles: Mapping[str, str],
    twin: Payout | None,
) -> list[Why]:
    """Return what was not silent, with links; a query where a rule names a payout before, one for
    who may snooze."""
    spoken = [finding for finding in findings if finding["result"] != "no_hit"]
    payouts = evidence.payouts_before(spoken)
    if twin is not None:
        payouts[twin.id] = twin
    silenceable: Collection[str] = ()
    if case.is_waiting and permit.may(user, *snooze.MAY_BEGIN):
        silenceable = snooze.snoozable_codes()
    made = []
    for finding in spoken:
        why = why_of(finding, titles)
        links = [*_payout_links(finding, payouts)]
        if finding["result"] == "hit" and finding["code"] in silenceable:
            links.append(_snooze_link(case.partner_id, finding["code"]))
        joined = format_html_join(SafeString(" · "), "{}", ((link,) for link in links))
        made.append(Why(why.badge, why.title, why.words, joined))
    return made


def would_clear(case: Case, flagged: Sequence[ScreeningRun]) -> list[str]:
    """Return what would have cleared the payout by the latest screening that flagged it."""
    if not case.is_waiting or not flagged:
        return []
    run = flagged[-1]
    run.payout = case.payout
    try:
        return [one.words for one in clearances(run)[:CLEARANCES_SHOWN]]
    except PolicyError:
        return []


def _payout_links(
    finding: Mapping[str, Any], payouts: Mapping[str, Payout]
) -> Iterable[SafeString]:
    trace = finding.get("trace") or {}
    if (twin := payouts.get(trace.get("twin_id", ""))) is not None:
        yield format_html("the other one: {}", _payout_link(twin))
    if (before := payouts.get(trace.get("payout_before_id", ""))) is not None:
        account = console.account(before.account_last4, before.account_bank)
        yield format_html("paid before to {} by {}", account, _payout_link(before))


def _payout_link(payout: Payout) -> SafeString:
    return console.id_link("payouts_payout", payout.id, payout.reference)


def _snooze_link(partner_id: str, code: str) -> SafeString:
    query = urlencode({"partner": partner_id, "rule": code})
    url = f"{reverse('admin:compliance_rulesnooze_changelist')}?{query}"
    return format_html('<a class="ap-link" href="{}">snooze this rule for the partner…</a>', url)
