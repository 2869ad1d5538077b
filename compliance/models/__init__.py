"""What compliance keeps. Columns and constraints only; the triggers of the migrations hold what
must never change."""

from compliance.models.audit import AuditHead, Verification
from compliance.models.cases import Case, SavedFilter, ScreeningRun
from compliance.models.decisions import BlindReview, Decision
from compliance.models.gathered import FlowMark, PartnerFlow, RecipientSeen
from compliance.models.policies import (
    AutoDay,
    AutoPolicy,
    AutoStep,
    Backtest,
    Policy,
    PolicyDraft,
    PolicyStep,
    RuleSnooze,
    ShadowRun,
    ShadowTally,
)
from compliance.models.rescreens import Rescreen, RescreenHit
from compliance.models.watchlists import (
    SafeMatch,
    Watchlist,
    WatchlistChange,
    WatchlistEntry,
    WatchlistImport,
    WatchlistParty,
    WatchlistSwitch,
)

__all__ = [
    "AuditHead",
    "AutoDay",
    "AutoPolicy",
    "AutoStep",
    "Backtest",
    "BlindReview",
    "Case",
    "Decision",
    "FlowMark",
    "PartnerFlow",
    "Policy",
    "PolicyDraft",
    "PolicyStep",
    "RecipientSeen",
    "Rescreen",
    "RescreenHit",
    "RuleSnooze",
    "SafeMatch",
    "SavedFilter",
    "ScreeningRun",
    "ShadowRun",
    "ShadowTally",
    "Verification",
    "Watchlist",
    "WatchlistChange",
    "WatchlistEntry",
    "WatchlistImport",
    "WatchlistParty",
    "WatchlistSwitch",
]
