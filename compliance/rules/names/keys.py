"""Keys under which listed words and names are found.

A word has its spelling with one letter left out (=), its outline of consonants (#), the outline
across scripts (~ of Latin, @ of Arabic and Hebrew words), the group of variants (^).
"""

from compliance.rules.names.letters import bone
from compliance.rules.names.near import ARTICLES
from compliance.rules.names.pairing import OWN
from compliance.rules.names.parse import Name, Word
from compliance.rules.names.variants import VARIANTS

_SHORT = 4  # letters of a word in which a slip is not told from another word
_LISPED = str.maketrans("ZDT", "zzs")


def listed_keys(word: Word) -> set[str]:
    if word.is_abjad:
        return {f"@{one}" for one in _abjad_outlines(word)}
    return {f"~{word.bone}"} | _latin_keys(word)


def sought_keys(word: Word) -> set[str]:
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


def slip_keys(name: Name) -> set[str]:
    """Return the keys of a whole name: how it runs without spaces, with a letter left out where a
    word is so short that one slip makes it another word."""
    shortest = min((len(word.latin) for word in name.words if word.tag in OWN), default=9)
    if not name.runs or shortest > _SHORT:
        return set(name.runs)
    return {key for run in name.runs for key in _thinned(run, 6)}


def exact_keys(word: Word) -> set[str]:
    """Return the keys of two words written as one, which meet only what is spelled so."""
    return {f"@{word.bone}"} if word.is_abjad else {f"={word.fold}", f"#{word.bone}"}


def _thinned(text: str, least: int) -> set[str]:
    """Return the text and, from `least` letters on, all that leaving one letter out makes of it."""
    if len(text) < least:
        return {text}
    return {text, *(text[:i] + text[i + 1 :] for i in range(len(text)))}
