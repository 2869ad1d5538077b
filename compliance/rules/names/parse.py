"""A name taken apart: words with what each is worth, titles and legal forms told from the rest.

Never raises, whatever the text: recipients' names come from outside.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from compliance.rules.names import letters, words
from compliance.rules.names.pieces import Piece, pieces

WORDS_MAX = 16

_ABD = re.compile("(?:abd|abad)(?:[aeou]+[lrsnzdt](?=[lrsnzdt])|[aeou]+l)?(?=.{3})")
_DIN = re.compile("(.{3,}?)(?:[aeiou]+[ld]|[aeiou]+)?d(?:d)?(?:i|ee|ie)n$")
_LLAH = re.compile("(.{2,}?)(?:[aeou]+)llah?$")
_ROMAN = re.compile("(?=[ivxl])(?:x{0,3}|xl)(?:ix|iv|v?i{0,3})")
_NUMERALS = frozenset({"ii", "iii", "iv", "vii", "viii", "ix"})  # the end of no name but these
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50}
_PATRONYMIC = re.compile("..+(?:ovich|evich|ovitch|evitch|ovic|ovna|evna|ichna|ovych|ivna|yevich)")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a name.

    `weight` is what it costs to be contradicted, `light` what it costs to be missing (1.0: a name
    of one's own). A rough word was written down by ear. `tag`: w word, c common, m
    patronymic, g generic, h half of a compound, p particle, t title, i initial, n number.
    """

    text: str
    latin: str
    fold: str
    skeleton: str
    bone: str
    tag: str
    weight: float
    light: float
    is_abjad: bool = False
    is_ideographic: bool = False
    is_alphabetic: bool = True
    is_rough: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A parsed name; `words` in the order written, without legal forms unless there is no more.

    `line` is the whole name in Latin letters, words sorted; empty where it is not written in them
    or where a number is part of it. `runs` are the name as written without spaces, also with its
    legal forms where it has any.
    """

    words: tuple[Word, ...]
    forms: tuple[str, ...]
    is_company: bool
    plain: tuple[str, ...]
    line: str
    runs: tuple[str, ...]


_WORTH = {
    "w": (1.0, 1.0),
    "c": (0.8, 0.7),
    "g": (0.7, 0.45),
    "h": (0.6, 0.15),  # half of a compound: abd, din, allah
    "p": (0.05, 0.02),
    "t": (0.1, 0.02),
    "i": (0.8, 0.15),
    "n": (0.8, 0.5),
    "m": (0.9, 0.3),  # a patronymic: often left out, seldom wrong
}


@lru_cache(maxsize=32_768)
def parse(text: str) -> Name:
    """Take a name apart. No words are left of text without letters or digits."""
    whole = pieces(text)[: 2 * WORDS_MAX]
    left, forms = _without_forms(whole)
    found = [word for piece in left for word in _words(piece)][:WORDS_MAX]
    if len(found) > 1 and found[0].latin == "ben":
        found[0] = _word(found[0].text, "ben", "w")  # a first name; a son of follows one
    is_company = bool(forms) or sum(word.tag == "g" for word in found) > 1
    if len(found) > 1 and found[-1].latin in _NUMERALS:
        found[-1] = _word(found[-1].text, found[-1].latin, "n")
    if is_company:
        # A numeral, not an initial: Fund V, Partners II. The first word is a name, whatever it is.
        found[1:] = [
            _word(word.text, word.latin, "n") if _ROMAN.fullmatch(word.latin) else word
            for word in found[1:]
        ]
    is_spelled = all(word.is_alphabetic and word.tag != "n" for word in found)
    line = " ".join(sorted(word.latin for word in found)) if is_spelled else ""
    runs = tuple(dict.fromkeys((_run(left), _run(whole)))) if is_spelled else ()
    plain = tuple(word.text for word in found)
    return Name(tuple(found), forms, is_company, plain, line, runs)


def _run(found: list[Piece]) -> str:
    return "".join(letters.latin(piece.text) for piece in found)


def _without_forms(found: list[Piece]) -> tuple[list[Piece], tuple[str, ...]]:
    """Take legal forms out, written out or short; a name that is nothing else keeps them."""
    plain = [letters.latin(piece.text) for piece in found]
    left: list[Piece] = []
    forms: list[str] = []
    position = 0
    while position < len(plain):
        for phrase in words.LEGAL_PHRASES.get(plain[position], ()):
            if tuple(plain[position : position + len(phrase)]) == phrase:
                forms.append(" ".join(phrase))
                position += len(phrase)
                break
        else:
            # Two letters open names as often as they close them (As-Sayyid, Sa, Co).
            is_short = len(plain[position]) < 3
            is_form = plain[position] in words.LEGAL_FORMS and not found[position].is_tied
            if is_form and (not is_short or position == len(plain) - 1):
                forms.append(plain[position])
            else:
                left.append(found[position])
            position += 1
    return (left, tuple(forms)) if left else (found, ())


def _words(piece: Piece) -> Iterator[Word]:
    plain = letters.latin(piece.text)
    if letters.is_abjad(piece.text):
        yield from _abjad(piece.text, plain)
    elif not plain:
        return
    elif letters.is_ideographic(piece.text):
        yield _word(piece.text, words.HANGUL_SURNAMES.get(piece.text, plain), "w")
    elif piece.is_tied and plain in words.ARTICLES:
        yield _word(piece.text, plain, "p")
    else:
        yield from _latin(piece.text, plain)


def _latin(text: str, plain: str) -> Iterator[Word]:
    if any(letter.isdigit() for letter in plain):
        yield _word(text, str(int(plain)) if plain.isdecimal() else plain, "n")
    elif len(plain) == 1:
        yield _word(text, plain, "i")
    elif plain in words.TITLES:
        yield _word(text, plain, "t")
    elif plain in words.PARTICLES:
        yield _word(text, plain, "p")
    elif plain in words.COMPOUND:
        yield _word(text, words.COMPOUND[plain], "h")
    elif plain in words.GENERIC:
        yield _word(text, plain, "g")
    elif plain in ("abdullah", "abdallah", "abdulla", "abdalla", "abdoullah", "abdollah"):
        yield _word(text[:3], "abd", "h")
        yield _word(text[3:], "allah", "h")
    elif found := _ABD.match(plain):
        yield _word(text[: found.end()], "abd", "h")
        yield from _latin(plain[found.end() :], plain[found.end() :])
    elif found := _DIN.fullmatch(plain):
        yield _word(found.group(1), found.group(1), "w")
        yield _word(plain[found.end(1) :], "din", "h")
    elif found := _LLAH.fullmatch(plain):
        yield _word(found.group(1), found.group(1), "w")
        yield _word(plain[found.end(1) :], "allah", "h")
    elif _PATRONYMIC.fullmatch(plain):
        yield _word(text, plain, "m")
    else:
        yield _word(text, plain, "c" if plain in words.COMMON else "w")


_ABJAD_WORDS = {
    **dict.fromkeys(("ال", "بن", "ابن", "بنت", "ولد", "و", "בן", "בת"), ("p", "")),
    **dict.fromkeys(("عبد", "عبدال"), ("h", "abd")),
    **dict.fromkeys(("ابو", "ابي", "ابا", "بو"), ("h", "abu")),
    **dict.fromkeys(("الله", "لله"), ("h", "allah")),
    **dict.fromkeys(("الدين", "دين"), ("h", "din")),
    **dict.fromkeys(
        ("شيخ", "الشيخ", "حاج", "الحاج", "ملا", "مولوي", "دكتور", "سيد", "السيد", "السيده"),
        ("t", ""),
    ),
    **dict.fromkeys(("شركه", "الشركه", "بنك", "مصرف", "موسسه", "جماعه", "الجماعه"), ("g", "")),
}


def _abjad(text: str, plain: str) -> Iterator[Word]:
    bare = letters.alike(text)
    if not bare:
        return
    if bare in _ABJAD_WORDS:
        tag, meant = _ABJAD_WORDS[bare]
        yield _word(text, meant or plain or "?", tag, skeleton=letters.skeleton(meant or text))
        return
    for start, tag, meant in (("عبدال", "h", "abd"), ("ابو", "h", "abu")):
        if bare.startswith(start) and len(bare) > len(start) + 1:
            yield _word(start, meant, tag, skeleton=letters.skeleton(meant))
            yield from _abjad(bare[len(start) :], letters.latin(bare[len(start) :]))
            return
    for end, meant in (("الدين", "din"), ("الله", "allah"), ("لله", "allah")):
        if bare.endswith(end) and len(bare) > len(end) + 1:
            rest = bare[: -len(end)]
            yield from _abjad(rest, letters.latin(rest))
            yield _word(end, meant, "h", skeleton=letters.skeleton(meant))
            return
    if bare.startswith("ال") and len(bare) > 3 and bare != "الياس":
        bare = bare[2:]
    yield _word(
        text, letters.latin(bare) or "?", "w", skeleton=letters.skeleton(bare), is_abjad=True
    )


def _word(
    text: str, plain: str, tag: str, *, skeleton: str | None = None, is_abjad: bool = False
) -> Word:
    weight, light = _WORTH[tag]
    is_ideographic = letters.is_ideographic(text)
    # Another alphabet spells foreign names by ear; Han and Hangul spell their own by rule.
    is_heard = is_ideographic and len(text) > 2
    is_rough = is_heard or letters.is_foreign(text)
    outline = letters.skeleton(plain) if skeleton is None else skeleton
    return Word(
        text=text,
        latin=plain,
        fold=letters.fold(plain),
        skeleton=outline,
        bone=letters.bone(outline),
        tag=tag,
        weight=weight,
        light=light,
        is_abjad=is_abjad,
        is_ideographic=is_ideographic,
        is_alphabetic=not (is_abjad or is_ideographic or is_rough),
        is_rough=is_rough,
    )


def number(plain: str) -> int | str:
    """Return what a word tagged as a number counts: an integer, or a code with digits in it."""
    if plain.isdecimal():
        return int(plain)
    if not _ROMAN.fullmatch(plain):
        return plain
    values = [_ROMAN_VALUES[letter] for letter in plain]
    return sum(
        -value if value < max(values[index:]) else value for index, value in enumerate(values)
    )
