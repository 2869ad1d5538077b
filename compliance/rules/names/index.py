"""Finds the few listed names that are worth comparing with a recipient's.

A name is worth it where two of its words resemble the recipient's, or the only word of its own
does. In a window of a longer text, all of its words must.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from compliance.rules.names.keys import exact_keys, listed_keys, slip_keys, sought_keys
from compliance.rules.names.letters import broad
from compliance.rules.names.near import near
from compliance.rules.names.pairing import OWN, join
from compliance.rules.names.parse import Name, Word
from compliance.rules.names.variants import VARIANTS

CANDIDATES_MAX = 200
NEARLY = 0.9  # likeness of words that stand in a text as listed
_NEAR_LEAST = 0.68
_RARE = 6  # entries that have a word this rare are compared whatever else agrees
_FEW = 24
_WORDS_KEPT = 8_192
_MARKS = frozenset("pitn")  # tags of what is no word of a name
_SHARED = frozenset("gh")

# Of two words' broad spellings; so cheap to ask that most of what keys find is not looked at twice.
_BROAD_LEAST = 0.5


class Found(NamedTuple):
    """Positions by one word: those that have one like it; those of which that is the only own one;
    those that have it, spelled nearly so; those that have it as two words."""

    having: frozenset[int]
    carried: frozenset[int]
    standing: frozenset[int]
    joining: frozenset[int]


class WordIndex:
    """Positions of names by their words. Read-only once built, so threads may share it."""

    def __init__(self, names: Iterable[Name]) -> None:
        built = _Building()
        for position, name in enumerate(names):
            built.add(position, name)
        # Tuples of numbers are small and nothing the garbage collector has to walk through.
        self._words = tuple(built.words)
        self._having = tuple(tuple(sorted(found)) for found in built.having)
        self._carried = tuple(tuple(sorted(found)) for found in built.carried)
        self._sizes = tuple(built.sizes)
        self._broad = tuple(broad(word.fold) for word in built.words)
        # Words that are not compared by their Latin spelling alone.
        self._odd = frozenset(
            number
            for number, word in enumerate(built.words)
            if word.tag == "h" or not word.is_alphabetic
        )
        self._joins = frozenset(number for (_, _, join), number in built.numbers.items() if join)
        by_size: defaultdict[int, set[int]] = defaultdict(set)
        for position, (size, distinct) in enumerate(zip(built.sizes, built.distinct, strict=True)):
            if size > 1:  # one word is found as such
                by_size[distinct].add(position)
        self._by_size = {size: frozenset(positions) for size, positions in by_size.items()}
        self._keys = {key: tuple(numbers) for key, numbers in built.keys.items()}
        self._slips = {key: tuple(positions) for key, positions in built.slips.items()}
        self._known: dict[tuple[str, str], Found] = {}

    def candidates(self, name: Name, most: int = CANDIDATES_MAX) -> list[int]:
        """Return the positions worth comparing: the `most` likeliest, and those that run alike."""
        # Trading and abdul say nothing together; they count beside a word of one's own.
        shared = _SHARED if any(word.tag in OWN for word in name.words) else frozenset()
        groups = []
        once: set[int] = set()
        chosen: set[int] = set()
        for word in sorted(_distinct(name), key=lambda one: one.tag in shared):
            found = self._resembling(word)
            having = found.having
            groups.append(having)
            chosen |= once & having
            chosen |= found.carried
            if len(having) <= _RARE:
                chosen |= having
            if word.tag not in shared:
                once |= having
        joined = set().union(*self._run_together(name, _NEAR_LEAST))
        chosen |= joined
        if len(chosen) > _FEW:
            chosen = self._likeliest(chosen, joined, groups, most)
        return sorted(chosen.union(self._running_alike(name)))

    def whole(self, name: Name) -> list[int]:
        """Return the positions of names all of whose words may stand in this one, spelled nearly
        so; there are few."""
        found = [self._resembling(word) for word in _distinct(name)]
        groups: list[Collection[int]] = [one.standing for one in found]
        groups += [one.joining for one in found]
        groups += self._run_together(name, NEARLY)
        # met[n]: the names that n words or more of this one are like words of.
        met: list[set[int]] = [set() for _ in range(len(groups) + 1)]
        for group in groups:
            for count in range(len(groups), 1, -1):
                met[count] |= met[count - 1].intersection(group)
            met[1].update(group)
        chosen = self._running_alike(name)
        for count in range(1, len(met)):
            chosen |= met[count] & self._by_size.get(count, frozenset())
        return sorted(chosen)

    def _run_together(self, name: Name, least: float) -> list[set[int]]:
        """Return, for each two words, the names that have as one word what this one writes as
        two."""
        return [
            self._spelled_as(join(first, second), least)
            for first, second in zip(name.words, name.words[1:], strict=False)
            if first.tag not in _MARKS and second.tag not in _MARKS
        ]

    def _running_alike(self, name: Name) -> set[int]:
        return {position for key in slip_keys(name) for position in self._slips.get(key, ())}

    def _likeliest(
        self, chosen: set[int], joined: set[int], groups: Sequence[frozenset[int]], most: int
    ) -> set[int]:
        """Leave out names that cannot reach the floor: with words over on both sides, they
        contradict each other, and two that agree do not make up for one that does not."""
        left = []
        for position in chosen:
            met = sum(position in group for group in groups)
            size = self._sizes[position]
            is_joined = position in joined
            if is_joined or min(len(groups), size) - met < (1 if met <= 2 else 2):
                left.append((-(met + is_joined) / max(size, 1), -met, position))
        if len(left) > most:
            left = sorted(left)[:most]
        return {position for _, _, position in left}

    def _resembling(self, word: Word) -> Found:
        """Return the names that have a word like this one, and those it carries. Kept for words
        that come again; two threads at worst look up the same."""
        key = (word.text, word.tag)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _WORDS_KEPT:
                self._known.clear()
            found = self._known[key] = self._look_up(word)
        return found

    def _look_up(self, word: Word) -> Found:
        sets: list[set[int]] = [set() for _ in Found._fields]
        having, carried, standing, joining = sets
        for number, likeness in self._near(word, sought_keys(word)):
            having.update(self._having[number])
            carried.update(self._carried[number])
            if likeness >= NEARLY:
                standing.update(self._having[number])
                if number in self._joins:
                    joining.update(self._having[number])
        return Found(*map(frozenset, sets))

    def _spelled_as(self, word: Word, least: float) -> set[int]:
        found: set[int] = set()
        for number, likeness in self._near(word, exact_keys(word)):
            # Two words for two are found one by one.
            if likeness >= least and number not in self._joins:
                found.update(self._having[number])
        return found

    def _near(self, word: Word, keys: Iterable[str]) -> list[tuple[int, float]]:
        """Return the listed words found under the keys that resemble the word, and how much."""
        numbers: set[int] = set()
        for key in keys:
            numbers.update(self._keys.get(key, ()))
        if word.is_alphabetic and word.tag != "h":
            odd = numbers & self._odd
            numbers = odd.union(self._alike(word, list(numbers - odd)))
        likenesses = ((number, _likeness(word, self._words[number])) for number in numbers)
        return [(number, likeness) for number, likeness in likenesses if likeness >= _NEAR_LEAST]

    def _alike(self, word: Word, numbers: Sequence[int]) -> list[int]:
        """Return those whose broad spelling is at all like the word's, and its variants."""
        spellings = [self._broad[number] for number in numbers]
        found = process.extract(
            broad(word.fold),
            spellings,
            scorer=OSA.normalized_similarity,
            score_cutoff=_BROAD_LEAST,
            limit=None,
        )
        kept = [numbers[at] for _, _, at in found]
        for group in VARIANTS.get(word.latin, ()):
            kept.extend(self._keys.get(f"^{group}", ()))
        return kept


