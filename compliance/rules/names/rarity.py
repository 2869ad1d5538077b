"""How much it says to share a word: little where many listed names have it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from compliance.rules.names.parse import Name, Word

_LEAST = 0.6
_SLOPE = 0.12  # a word of ten names weighs 0.88, of a hundred 0.76, of two thousand the least


class Rarity:
    """Weights of words over one state of the lists; a word of two names or fewer weighs 1.0."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        """Take the number of listed names by folded word."""
        self._factors = {
            fold: max(_LEAST, 1.0 - _SLOPE * math.log10(count))
            for fold, count in counts.items()
            if count > 2
        }

    @classmethod
    def of(cls, names: Iterable[Name]) -> "Rarity":
        """Count each word once a name."""
        counts: Counter[str] = Counter()
        for name in names:
            counts.update({word.fold for word in name.words if word.tag == "w"})
        return cls(counts)

    def __call__(self, word: Word) -> float:
        """Return the factor, 0.6 to 1.0, on a word's weight; words of other tags have theirs."""
        return self._factors.get(word.fold, 1.0) if word.tag == "w" else 1.0
