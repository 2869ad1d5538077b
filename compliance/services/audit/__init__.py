"""Proof that everything flagged was decided or still waits, that receipts are as they were written,
and that no payout moved unseen. Reads only; each check names the first row that breaks it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from compliance.services.audit.report import Check, Report
from compliance.services.audit.work import Work

__all__ = ["Check", "Report", "Work", "verify"]


def verify(
    *,
    replays: int = 0,
    kept: Iterable[Mapping[str, Any]] = (),
    progress: Callable[[Work], None] = lambda work: None,
) -> Report:
    """Run every check to its end and report. Minutes on millions of payouts.

    `replays` is how many screening runs are judged again, 0 for all; `kept` are heads that were
    kept elsewhere.
    """
    work = Work(replays=replays, kept=tuple(kept))
    while work.advance():
        progress(work)
    return work.report()
