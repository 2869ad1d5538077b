"""Letters of any script to Latin, and Latin to two coarser spellings.

`fold` makes the usual romanisations of one word equal (Qaddafi and Kadafi, Sergej and Sergey).
`skeleton` keeps consonants alone, the only thing an Arabic or Hebrew spelling has in common with a
Latin one. `bone` is the skeleton made so coarse that it can be an index key.
"""

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

# BGN/PCGN 1947 without diacritics, the form most lists print; anyascii's is a letter for a letter.
_CYRILLIC = str.maketrans(
    {
        **dict(zip("абвгґдеёзийклмнопрстуфыэі", "abvggdeeziyklmnoprstufyei", strict=True)),
        **dict(zip("ђјљњћќѓџў", ("dj", "j", "lj", "nj", "c", "kj", "gj", "dz", "u"), strict=True)),
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
        "ә": "a",
        "ғ": "g",
        "қ": "q",
        "ң": "n",
        "ө": "o",
        "ұ": "u",
        "\N{CYRILLIC SMALL LETTER STRAIGHT U}": "u",
        "\N{CYRILLIC SMALL LETTER SHHA}": "h",
    }
)
# One letter each: capitals are sounds that Latin writes with two letters (S = sh, T = th, D = dh,
# J = zh, Z = the emphatic z), e is ayn, x is kh, c is ch.
_ARABIC = dict(
    zip(
        "اأإآٱبپتثجچحخدذرزژسشصضطظعغفڤقكکگلمنهويىیئؤټډړڼڑٹڈہھۀےېۍںګښږځڅ",
        "aaaaabptTjchxdDrzJsSsZtZegfvqkkglmnhwyyyywtdrnrtdhhhyyyngSJzs",
        strict=True,
    )
)
_HEBREW = dict(zip("אבגדהוזחטיכךלמםנןסעפףצץקרשת", "abgdhwzhtykklmmnnseppssqrSt", strict=True))
_ABJAD = _ARABIC | _HEBREW
_ALIKE = str.maketrans("أإآٱىیکەۀہھےة", "ااااييكههههيه")
_SILENT = str.maketrans("", "", "ءـ\u200c")

_DIGRAPHS = re.compile(
    "shch|tsch|tch|sch|dzh|sh|hs|ch|zh|kh|gh|ph|th|dh|ck|cz|sz|ts|tz|dj|dz"
    "|[aeo]j(?![aeiou])|ou|oo|ee|ie|ei|ij|iy|yi|yy|ii|uu|aa|oe|ae|ue|eo|eu|ay|ai|ey|oy|aw|au|ow"
    "|ce|ci|cy|x|c|y|j|w|q"
)
_FOLDED = {
    "shch": "s",
    "tsch": "c",
    "tch": "c",
    "sch": "s",
    "dzh": "j",
    "sh": "s",
    "hs": "s",
    "ch": "c",
    "zh": "j",
    "kh": "h",
    "gh": "g",
    "ph": "f",
    "th": "t",
    "dh": "d",
    "ck": "k",
    "cz": "c",
    "sz": "s",
    "ts": "c",
    "tz": "c",
    "dj": "j",
    "dz": "z",
    "ou": "u",
    "oo": "u",
    "ee": "i",
    "ie": "i",
    "ei": "i",
    "ij": "i",
    "iy": "i",
    "yi": "i",
    "yy": "i",
    "ii": "i",
    "uu": "u",
    "aa": "a",
    "oe": "o",
    "ae": "e",
    "ue": "u",
    "eo": "o",
    "eu": "u",
    "ay": "ai",
    "ai": "ai",
    "ey": "ei",
    "oy": "oi",
    "aw": "au",
    "au": "au",
    "ow": "ov",
    "ce": "se",
    "ci": "si",
    "cy": "si",
    "x": "ks",
    "c": "k",
    "aj": "ai",
    "ej": "ei",
    "oj": "oi",
    "y": "i",
    "j": "j",
    "w": "v",
    "q": "k",
}
_FIRST = {"x": "s", "q": "k", "j": "j", "y": "i"}
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7]")
_CLOSED = re.compile("(?<!n)[gdb]$")  # how a Hangul syllable ends is k, t or p to the ear
_DOUBLED = re.compile(r"(.)\1+")
_SKELETAL = re.compile("sch|tch|sz|cz|sh|kh|gh|th|dh|ch|zh|ph|ck|ou(?=[aeiou])|x|[a-z]")
_CONSONANT = {
    "tch": "c",
    "sz": "S",
    "cz": "c",
    "sch": "S",
    "sh": "S",
    "kh": "x",
    "gh": "g",
    "th": "T",
    "dh": "D",
    "ch": "c",
    "zh": "J",
    "ph": "f",
    "ck": "k",
    "ou": "w",
    "x": "ks",
    "c": "k",
    **dict.fromkeys("aeiou", ""),
    **{letter: letter for letter in "bdfghjklmnpqrstvwyz"},
}
_BROAD = str.maketrans("oe", "ui")
_SEMIVOWELS = str.maketrans("", "", "wyh")
_BONE = str.maketrans("pvTDZJScjgqxr", "bftddzsskkkkl", "aewyh")


