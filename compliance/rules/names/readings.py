"""Other readings of a name that was written to be read by people and missed by machines.

Padding (`Viktor Drazhenko for the goods as agreed in March`) is read in windows of a few words,
figures and signs inside a word (`V1kt0r Dr@zhenko2`) as the letters they stand for, and letters in
boxes as letters. An honest name has no other reading, and costs nothing.
"""

import re
from collections.abc import Iterator
from functools import partial

from compliance.rules.names.pieces import pieces

# A name of so many pieces or more is read in windows as well; each two of three neighbours share
# one, so that a listed name of up to three words is whole in some window.
WINDOWED, WINDOW, STEP = 5, 4, 2

_BOXED = {
    first + offset: chr(ord("a") + offset)
    for first in (0x1F110, 0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
    for offset in range(26)
}
_FIGURES = str.maketrans("034578@$€", "oeastbase")
_SIGNS = "@$€!|"
_MIXED = re.compile(rf"(?=\S*[^\W\d_])(?=\S*[\d{re.escape(_SIGNS)}])\S+")
_DIGITS = re.compile(rf"[\d{re.escape(_SIGNS)}]+")


def readings(name: str) -> list[str]:
    """Return other ways to read the text itself; most names have none."""
    plain = name.translate(_BOXED)
    texts = [plain]
    if _MIXED.search(plain):
        mixed = partial(_MIXED.sub, string=plain)
        texts += [mixed(partial(_lettered, one)) for one in "il"]
        texts.append(mixed(lambda found: _DIGITS.sub("", found.group())))
    return [text for text in dict.fromkeys(texts) if text != name]


def windows(text: str) -> Iterator[str]:
    """Yield the windows of a text of many words; whoever compares them asks that a listed name
    stands whole in one."""
    found = [piece.text for piece in pieces(text)]
    if len(found) < WINDOWED:
        return
    for begin in range(0, len(found) - WINDOW + STEP, STEP):
        yield " ".join(found[begin : begin + WINDOW])


def _lettered(one: str, found: re.Match[str]) -> str:
    return re.sub(r"[1!|]", one, found.group()).translate(_FIGURES)
