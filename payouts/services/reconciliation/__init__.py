"""Reconciliation: what we did against what the bank proves. Never moves a payout on its own word:
where the bank's books say more than ours, the bank is asked, and its answer takes the usual way.

Repeating is safe, and so are several runs at once: each step is one transaction under the
provider's advisory lock, and every step works out again what is still open.
"""

from payouts.services.reconciliation.breaks import close_by_hand, take
from payouts.services.reconciliation.run import Outcome, reconcile
from payouts.services.reconciliation.totals import Total, totals

__all__ = ["Outcome", "Total", "close_by_hand", "reconcile", "take", "totals"]
