"""Which word of one name met which of the other.

Words pair best first. Two neighbours that the other side writes as one word come before a doubtful
pair, and initials come last, standing for whatever nothing else met.
"""

from collections.abc import Sequence
from typing import NamedTuple

from compliance.rules.names.letters import bone, fold, skeleton
from compliance.rules.names.near import near
from compliance.rules.names.parse import Word, number

OWN = frozenset("wcm")  # tags of words that are a name of one's own
_LITERAL = frozenset("pinh")  # these are the same or they are not, without shades
_JOINED_LEAST = 0.85
_INITIAL = 0.95
_INITIALS_MAX = 3


class Pairing(NamedTuple):
    """What met what: indices on each side and the likeness; a joined word has two indices."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    likeness: float
    is_initial: bool = False


def pair(
    left: Sequence[Word], right: Sequence[Word], least: float, *, is_person: bool
) -> list[Pairing]:
    """Pair the words of two names; no pair is less alike than `least`."""
    likely = [
        (-likeness, abs(i - j), i, j)
        for i, mine in enumerate(left)
        for j, other in enumerate(right)
        if (likeness := _likeness(mine, other)) >= least
    ]
    likely.sort()
    free_left, free_right = set(range(len(left))), set(range(len(right)))
    found: list[Pairing] = []
    doubtful: list[Pairing] = []
    for negative, _, i, j in likely:
        if i in free_left and j in free_right:
            free_left.discard(i)
            free_right.discard(j)
            sure = -negative >= _JOINED_LEAST
            (found if sure else doubtful).append(Pairing((i,), (j,), -negative))
    if doubtful or (free_left and free_right):
        for one in doubtful:
            free_left.add(one.left[0])
            free_right.add(one.right[0])
        found += _joined(left, right, free_left, free_right)
        found += [turned(one) for one in _joined(right, left, free_right, free_left)]
        for one in doubtful:
            if one.left[0] in free_left and one.right[0] in free_right:
                free_left.discard(one.left[0])
                free_right.discard(one.right[0])
                found.append(one)
    if is_person and free_left and free_right:
        found += _initials(left, right, free_left, free_right)
        found += [turned(one) for one in _initials(right, left, free_right, free_left)]
    return found


def join(first: Word, second: Word) -> Word:
    """Return two neighbours as one word."""
    text, latin = first.text + second.text, first.latin + second.latin
    is_abjad = first.is_abjad or second.is_abjad
    is_ideographic = first.is_ideographic and second.is_ideographic
    outline = skeleton(text if is_abjad else latin)
    return Word(
        text=text,
        latin=latin,
        fold=fold(latin),
        skeleton=outline,
        bone=bone(outline),
        tag="w",
        weight=first.weight + second.weight,
        light=first.light + second.light,
        is_abjad=is_abjad,
        is_ideographic=is_ideographic,
        is_alphabetic=first.is_alphabetic and second.is_alphabetic,
        is_rough=first.is_rough or second.is_rough,
    )


def turned(one: Pairing) -> Pairing:
    return one._replace(left=one.right, right=one.left)


def _likeness(mine: Word, other: Word) -> float:
    if mine.tag in _LITERAL or other.tag in _LITERAL:
        if mine.latin == other.latin:
            return 1.0
        if mine.tag == other.tag == "n":
            return 1.0 if number(mine.latin) == number(other.latin) else 0.0
        return 1.0 if mine.tag == other.tag == "h" and mine.skeleton == other.skeleton else 0.0
    return near(mine, other)


def _joined(
    ones: Sequence[Word], others: Sequence[Word], free_ones: set[int], free_others: set[int]
) -> list[Pairing]:
    """Find free neighbours among `ones` that the others write as one word, and take them."""
    found: list[Pairing] = []
    for i in sorted(free_ones):
        if i not in free_ones or i + 1 not in free_ones or ones[i].tag == "n":
            continue
        first, second = ones[i], ones[i + 1]
        if second.tag == "n":
            continue
        both = first.bone + second.bone
        start, end = both[:1], both[-1:]
        for j in sorted(free_others):
            other = others[j]
            if other.tag in _LITERAL or other.bone[:1] != start or other.bone[-1:] != end:
                continue
            likeness = near(join(first, second), other)
            if likeness >= _JOINED_LEAST:
                free_ones -= {i, i + 1}
                free_others.discard(j)
                found.append(Pairing((i, i + 1), (j,), likeness))
                break
    return found


def _initials(
    ones: Sequence[Word], others: Sequence[Word], free_ones: set[int], free_others: set[int]
) -> list[Pairing]:
    """Let "J" and "JC" among `ones` stand for neighbours that begin so, and take them.

    Only where no full word of that side is left: who has a word over has another name.
    """
    found: list[Pairing] = []
    if any(ones[i].tag in OWN and len(ones[i].latin) > _INITIALS_MAX for i in free_ones):
        return found
    for i in sorted(free_ones):
        text = ones[i].latin
        is_spoken = len(text) > 1 and not set(text).isdisjoint("aeiou")
        if ones[i].tag not in "iw" or len(text) > _INITIALS_MAX or ones[i].is_abjad or is_spoken:
            continue
        for start in sorted(free_others):
            span = tuple(range(start, start + len(text)))
            if free_others.issuperset(span) and all(
                others[j].tag in OWN and others[j].latin.startswith(letter)
                for j, letter in zip(span, text, strict=True)
            ):
                free_ones.discard(i)
                free_others.difference_update(span)
                found.append(Pairing((i,), span, _INITIAL, is_initial=True))
                break
    return found
