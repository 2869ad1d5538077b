"""Finds the few listed names that are worth comparing with a recipient's.

A name is worth it where two of its words resemble the recipient's, or the only word of its own
does. In a window of a longer text, all of its words must.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from compliance.rules.names.building import MARKS, Building
from compliance.rules.names.keys import exact_keys, slip_keys, sought_keys
from compliance.rules.names.letters import broad, outline
from compliance.rules.names.near import near
from compliance.rules.names.pairing import OWN, join
from compliance.rules.names.parse import Name, Word
from compliance.rules.names.variants import VARIANTS

CANDIDATES_MAX = 200
NEARLY = 0.9  # likeness of words that stand in a text as listed
_NEAR_LEAST = 0.68
_RARE = 6  # entries that have a word this rare are compared whatever else agrees
_FEW = 24
_WORDS_USUAL = 8
_WORDS_KEPT = 8_192
_SHARED = frozenset("gh")

# Likeness of two words' broad spellings: so cheap to ask that most of what keys find is not looked
# at twice. Below the second, only words of the same consonants are.
_BROAD_LEAST, _BROAD_ENOUGH = 0.5, 0.63


class Found(NamedTuple):
    """By one word: the positions that have one like it, those of which it is the only own one, and
    the listed words that it is, spelled nearly so."""

    having: frozenset[int]
    carried: frozenset[int]
    standing: tuple[int, ...]


class WordIndex:
    """Positions of names by their words. Read-only once built, so threads may share it."""

    def __init__(self, names: Iterable[Name]) -> None:
        built = Building()
        for position, name in enumerate(names):
            built.add(position, name)
        # Tuples of numbers are small and nothing the garbage collector has to walk through.
        self._words = tuple(built.words)
        self._having = tuple(tuple(sorted(found)) for found in built.having)
        self._carried = tuple(tuple(sorted(found)) for found in built.carried)
        self._sizes = tuple(built.sizes)
        self._broad = tuple(broad(word.fold) for word in built.words)
        self._outlines = tuple(outline(word.skeleton) for word in built.words)
        # Words that are not compared by their Latin spelling alone.
        self._odd = frozenset(
            number
            for number, word in enumerate(built.words)
            if word.tag == "h" or not word.is_alphabetic
        )
        self._joins = frozenset(number for (_, _, join), number in built.numbers.items() if join)
        self._needed = tuple(built.needed)
        self._keys = {key: tuple(numbers) for key, numbers in built.keys.items()}
        self._slips = {key: tuple(positions) for key, positions in built.slips.items()}
        self._known: dict[tuple[str, str], Found] = {}

    def candidates(self, name: Name, most: int = CANDIDATES_MAX) -> list[int]:
        """Return the positions worth comparing: the `most` likeliest (fewer for a name of very many
        words), and those that run alike."""
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
        joined: set[int] = set()
        for both in _neighbours(name):
            joined.update(*(self._having[number] for number, _ in self._spelled_as(both)))
        chosen |= joined
        if len(chosen) > _FEW:
            # A name of many words takes longer to compare.
            most = most * _WORDS_USUAL // max(_WORDS_USUAL, len(name.words))
            chosen = self._likeliest(chosen, joined, groups, most)
        return sorted(chosen.union(self._running_alike(name)))

    def whole(self, name: Name) -> list[int]:
        """Return the positions of names all of whose words may stand in this one, spelled nearly
        so; there are few."""
        words: set[int] = set()
        for word in _distinct(name):
            words.update(self._resembling(word).standing)
        for both in _neighbours(name):
            words.update(number for number, alike in self._spelled_as(both) if alike >= NEARLY)
        met = Counter(chain.from_iterable(self._having[number] for number in words))
        # Two words written as one stand for both.
        met.update(chain.from_iterable(self._having[number] for number in words & self._joins))
        chosen = {position for position, count in met.items() if count >= self._needed[position]}
        return sorted(chosen | self._running_alike(name))

    def _running_alike(self, name: Name) -> set[int]:
        return {position for key in slip_keys(name) for position in self._slips.get(key, ())}

    def _likeliest(
        self, chosen: set[int], joined: set[int], groups: Sequence[frozenset[int]], most: int
    ) -> set[int]:
        """Leave out names that cannot reach the floor: with words over on both sides, they
        contradict each other, and two that agree do not make up for one that does not."""
        left = []
        met_by = Counter(chain.from_iterable(chosen.intersection(group) for group in groups))
        for position in chosen:
            met = met_by[position]
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
        having: set[int] = set()
        carried: set[int] = set()
        near_ones = self._near(word, sought_keys(word))
        for number, _ in near_ones:
            having.update(self._having[number])
            carried.update(self._carried[number])
        standing = tuple(number for number, likeness in near_ones if likeness >= NEARLY)
        return Found(frozenset(having), frozenset(carried), standing)

    def _spelled_as(self, both: Word) -> list[tuple[int, float]]:
        """Return the listed words that two run together are like, and how much; two words for two
        are found one by one."""
        near_ones = self._near(both, exact_keys(both))
        return [(number, likeness) for number, likeness in near_ones if number not in self._joins]

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
        mine = outline(word.skeleton)
        kept = [
            numbers[at]
            for _, likeness, at in found
            if likeness >= _BROAD_ENOUGH or self._outlines[numbers[at]] == mine
        ]
        for group in VARIANTS.get(word.latin, ()):
            kept.extend(self._keys.get(f"^{group}", ()))
        return kept


def _distinct(name: Name) -> Collection[Word]:
    return {word.text: word for word in name.words if word.tag not in MARKS}.values()


def _neighbours(name: Name) -> list[Word]:
    """Return each two neighbours as one word."""
    return [
        join(first, second)
        for first, second in zip(name.words, name.words[1:], strict=False)
        if first.tag not in MARKS and second.tag not in MARKS
    ]


def _likeness(word: Word, other: Word) -> float:
    if word.tag == "h" or other.tag == "h":
        is_same = word.latin == other.latin or word.skeleton == other.skeleton
        return 1.0 if is_same else 0.0
    return near(word, other)
