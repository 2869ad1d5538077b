"""What compliance keeps. Columns and constraints only; the triggers of migration 0002 hold what
must never change."""

from compliance.models.cases import Case, ScreeningRun
from compliance.models.decisions import Decision
from compliance.models.policies import Policy, Watchlist, WatchlistEntry

__all__ = ["Case", "Decision", "Policy", "ScreeningRun", "Watchlist", "WatchlistEntry"]
