"""A stored run judged again: the same policy over the facts it kept gives the same verdict."""

from atlaspay.core.clock import rfc3339
from compliance.models import ScreeningRun
from compliance.rules.clearance import Clearance, what_would_clear
from compliance.rules.facts import Facts, thaw
from compliance.rules.policy import Assessment
from compliance.screening import live
from compliance.screening.gather import own_facts


def facts_of(run: ScreeningRun) -> Facts:
    """Return what the run saw of its payout. Reads the payout and the policy if they are not
    loaded."""
    needs = live.policy(run.policy_id).needs
    own = {**own_facts(run.payout), "submitted_at": rfc3339(run.payout.submitted_at)}
    return thaw(own, run.facts, needs.defaults())


def replay(run: ScreeningRun) -> Assessment:
    """Judge a stored run again. Writes nothing."""
    return live.policy(run.policy_id).assess(facts_of(run))


def clearances(run: ScreeningRun) -> list[Clearance]:
    """Return what would have cleared the payout of a run, the smallest changes of facts first."""
    return what_would_clear(live.policy(run.policy_id), facts_of(run))