def is_abjad(text: str) -> bool:
    """Say whether a word is written in Arabic or Hebrew letters."""
    return not text.isascii() and any("\u0590" <= letter <= "\u08ff" for letter in text)


def is_ideographic(text: str) -> bool:
    """Say whether a word has Han, kana or Hangul letters, which stand for syllables."""
    return not text.isascii() and any(
        "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" or letter > "\U0001ffff"
        for letter in text
    )


def is_foreign(text: str) -> bool:
    """Say whether a word is in an alphabet that is neither Latin nor one of those above."""
    return not text.isascii() and any(
        "\u0370" <= letter <= "\u058f" or "\u0900" <= letter <= "\u1cff" for letter in text
    )


@lru_cache(maxsize=65_536)
def latin(word: str) -> str:
    """Return a case-folded word in the letters a to z and digits; "" where nothing is left."""
    if word.isascii():
        return word
    text = word.translate(_CYRILLIC)
    # Only the accents of European scripts go: those of kana and Indic vowels are sounds.
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    text = unicodedata.normalize("NFC", plain).translate(_CYRILLIC)
    if "\uac00" <= text[:1] <= "\ud7af":
        text = "".join(_CLOSED.sub(_stopped, anyascii(letter)) for letter in text)
    return "".join(letter for letter in anyascii(text).casefold() if letter.isalnum())


def _stopped(found: re.Match[str]) -> str:
    return {"g": "k", "d": "t", "b": "p"}[found.group()]


@lru_cache(maxsize=65_536)
def alike(word: str) -> str:
    """Return an Arabic or Hebrew word without marks, its interchangeable letters made one."""
    bare = "".join(letter for letter in word if not unicodedata.combining(letter))
    return bare.translate(_SILENT).translate(_ALIKE)


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Return a Latin word in one spelling for all of its usual romanisations."""
    if not word or word[0].isdigit():
        return word
    text = _FIRST.get(word[0], word[0]) + word[1:]
    text = _DIGRAPHS.sub(lambda found: _FOLDED[found.group()], text)
    text = _DOUBLED.sub(r"\1", text)
    if text.endswith(("of", "ef")):
        text = text[:-1] + "v"
    if len(text) > 3 and text.endswith(("ah", "eh")):
        text = text[:-1]
    return text


@lru_cache(maxsize=131_072)
def broad(folded: str) -> str:
    """Return a folded word with o and u, e and i made one: ears and alphabets mix them up."""
    return _DOUBLED.sub(r"\1", folded.translate(_BROAD))


@lru_cache(maxsize=65_536)
def skeleton(word: str) -> str:
    """Return a word's consonants in one alphabet; a vowel counts only where the word begins."""
    if is_abjad(word):
        letters = [_ABJAD.get(letter, "") for letter in alike(word)]
        outline = "".join(letters[:1] + [letter for letter in letters[1:] if letter != "a"])
        return outline[:-1] if len(word) > 3 and outline.endswith("h") else outline
    text = _DOUBLED.sub(r"\1", word)
    if len(text) > 3 and text.endswith(("ah", "eh")):
        text = text[:-1]  # Osama and Usamah; Arabic ends them in a letter that is seldom heard
    start = "a" if text[:1] and text[0] in "aeiou" and not re.match("ou[aei]", text) else ""
    return start + "".join(_CONSONANT[found] for found in _SKELETAL.findall(text))


def outline(skeletal: str) -> str:
    """Return a skeleton without semivowels, which one alphabet writes and another does not."""
    return skeletal.translate(_SEMIVOWELS)


def bone(skeletal: str) -> str:
    """Return a skeleton's index key: sounds that are written for each other are one letter."""
    return skeletal.translate(_BONE)
