"""What automatic approval would make of a backtest's hits: the armed version's rules and officers'
record as they are today, without its daily caps and its hold-out."""

from collections.abc import Collection
from dataclasses import dataclass

from compliance.rules.auto import NEVER_CLASSES, AutoError, AutoRules, read
from compliance.rules.policy import Assessment, CompiledPolicy, Result, Verdict
from compliance.selectors.auto import Combination, officers_record
from compliance.services.auto_watch import armed_step
from payouts.models import Payout


@dataclass(frozen=True, slots=True)
class Answers:
    """The armed version and the combinations of rules that officers nearly always approve."""

    rules: AutoRules
    good: Collection[Combination]

    def would_approve(self, payout: Payout, found: Assessment, policy: CompiledPolicy) -> bool:
        """Say whether a payout that `policy` holds is of the kind that goes without a person."""
        codes = set(found.codes)
        if found.verdict is not Verdict.REVIEW or tuple(sorted(codes)) not in self.good:
            return False
        classes = {str(rule.rule_class) for rule in policy.rules if rule.code in codes}
        limit_minor = policy.four_eyes_minor(payout.currency)
        return (
            self.rules.admits(payout.amount_minor, payout.currency, payout.partner_id, codes)
            and not classes & NEVER_CLASSES
            and (limit_minor is None or payout.amount_minor < limit_minor)
            and all(finding["result"] != Result.ERROR for finding in found.findings)
        )


def answers() -> Answers | None:
    """Return what is armed now, None where nothing is or nobody can read it."""
    step = armed_step()
    if step is None:
        return None
    try:
        rules = read(step.policy.document)
    except AutoError:
        return None
    record = officers_record(rules.codes, rules.record_days)
    return Answers(
        rules,
        frozenset(key for key, one in record.items() if rules.is_good(one.approved, one.decided)),
    )
