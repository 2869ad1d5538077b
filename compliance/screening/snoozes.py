"""Which rules are silent for which partner right now."""

from collections.abc import Iterable

from django.db.models.functions import Now

from compliance.models import RuleSnooze


def snoozed_codes(partner_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the codes of the rules snoozed for each of these partners that has any.

    Read anew for each chunk: one look into a partial index, and ending a snooze is felt at once.
    """
    found: dict[str, set[str]] = {}
    for partner_id, code in RuleSnooze.objects.filter(
        ended_at=None, until__gt=Now(), partner__in=set(partner_ids)
    ).values_list("partner_id", "rule_code"):
        found.setdefault(partner_id, set()).add(code)
    return {partner_id: tuple(sorted(codes)) for partner_id, codes in found.items()}
