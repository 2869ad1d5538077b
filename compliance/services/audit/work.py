"""A verification in steps: each call does a bounded piece, and where it stands is plain JSON, so
that a worker can do it in slices and another can go on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from compliance.services import chain
from compliance.services.audit import (
    heads,
    law,
    of_cases,
    of_payouts,
    of_policies,
    of_runs,
    probes,
)
from compliance.services.audit.probes import rows
from compliance.services.audit.report import Check, Report

# Ids are ASCII letters, digits and an underscore: above all of them.
LAST = "~"
CHAIN_PAGE = 5_000
REPLAY_PAGE = 2_000
COUNTS = """
SELECT count(*), count(*) FILTER (WHERE state IN ('open', 'second')),
    count(*) FILTER (WHERE state = 'decided'), count(*) FILTER (WHERE state = 'withdrawn'),
    (SELECT count(*) FROM compliance_decision
        WHERE stage IN ('final', 'confirmed') AND kind <> 'undo'),
    (SELECT count(*) FROM compliance_decision)
FROM compliance_case
"""
FIGURES = ("flagged", "decided", "open", "withdrawn", "in_effect", "decisions")


@dataclass(slots=True)
class Work:
    """Where a verification stands. `size` is how many rows a step looks at."""

    size: int = 20_000
    replays: int = 0
    kept: tuple[Mapping[str, Any], ...] = ()
    step: int = 0
    cursor: str = ""
    position: int = 0
    head: str = chain.GENESIS.hex()
    done: int = 0
    checks: dict[str, Check] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        """Return the check of this name; asking makes it one that was made."""
        return self.checks.setdefault(name, Check(name))

    def advance(self) -> bool:
        """Do the next piece; say whether any is left. Reads only."""
        with _patiently():
            if STEPS[self.step](self):
                self.step, self.cursor = self.step + 1, ""
        return self.step < len(STEPS)

    def report(self) -> Report:
        """Return what was found so far."""
        return Report(tuple(self.checks.values()), self.figures, self.position, self.head)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON members."""
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "checks": [check.as_dict() for check in self.checks.values()],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any], **more: Any) -> "Work":
        """Go on from what `as_dict` returned."""
        checks = {one["name"]: Check(**one) for one in kept.get("checks", ())}
        return cls(**{name: kept[name] for name in _KEPT if name in kept}, checks=checks, **more)


_KEPT = ("replays", "step", "cursor", "position", "head", "done", "figures")


def total() -> int:
    """Return about how many rows a verification looks at."""
    return sum(
        int(rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - constants only
        for table in ("compliance_decision", "compliance_case", "payouts_payout")
    )


def _law(work: Work) -> bool:
    law.faults(work.check("guards"))
    return True


def _heads(work: Work) -> bool:
    heads.faults(work.check("heads"), work.kept)
    return True


def _policies(work: Work) -> bool:
    of_policies.documents(work.check("policies"))
    probes.run((*of_policies.POLICIES, *of_policies.AUTOMATIC), work.checks)
    return True


def _chain(work: Work) -> bool:
    check = work.check("chain")
    links = chain.page(work.position, bytes.fromhex(work.head), min(work.size, CHAIN_PAGE))
    for link in links:
        if link.fault:
            words = f"decision {link.decision_id} (position {link.position}): {link.fault}"
            check.add(link.decision_id, words)
            return True
        work.position, work.head = link.position, link.hash_hex
    work.done += len(links)
    return not links


def _cases(work: Work) -> bool:
    return _sweep(work, "compliance_case", (*of_cases.CASES, *of_cases.RECEIPTS))


def _payouts(work: Work) -> bool:
    return _sweep(work, "payouts_payout", of_payouts.PAYOUTS)


def _replay(work: Work) -> bool:
    check = work.check("replay")
    if work.replays:
        of_runs.faults(check, of_runs.sample(work.replays))
        return True
    found = of_runs.after(work.cursor, REPLAY_PAGE)
    of_runs.faults(check, found)
    work.cursor = found[-1] if found else LAST
    return len(found) < REPLAY_PAGE


def _sweep(work: Work, table: str, of: Iterable[probes.Probe]) -> bool:
    found = rows(
        f"SELECT id FROM {table} WHERE id > %s ORDER BY id OFFSET %s LIMIT 1",  # noqa: S608
        [work.cursor, work.size - 1],
    )
    high = found[0][0] if found else LAST
    probes.run(of, work.checks, low=work.cursor, high=high)
    work.done += work.size if found else 0
    work.cursor = high
    return not found


def _counts(work: Work) -> bool:
    flagged, waiting, decided, withdrawn, in_effect, receipts = rows(COUNTS)[0]
    work.figures |= dict(
        zip(FIGURES, (flagged, decided, waiting, withdrawn, in_effect, receipts), strict=True)
    )
    check = work.check("counts")
    accounted = waiting + decided + withdrawn
    if flagged != accounted or decided != in_effect:
        check.add(
            "",
            f"{flagged} flagged, {accounted} accounted for; {decided} decided,"
            f" {in_effect} receipts",
        )
    return True


STEPS: tuple[Callable[[Work], bool], ...] = (
    _law,
    _heads,
    _policies,
    _chain,
    _cases,
    _payouts,
    _replay,
    _counts,
)


@contextmanager
def _patiently() -> Iterator[None]:
    """Give statements the time and memory they need, in this transaction alone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'")
        yield
