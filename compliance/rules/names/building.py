"""What the index of listed words is made from, while it grows."""

from collections import defaultdict

from compliance.rules.names.keys import exact_keys, listed_keys, slip_keys
from compliance.rules.names.pairing import OWN, join
from compliance.rules.names.parse import Name, Word

MARKS = frozenset("pitn")  # tags of what is no word of a name
_NEVER = 1_000  # words, more than any name has


class Building:
    """Listed words by number, names by position; `add` takes one name more."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.having: list[set[int]] = []  # by word: the names that have it
        self.carried: list[set[int]] = []  # by word: the names that have no other of their own
        self.sizes: list[int] = []  # by name: its words
        self.needed: list[int] = []  # by name: different words, all of which must stand in a text
        self.keys: dict[str, list[int]] = defaultdict(list)
        self.slips: dict[str, list[int]] = defaultdict(list)  # by key of a whole name
        self.numbers: dict[tuple[str, str, bool], int] = {}

    def add(self, position: int, name: Name) -> None:
        words = name.words
        for key in slip_keys(name):
            self.slips[key].append(position)
        own = len({word.fold for word in words if word.tag in OWN})
        self.sizes.append(sum(word.tag not in MARKS for word in words))
        different = {(word.text, word.latin) for word in words if word.tag not in MARKS}
        # One word alone is found as such, never in a text.
        self.needed.append(len(different) if self.sizes[-1] > 1 else _NEVER)
        for index, word in enumerate(words):
            if word.tag in MARKS:
                continue
            number = self._number(word, is_join=False)
            self.having[number].add(position)
            if own == (word.tag in OWN):
                self.carried[number].add(position)
            if index + 1 < len(words) and words[index + 1].tag not in MARKS:
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
