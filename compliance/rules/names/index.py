"""Finds the few listed names that are worth comparing with a recipient's.

A name is worth it where two of its words resemble the recipient's, or the only word of its own
does. Listed words are kept under keys: their spelling with one letter left out (=), their outline
of consonants (#), the outline across scripts (~ of Latin, @ of Arabic and Hebrew words), the
group of variants (^).
"""

from collections import defaultdict
from collections.abc import Iterable

from compliance.rules.names.letters import bone
from compliance.rules.names.near import ARTICLES, near
from compliance.rules.names.pairing import OWN, join
from compliance.rules.names.parse import Name, Word
from compliance.rules.names.variants import VARIANTS

CANDIDATES_MAX = 400
_NEAR_LEAST = 0.68
_RARE = 6  # entries that have a word this rare are compared whatever else agrees
_FEW = 24
_SHORT = 4  # letters of a word in which a slip is not told from another word
_WORDS_KEPT = 8_192
_MARKS = frozenset("pitn")  # tags of what is no word of a name
_SHARED = frozenset("gh")
_LISPED = str.maketrans("ZDT", "zzs")

Found = tuple[frozenset[int], frozenset[int]]


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
        self._keys = {key: tuple(numbers) for key, numbers in built.keys.items()}
        self._slips = {key: tuple(positions) for key, positions in built.slips.items()}
        self._known: dict[tuple[str, str], Found] = {}

    def candidates(self, name: Name) -> list[int]:
        """Return the positions worth comparing, at most `CANDIDATES_MAX`, likeliest first where
        there are more."""
        # Trading and abdul say nothing together; they count beside a word of one's own.
        shared = _SHARED if any(word.tag in OWN for word in name.words) else frozenset()
        distinct = {word.text: word for word in name.words if word.tag not in _MARKS}
        groups = []
        once: set[int] = set()
        chosen: set[int] = set()
        for word in sorted(distinct.values(), key=lambda one: one.tag in shared):
            having, carried = self._resembling(word)
            groups.append(having)
            chosen |= once & having
            chosen |= carried
            if len(having) <= _RARE:
                chosen |= having
            if word.tag not in shared:
                once |= having
        joined: set[int] = set()
        for first, second in zip(name.words, name.words[1:], strict=False):
            if first.tag not in _MARKS and second.tag not in _MARKS:
                joined |= self._spelled_as(join(first, second))
        for key in _slip_keys(name):
            joined.update(self._slips.get(key, ()))
        if len(chosen) <= _FEW:
            return sorted(chosen | joined)
        return self._likeliest(chosen, joined, groups)

    def _likeliest(
        self, chosen: set[int], joined: set[int], groups: list[frozenset[int]]
    ) -> list[int]:
        """Leave out names that cannot reach the floor: with words over on both sides, they
        contradict each other, and two that agree do not make up for one that does not."""
        left = []
        for position in chosen:
            met = sum(position in group for group in groups)
            size = self._sizes[position]
            if position in joined or min(len(groups), size) - met < (1 if met <= 2 else 2):
                left.append((-met / max(size, 1), -met, position))
        if len(left) > CANDIDATES_MAX:
            left = sorted(left)[:CANDIDATES_MAX]
        return sorted(joined.union(position for _, _, position in left))

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
        for number in self._near(word, _sought_keys(word)):
            having.update(self._having[number])
            carried.update(self._carried[number])
        return frozenset(having), frozenset(carried)

    def _spelled_as(self, word: Word) -> set[int]:
        found: set[int] = set()
        for number in self._near(word, _exact_keys(word)):
            found.update(self._having[number])
        return found

    def _near(self, word: Word, keys: Iterable[str]) -> list[int]:
        numbers: set[int] = set()
        for key in keys:
            numbers.update(self._keys.get(key, ()))
        return [number for number in numbers if _resemble(word, self._words[number])]


class _Building:
    """What an index is made from, while it grows."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.having: list[set[int]] = []  # by word: the names that have it
        self.carried: list[set[int]] = []  # by word: the names that have no other of their own
        self.sizes: list[int] = []  # by name: its words
        self.keys: dict[str, list[int]] = defaultdict(list)
        self.slips: dict[str, list[int]] = defaultdict(list)  # by key of a whole name
        self.numbers: dict[tuple[str, str, bool], int] = {}

    def add(self, position: int, name: Name) -> None:
        words = name.words
        for key in _slip_keys(name):
            self.slips[key].append(position)
        own = len({word.fold for word in words if word.tag in OWN})
        self.sizes.append(sum(word.tag not in _MARKS for word in words))
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
            for one in _exact_keys(word) if is_join else _listed_keys(word):
                self.keys[one].append(number)
        return number


def _resemble(word: Word, other: Word) -> bool:
    if word.tag == "h" or other.tag == "h":
        return word.latin == other.latin or word.skeleton == other.skeleton
    return near(word, other) >= _NEAR_LEAST


def _listed_keys(word: Word) -> set[str]:
    if word.is_abjad:
        return {f"@{one}" for one in _abjad_outlines(word)}
    return {f"~{word.bone}"} | _latin_keys(word)


def _sought_keys(word: Word) -> set[str]:
    if word.is_abjad:
        return {f"{mark}{one}" for one in _abjad_outlines(word) for mark in "@~"}
    return {f"@{one}" for one in _thinned(word.bone, 4)} | _latin_keys(word)


def _abjad_outlines(word: Word) -> set[str]:
    """Return the outlines of both readings: some letters are d or z, t or s to different ears."""
    return _thinned(word.bone, 4) | _thinned(bone(word.skeleton.translate(_LISPED)), 4)


def _latin_keys(word: Word) -> set[str]:
    keys = {f"={one}" for one in _thinned(word.fold, 4)}
    if word.fold.startswith(ARTICLES) and len(word.fold) > 5:
        keys.add(f"={word.fold[2:]}")
    if len(word.bone) > 2:
        keys.update(f"#{one}" for one in _thinned(word.bone, 5))
    keys.update(f"^{group}" for group in VARIANTS.get(word.latin, ()))
    return keys


def _slip_keys(name: Name) -> set[str]:
    """Return the keys of a whole name: how it runs without spaces, with a letter left out where a
    word is so short that one slip makes it another word."""
    shortest = min((len(word.latin) for word in name.words if word.tag in OWN), default=9)
    if not name.runs or shortest > _SHORT:
        return set(name.runs)
    return {key for run in name.runs for key in _thinned(run, 6)}


def _exact_keys(word: Word) -> set[str]:
    """Return the keys of two words written as one, which meet only what is spelled so."""
    return {f"@{word.bone}"} if word.is_abjad else {f"={word.fold}", f"#{word.bone}"}


def _thinned(text: str, least: int) -> set[str]:
    """Return the text and, from `least` letters on, all that leaving one letter out makes of it."""
    if len(text) < least:
        return {text}
    return {text, *(text[:i] + text[i + 1 :] for i in range(len(text)))}
