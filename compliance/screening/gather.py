"""The facts of a chunk of payouts, by a handful of statements however many payouts there are, and
no more of them than the policy needs.

Everything is as of the time a payout was submitted, so that past payouts can be gathered for again.
"""

import logging
from collections.abc import Sequence
from typing import Any

from compliance.rules.facts import Facts
from compliance.rules.names import Matcher
from compliance.rules.needs import Needs
from compliance.screening.accounts import account_facts
from compliance.screening.flows import partner_facts
from compliance.screening.recipients import recipient_facts
from compliance.screening.safe import without_safe_hits
from partners.models import Partner
from payouts.models import Payout

log = logging.getLogger(__name__)


def gather(payouts: Sequence[Payout], needs: Needs, matcher: Matcher) -> list[Facts]:
    """Return the facts of each payout in the order given. Reads only."""
    ids = [payout.id for payout in payouts]
    found: dict[str, dict[str, Any]] = {payout.id: own_facts(payout) for payout in payouts}
    if needs.rail:
        for payout in payouts:
            found[payout.id]["rail"] = payout.rail or None
    for one, facts in account_facts(ids, needs):
        found[one].update(facts)
    for one, facts in recipient_facts(payouts, needs):
        found[one].update(facts)
    for one, facts in partner_facts(payouts, needs):
        found[one].update(facts)
    if needs.partner_age or needs.partner_country:
        _add_partners(payouts, needs, found)
    if needs.watchlists and matcher.codes and needs.lists <= matcher.codes:
        for payout in payouts:
            found[payout.id]["watch_hits"] = matcher.hits(payout.recipient_name)
        without_safe_hits(payouts, found, matcher)
    elif needs.watchlists:
        # With a list empty, gone or switched off nobody knows whether a name is on it.
        missing = sorted(needs.lists - matcher.codes)
        log.error("watchlists.missing", extra={"lists": missing, "payouts": len(payouts)})
        for payout in payouts:
            found[payout.id].update(watch_hits=None, safe_hits=())
    return [Facts(found[one]) for one in ids]


def own_facts(payout: Payout) -> dict[str, Any]:
    """Return what the payout's own unchangeable columns say."""
    return {
        "payout_id": payout.id,
        "partner_id": payout.partner_id,
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
        "recipient_name": payout.recipient_name,
        "recipient_country": payout.recipient_country,
        "account_type": payout.account_type,
        "account_bank": payout.account_bank,
    }


def _add_partners(
    payouts: Sequence[Payout], needs: Needs, found: dict[str, dict[str, Any]]
) -> None:
    partners = Partner.objects.only("created_at", "country").in_bulk(
        {payout.partner_id for payout in payouts}
    )
    for payout in payouts:
        partner = partners[payout.partner_id]
        if needs.partner_age:
            age = payout.submitted_at - partner.created_at
            found[payout.id]["partner_age_days"] = max(age.days, 0)
        if needs.partner_country:
            found[payout.id]["partner_country"] = partner.country
