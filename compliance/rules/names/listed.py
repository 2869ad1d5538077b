"""What is listed, what a comparison answers, and what screening sees of a matcher."""

from dataclasses import dataclass
from typing import Protocol

from compliance.rules.facts import WatchHit


@dataclass(frozen=True, slots=True)
class Listed:
    """One listed name as printed.

    `entry_id` is the name's own id; `party` is the same for all names of one listed party (0 where
    the list knows no parties: then each entry is one). `strength` is "strong", or "weak" for what
    its publisher marks as low quality; `kind` is "person", "organisation", "vessel", "aircraft" or
    "unknown".
    """

    list_code: str
    entry_id: int
    name: str
    strength: str = "strong"
    kind: str = "unknown"
    party: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two names are: 0 to 100, 80 being where an officer should look.

    `alignment` pairs each token of the first name with the one it met in the second; "" stands
    where there was none, on either side.
    """

    similarity: int
    alignment: tuple[tuple[str, str], ...]


class Matcher(Protocol):
    """Finds the listed names that a recipient's name resembles."""

    @property
    def codes(self) -> frozenset[str]:
        """Return the codes of the lists it knows."""
        ...

    def hits(self, name: str, most: int = ...) -> tuple[WatchHit, ...]:
        """Return the hits, best first, at most `most`; empty for most of the world."""
        ...
