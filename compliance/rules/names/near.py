"""How alike two words are, 0.0 to 1.0, whatever script each is written in."""

from functools import lru_cache

from rapidfuzz.distance import OSA

from compliance.rules.names import letters
from compliance.rules.names.parse import Word
from compliance.rules.names.variants import VARIANTS

# What it costs to read one consonant for another, of at most 1; unordered.
_CLOSE = {
    frozenset(pair): cost
    for pairs, cost in (
        (("kq", "Zz", "ZD", "dZ", "fv", "bv", "vw", "ae"), 0.1),
        (("tT", "Ts", "dD", "Dz", "xh", "xk", "pb", "pf", "cS", "Jz", "Jj", "qg", "hT"), 0.2),
        (("mn",), 0.5),
        (("gj", "gk", "cj", "gx", "sz", "Ss", "he", "ay", "aw", "sc", "lr", "td"), 0.35),
    )
    for pair in pairs
}
_MISSING = {"w": 0.06, "y": 0.06, "a": 0.1, "e": 0.08, "h": 0.35}
ARTICLES = ("al", "el")  # written as one with the word
# How much of a difference in vowels is forgiven, by the number of consonants that agree.
_VOWELS = {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.4}
# Words whose vowels are near each other (o and u, e and i).
_BROAD, _BROAD_SHORT, _BROAD_SHARE = 0.93, 0.85, 0.95
_SHORT = 0.8  # one letter of three makes another name
# How much agreement of so few consonants can prove.
_CEILING = (0.0, 0.88, 0.95, 0.97, 0.98)


def near(a: Word, b: Word) -> float:
    """Return the likeness of two words of which neither is a number."""
    if a.text == b.text:
        return 1.0
    if a.is_alphabetic and b.is_alphabetic:
        return _alphabetic(a.latin, b.latin, a.fold, b.fold)
    if a.is_abjad and b.is_abjad:
        return _same_script(a.text, b.text)
    if a.is_abjad or b.is_abjad:
        if a.is_ideographic or b.is_ideographic:
            return 0.0  # a syllable or two against consonants alone proves nothing
        return _consonantal(a.skeleton, b.skeleton, a.bone, b.bone)
    if a.is_ideographic and b.is_ideographic:
        return _syllabic(a.text, b.text, a.fold, b.fold)
    likeness = _alphabetic(a.latin, b.latin, a.fold, b.fold)
    if a.is_rough != b.is_rough:
        likeness = max(likeness, _consonantal(a.skeleton, b.skeleton, a.bone, b.bone))
    return likeness


@lru_cache(maxsize=131_072)
def _alphabetic(a: str, b: str, fold_a: str, fold_b: str) -> float:
    if a == b:
        return 1.0
    if not VARIANTS.get(a, frozenset()).isdisjoint(VARIANTS.get(b, frozenset())):
        return 0.95
    if fold_a == fold_b:
        return 0.97 if len(fold_a) > 3 else 0.88
    short, long = (a, b) if len(a) < len(b) else (b, a)
    if long.startswith(ARTICLES) and long[2:] == short:
        return 0.96
    longer = len(long)
    if (longer - len(short)) * 2 > longer:
        return 0.0
    broad_a, broad_b = letters.broad(fold_a), letters.broad(fold_b)
    if broad_a == broad_b:
        return _BROAD if len(broad_a) > 3 else _BROAD_SHORT
    spelled = OSA.normalized_similarity(a, b)
    sounded = OSA.normalized_similarity(fold_a, fold_b)
    if broad_a != fold_a or broad_b != fold_b:
        sounded = max(sounded, _BROAD_SHARE * OSA.normalized_similarity(broad_a, broad_b))
    likeness = min(0.95, max(spelled, (spelled + 2 * sounded) / 3))
    hard_a, hard_b = letters.skeleton(a), letters.skeleton(b)
    if letters.outline(hard_a) == letters.outline(hard_b):  # only vowels differ
        likeness += (1 - likeness) * _VOWELS.get(max(len(hard_a), len(hard_b)), 0.5)
    return likeness if longer > 3 else likeness * _SHORT


@lru_cache(maxsize=32_768)
def _syllabic(a: str, b: str, fold_a: str, fold_b: str) -> float:
    # Han characters have variants of one sound (simplified, traditional); Hangul spells the sound.
    is_hangul = "\uac00" <= a[0] <= "\ud7af"
    return max(OSA.normalized_similarity(a, b), 0.9 if fold_a == fold_b and not is_hangul else 0.0)


@lru_cache(maxsize=32_768)
def _same_script(a: str, b: str) -> float:
    plain_a, plain_b = letters.alike(a), letters.alike(b)
    return 0.99 if plain_a == plain_b else OSA.normalized_similarity(plain_a, plain_b)


@lru_cache(maxsize=131_072)
def _consonantal(a: str, b: str, bone_a: str, bone_b: str) -> float:
    longest = max(len(bone_a), len(bone_b))
    if OSA.distance(bone_a, bone_b) * 2 > max(longest, 2):
        return 0.0
    hard_a, hard_b = _hard(a), _hard(b)
    hard = max(hard_a, hard_b)
    ceiling = _CEILING[min(hard, len(_CEILING) - 1)]
    return ceiling * max(0.0, 1 - _cost(a, b) / max(hard, 2))


def _hard(outline: str) -> int:
    return sum(letter not in "wyae" for letter in outline)


def _cost(a: str, b: str) -> float:
    """Return the cheapest way from one skeleton to another."""
    row = [0.0]
    for letter in b:
        row.append(row[-1] + _MISSING.get(letter, 1.0))
    for mine in a:
        gone = _MISSING.get(mine, 1.0)
        above, row = row, [row[0] + gone]
        for index, other in enumerate(b):
            change = 0.0 if mine == other else _CLOSE.get(frozenset((mine, other)), 1.0)
            row.append(
                min(
                    above[index] + change,
                    above[index + 1] + gone,
                    row[-1] + _MISSING.get(other, 1.0),
                )
            )
    return row[-1]
