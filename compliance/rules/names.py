"""Names compared the way a clerk would: case, accents, script, word order and company suffixes do
not matter.

`TokenMatcher` demands that every listed token meets one of the recipient's, within one edit for
longer tokens, and that at most one token of the recipient is left over. `Matcher` is what screening
sees; a better matcher takes its place.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from compliance.rules.facts import WatchHit

# Legal forms say nothing of who it is (ISO 20275 has 3,000; these are the common ones of the trade
# lanes served).
_SUFFIXES = frozenset(
    {
        *("ag", "as", "bv", "co", "company", "corp", "corporation", "fzc", "fzco", "fze", "fzllc"),
        *("gmbh", "inc", "incorporated", "kft", "kg", "lda", "limited", "llc", "llp", "lp", "ltd"),
        *("nv", "oao", "ooo", "oy", "oyj", "plc", "pte", "pty", "sa", "sarl", "sas", "sl", "spa"),
        *("spzoo", "srl", "zao"),
    }
)
_LATIN = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    }
)
# BGN/PCGN 1947 without diacritics, the form most lists print.
_CYRILLIC = str.maketrans(
    {
        **dict(zip("абвгдеёзийклмнопрстуфыэіґ", "abvgdeeziyklmnoprstufyeig", strict=True)),
        "ж": "zh",
        "\N{CYRILLIC SMALL LETTER HA}": "kh",
        "ц": "ts",
        "ч": "ch",
        "ш": "sh",
        "щ": "shch",
        "ъ": "",
        "ь": "",
        "ю": "yu",
        "я": "ya",
        "ї": "yi",
        "є": "ye",
    }
)
_FUZZY_FROM = 5  # shorter tokens are too often one edit away from an innocent one


class Matcher(Protocol):
    """Finds the listed names that a recipient's name resembles."""

    def hits(self, name: str) -> tuple[WatchHit, ...]:
        """Return the hits, best first; empty for most of the world."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """One listed name: the list's code, the entry's id, the name as printed."""

    list_code: str
    entry_id: int
    name: str


@lru_cache(maxsize=65_536)
def tokens(name: str) -> tuple[str, ...]:
    """Return the name's tokens: folded, transliterated, sorted, without punctuation, initials and
    legal forms."""
    folded = name.casefold().translate(_CYRILLIC)
    folded = unicodedata.normalize("NFKD", folded).casefold().translate(_LATIN).translate(_CYRILLIC)
    plain = "".join(
        character if character.isalnum() else " " if not unicodedata.combining(character) else ""
        for character in folded.replace("'", "")
        .replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
        .replace(".", "")
    )
    words = sorted({word for word in plain.split() if len(word) > 1})
    meaningful = tuple(word for word in words if word not in _SUFFIXES)
    return meaningful or tuple(words)


def is_near(a: str, b: str) -> bool:
    """Say whether two tokens are equal or, from five letters on, one edit or swap of neighbours
    apart."""
    if a == b:
        return True
    if min(len(a), len(b)) < _FUZZY_FROM or abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    if len(a) == len(b):
        swapped = a[start + 1 : start + 2] + a[start : start + 1] == b[start : start + 2]
        return a[start + 1 :] == b[start + 1 :] or (swapped and a[start + 2 :] == b[start + 2 :])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[start + 1 :] == shorter[start:]


def _gaps(token: str) -> set[str]:
    """Return the token and all it becomes when one letter is left out: near tokens share at least
    one of these."""
    if len(token) < _FUZZY_FROM:
        return {token}
    return {token, *(token[:i] + token[i + 1 :] for i in range(len(token)))}


class TokenMatcher:
    """An index over one state of the lists: building is linear, a look-up touches only entries that
    share a token."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._entries = [(entry, tokens(entry.name)) for entry in listed]
        self._index: dict[str, set[int]] = defaultdict(set)
        for position, (_, words) in enumerate(self._entries):
            # The longest token is the rarest: every match must contain it, so it alone is indexed.
            for gap in _gaps(max(words, key=len, default="")):
                self._index[gap].add(position)
        self._index.pop("", None)

    def hits(self, name: str) -> tuple[WatchHit, ...]:
        """Return the hits, best first."""
        words = tokens(name)
        positions: set[int] = set()
        for word in words:
            for gap in _gaps(word):
                if gap in self._index:
                    positions |= self._index[gap]
        if not positions:
            return ()
        found = [hit for position in sorted(positions) if (hit := self._compare(position, words))]
        return tuple(sorted(found, key=lambda hit: -hit["similarity"]))

    def _compare(self, position: int, words: tuple[str, ...]) -> WatchHit | None:
        entry, listed = self._entries[position]
        if not len(listed) <= len(words) <= len(listed) + (1 if len(listed) > 1 else 0):
            return None
        left = list(words)
        alignment = []
        for token in listed:
            met = (
                token
                if token in left
                else next((word for word in left if is_near(token, word)), None)
            )
            if met is None:
                return None
            left.remove(met)
            alignment.append([token, met])
        edits = sum(token != met for token, met in alignment)
        similarity = max(100 - 6 * edits - 10 * len(left), 1)
        return WatchHit(
            list=entry.list_code,
            entry_id=entry.entry_id,
            entry=entry.name,
            similarity=similarity,
            alignment=alignment,
        )
