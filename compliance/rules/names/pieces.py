"""A name's text cut into pieces of one script each, before any of them is understood."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from compliance.rules.names import letters

LETTERS_MAX = 200  # of a name; what is longer is cut (payouts allow 140)
KEY_MAX = 300

_DROPPED = re.compile(
    "['\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}`\N{ACUTE ACCENT}"
    "\N{MODIFIER LETTER APOSTROPHE}\N{MODIFIER LETTER LEFT HALF RING}"
    "\N{MODIFIER LETTER RIGHT HALF RING}"
    "\N{MODIFIER LETTER TURNED COMMA}\N{MODIFIER LETTER PRIME}\N{HEBREW PUNCTUATION GERESH}]"
)
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.[ ]?){2,}(?:[^\W\d_]\b)?")
_ACCENTS = re.compile("[\u0300-\u036f]")
# Letters and digits, with the vowel signs of scripts that write them as marks.
_SPLIT = re.compile(
    r"(?:[^\W_]|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963"
    r"\u0966-\u109f\u1780-\u17d3\u3099\u309a])+"
)
_HYPHENS = frozenset("-\N{HYPHEN}\N{NON-BREAKING HYPHEN}")
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Cn"})
_MIDDLE_DOTS = frozenset("\N{MIDDLE DOT}\N{KATAKANA MIDDLE DOT}\N{BULLET}")
_COMPANY_ENDINGS = (
    *("股份有限公司", "有限责任公司", "有限責任公司", "有限公司", "公司", "株式会社", "주식회사"),
)
_SURNAMES_OF_TWO = (
    *("欧阳", "歐陽", "司马", "司馬", "诸葛", "諸葛", "上官", "司徒", "东方", "夏侯"),
    *("남궁", "황보", "선우"),
)


class Piece(NamedTuple):
    """A run of letters and digits; `is_tied` where a hyphen ties it to the next."""

    text: str
    is_tied: bool


def pieces(name: str) -> list[Piece]:
    """Return the pieces in the order written, case-folded, without punctuation and marks."""
    return list(_cut(name))


@lru_cache(maxsize=256)  # one question asks several times about the same name
def _cut(name: str) -> tuple[Piece, ...]:
    plain = _plain(name)
    found: list[Piece] = []
    runs = list(_SPLIT.finditer(plain))
    syllabic = sum(letters.is_ideographic(run.group()) for run in runs)
    for run in runs:
        text = run.group()
        if not any(letter.isalnum() for letter in text):
            continue
        after = plain[run.end() : run.end() + 1]
        if not letters.is_ideographic(text):
            found.append(Piece(text, after in _HYPHENS))
            continue
        # A dot or space in the middle is how a foreign name is written: no surname comes first.
        dots = plain[max(run.start() - 1, 0) : run.start()] + after
        is_foreign = syllabic > 1 or not _MIDDLE_DOTS.isdisjoint(dots)
        found += [Piece(one, False) for one in ((text,) if is_foreign else _syllabic(text))]
    return tuple(found)


def recipient_key(name: str) -> str:
    """Return one key for all ways of writing the same words: case, accents, punctuation, order and
    the alphabet do not matter, legal forms do.

    Stricter than `parse`, because what was cleared under a key clears all that share it: Arabic,
    Hebrew and ideographic words keep their letters, for many names share a romanisation.
    """
    keys = []
    for text, _ in pieces(name):
        is_kept = letters.is_abjad(text) or letters.is_ideographic(text)
        keys.append(letters.alike(text) if is_kept else letters.latin(text))
    key = " ".join(sorted(key for key in keys if key))
    return key if len(key) <= KEY_MAX else hashlib.sha256(key.encode()).hexdigest()


def _plain(text: str) -> str:
    """Return the text case-folded, without invisible letters and apostrophes."""
    plain = unicodedata.normalize("NFKC", text[:LETTERS_MAX])
    if not plain.isprintable():
        plain = "".join(
            " " if letter.isspace() or unicodedata.category(letter) == "Cc" else letter
            for letter in plain
            if unicodedata.category(letter) not in _INVISIBLE
        )
    plain = _DROPPED.sub("", plain.casefold())
    # The dots of S.A.R.L. and J.R. hold one word together.
    plain = _DOTTED.sub(lambda found: re.sub(r"[. ]", "", found.group()) + " ", plain)
    return _ACCENTS.sub("", unicodedata.normalize("NFC", plain))


def _syllabic(text: str) -> Iterator[str]:
    for ending in _COMPANY_ENDINGS:
        text = text.replace(ending, "")
    # Two to four Han or Hangul syllables are a surname and a given name; kana and longer are not.
    if 2 <= len(text) <= 4 and not any("\u3040" <= letter <= "\u30ff" for letter in text):
        cut = 2 if text.startswith(_SURNAMES_OF_TWO) and len(text) > 2 else 1
        yield text[:cut]
        yield text[cut:]
    elif text:
        yield text