class _Building:
    """What an index is made from, while it grows."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.having: list[set[int]] = []  # by word: the names that have it
        self.carried: list[set[int]] = []  # by word: the names that have no other of their own
        self.sizes: list[int] = []  # by name: its words
        self.distinct: list[int] = []  # by name: those spelled differently
        self.keys: dict[str, list[int]] = defaultdict(list)
        self.slips: dict[str, list[int]] = defaultdict(list)  # by key of a whole name
        self.numbers: dict[tuple[str, str, bool], int] = {}

    def add(self, position: int, name: Name) -> None:
        words = name.words
        for key in slip_keys(name):
            self.slips[key].append(position)
        own = len({word.fold for word in words if word.tag in OWN})
        self.sizes.append(sum(word.tag not in _MARKS for word in words))
        self.distinct.append(len({word.fold for word in words if word.tag not in _MARKS}))
        for index, word in enumerate(words):
            if word.tag in _MARKS:
                continue
            number = self._number(word, is_join=False)
            self.having[number].add(position)
            if own == (word.tag in OWN):
                self.carried[number].add(position)
            if index + 1 < len(words) and words[index + 1].tag not in _MARKS:
                number = self._number(join(word, words[index + 1]), is_join=True)
                self.having[number].add(position)
                if own == (word.tag in OWN) + (words[index + 1].tag in OWN):
                    self.carried[number].add(position)

    def _number(self, word: Word, *, is_join: bool) -> int:
        key = (word.text, word.latin, is_join)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.words)
            self.words.append(word)
            self.having.append(set())
            self.carried.append(set())
            for one in exact_keys(word) if is_join else listed_keys(word):
                self.keys[one].append(number)
        return number


def _distinct(name: Name) -> Collection[Word]:
    return {word.text: word for word in name.words if word.tag not in _MARKS}.values()


def _likeness(word: Word, other: Word) -> float:
    if word.tag == "h" or other.tag == "h":
        is_same = word.latin == other.latin or word.skeleton == other.skeleton
        return 1.0 if is_same else 0.0
    return near(word, other)
