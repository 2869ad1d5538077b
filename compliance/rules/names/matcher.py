"""The listed names that resemble a recipient's: what screening asks.

Building is linear in the names, a look-up compares a handful of them. The same lists and the same
name give the same hits in every process.
"""

from collections.abc import Collection, Iterable

from compliance.rules.facts import WatchHit
from compliance.rules.names.index import WordIndex
from compliance.rules.names.listed import Listed
from compliance.rules.names.pairing import Pairing
from compliance.rules.names.parse import Name, parse
from compliance.rules.names.rarity import Rarity
from compliance.rules.names.score import alignment, judge, percent

FLOOR = 75  # similarity below which nothing is reported, whatever a rule asks for
HITS_MAX = 25
WEAK_COST = 0.08  # by so much a weak alias must be more alike than a strong name


class NameMatcher:
    """A matcher over one state of the lists; threads may share it."""

    def __init__(self, listed: Iterable[Listed], rarity: Rarity | None = None) -> None:
        """Index the names; those without a letter or digit are left out and match nothing.

        `rarity` of a matcher over all names makes one over some of them score alike.
        """
        parsed = ((entry, parse(entry.name)) for entry in listed)
        self._entries = [(entry, name) for entry, name in parsed if name.words]
        self.rarity = rarity or Rarity.of(name for _, name in self._entries)
        self._index = WordIndex(name for _, name in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def part(self, entry_ids: Collection[int]) -> "NameMatcher":
        """Return a matcher of these entries alone that scores as this one does: for asking many
        stored names about the few entries that changed."""
        wanted = frozenset(entry_ids)
        return NameMatcher(
            (entry for entry, _ in self._entries if entry.entry_id in wanted), self.rarity
        )

    def hits(self, name: str) -> tuple[WatchHit, ...]:
        """Return the best hit of each listed party, best first, at most `HITS_MAX`."""
        parsed = parse(name)
        found = [
            (-scored[0], position, scored[1])
            for position in self._index.candidates(parsed)
            if (scored := self._score(position, parsed))
        ]
        found.sort(key=lambda one: one[:2])
        best: dict[tuple[str, int], WatchHit] = {}
        for negative, position, pairings in found:
            entry, listed = self._entries[position]
            key = (entry.list_code, entry.party or -entry.entry_id)
            if key not in best:
                best[key] = WatchHit(
                    list=entry.list_code,
                    entry_id=entry.entry_id,
                    entry=entry.name,
                    similarity=percent(-negative),
                    alignment=[list(pair) for pair in alignment(listed, parsed, pairings)],
                    party=entry.party,
                    strength=entry.strength,
                )
                if len(best) == HITS_MAX:
                    break
        return tuple(best.values())

    def entry_ids(self, name: str, *, is_scan: bool = False) -> set[int]:
        """Return all entries that hit, several of a party too; a scan compares with each entry and
        shows what the index misses."""
        parsed = parse(name)
        positions = range(len(self)) if is_scan else self._index.candidates(parsed)
        return {
            self._entries[position][0].entry_id
            for position in positions
            if self._score(position, parsed)
        }

    def _score(self, position: int, parsed: Name) -> tuple[float, list[Pairing]] | None:
        entry, listed = self._entries[position]
        value, pairings = judge(listed, parsed, entry.kind, weigh=self.rarity)
        if entry.strength == "weak":
            value -= WEAK_COST
        return (value, pairings) if percent(value) >= FLOOR else None
