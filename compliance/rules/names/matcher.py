"""The listed names that resemble a recipient's: what screening asks.

Building is linear in the names, a look-up compares a handful of them. The same lists and the same
name give the same hits in every process.
"""

from collections.abc import Collection, Iterable

from compliance.rules.facts import WatchHit
from compliance.rules.names.index import CANDIDATES_MAX, NEARLY, WordIndex
from compliance.rules.names.listed import Listed
from compliance.rules.names.pairing import Pairing
from compliance.rules.names.parse import Name, parse
from compliance.rules.names.rarity import Rarity
from compliance.rules.names.readings import readings, windows
from compliance.rules.names.score import alignment, judge, percent

FLOOR = 75  # similarity below which nothing is reported, whatever a rule asks for
HITS_MAX = 25
_NOT_EQUAL = 0.99
_OWN = 0.6
# Likeness, negative; position of the entry; what met what; the reading.
_Found = tuple[float, int, list[Pairing], Name]
WEAK_COST = 0.08  # by so much a weak alias must be more alike than a strong name


class NameMatcher:
    """A matcher over one state of the lists; threads may share it."""

    def __init__(self, listed: Iterable[Listed], rarity: Rarity | None = None) -> None:
        """Index the names; those without a letter or digit are left out and match nothing.

        `rarity` of a matcher over all names makes one over some of them score alike.
        """
        parsed = ((entry, parse(entry.name)) for entry in listed)
        self._entries = [(entry, name) for entry, name in parsed if name.words]
        self._codes = frozenset(entry.list_code for entry, _ in self._entries)
        self.rarity = rarity or Rarity.of(name for _, name in self._entries)
        self._index = WordIndex(name for _, name in self._entries)

    @property
    def codes(self) -> frozenset[str]:
        """Return the codes of the lists that name somebody."""
        return self._codes

    def __len__(self) -> int:
        return len(self._entries)

    def part(self, entry_ids: Collection[int]) -> "NameMatcher":
        """Return a matcher of these entries alone that scores as this one does: for asking many
        stored names about the few entries that changed."""
        wanted = frozenset(entry_ids)
        return NameMatcher(
            (entry for entry, _ in self._entries if entry.entry_id in wanted), self.rarity
        )

    def hits(self, name: str, most: int = HITS_MAX) -> tuple[WatchHit, ...]:
        """Return the best hit of each listed party, best first, at most `most`; of all readings of
        the name."""
        found = self._found(parse(name))
        texts = readings(name)
        for text in texts:
            found += self._found(parse(text), is_name=False)
        for window in dict.fromkeys(each for text in (name, *texts) for each in windows(text)):
            found += self._standing_in(parse(window))
        found.sort(key=lambda one: one[:2])
        best: dict[tuple[str, int], WatchHit] = {}
        for negative, position, pairings, parsed in found:
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
                if len(best) == most:
                    break
        return tuple(best.values())

    def _found(self, parsed: Name, *, is_name: bool = True) -> list[_Found]:
        """Return every entry that hits; of a reading that is not the name itself, none is equal."""
        best, most = (1.0, CANDIDATES_MAX) if is_name else (_NOT_EQUAL, CANDIDATES_MAX // 4)
        return [
            (-min(scored[0], best), position, scored[1], parsed)
            for position in self._index.candidates(parsed, most)
            if (scored := self._score(position, parsed))
        ]

    def _standing_in(self, window: Name) -> list[_Found]:
        """Return every entry that hits and stands whole in a window of a longer text."""
        found = [
            (-min(scored[0], _NOT_EQUAL), position, scored[1], window)
            for position in self._index.whole(window)
            if (scored := self._score(position, window))
        ]
        return [one for one in found if self._whole(one)]

    def _whole(self, found: _Found) -> bool:
        """Say whether all words of the listed name stand in the text, spelled nearly so."""
        _, position, pairings, _ = found
        listed = self._entries[position][1]
        met = {
            index
            for one in pairings
            if one.likeness >= NEARLY and not one.is_initial
            for index in one.left
        }
        own = [index for index, word in enumerate(listed.words) if word.weight >= _OWN]
        return len(own) > 1 and met.issuperset(own)

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
