"""What a verification says: checks with the rows that break them, and the figures they rest on."""

from dataclasses import dataclass, field
from typing import Any

ROWS_MAX = 20


@dataclass(slots=True)
class Check:
    """One thing that must hold; `fault` names the first row that breaks it, empty where none does.

    `subject` is that row's public id, `rows` up to 20 ids of rows like it, the first included.
    """

    name: str
    fault: str = ""
    subject: str = ""
    rows: list[str] = field(default_factory=list)

    def add(self, subject: str, words: str) -> None:
        """Take one more broken row: the first is named, the others listed."""
        if not self.fault:
            self.fault, self.subject = words, subject
        if subject and subject not in self.rows and len(self.rows) < ROWS_MAX:
            self.rows.append(subject)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON members."""
        return {
            "name": self.name,
            "fault": self.fault,
            "subject": self.subject,
            "rows": self.rows,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks and figures. `head` is the hash of the last receipt verified: keep it
    elsewhere."""

    checks: tuple[Check, ...]
    figures: dict[str, int]
    position: int
    head: str

    @property
    def is_sound(self) -> bool:
        """Say whether every check holds."""
        return not any(check.fault for check in self.checks)

    @property
    def first_fault(self) -> Check | None:
        """Return the first check that does not hold."""
        return next((check for check in self.checks if check.fault), None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON members."""
        return {
            "ok": self.is_sound,
            **self.figures,
            "head": self.head,
            "checks": {check.name: check.fault or "ok" for check in self.checks},
            "rows": {check.name: check.rows for check in self.checks if check.rows},
        }
