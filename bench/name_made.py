"""Pairs made from the public lists, to fit costs on more than a few hundred labelled ones.

Matches: two names of one listed party that are spelled alike; names with a slip of the hand or two,
with words moved, run together, left out or added. Others: names with one word of somebody else's,
and the most similar name of another party of the same list.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process

from compliance.rules.names import Listed
from compliance.rules.names.pairing import OWN
from compliance.rules.names.parse import parse

EACH = 400
KINDS = ("person", "organisation")
_ALIKE = 75  # of 100: names of one party that are less alike are other names, not other spellings
_NEIGHBOURS = 80
_LETTERS_MAX = 70
_VOWELS, _LETTERS = "aeioulnrst", "aeioulnrstkmdh"


class Made(NamedTuple):
    """Two names, how they were made, and whether they are to be taken for one party's."""

    group: str
    kind: str
    a: str
    b: str
    is_match: bool


def made_pairs(names: Sequence[Listed], *, each: int = EACH, seed: int = 5) -> list[Made]:
    """Return up to `each` pairs of every group, the same for the same names and seed."""
    chance = random.Random(seed)
    usable = [
        one
        for one in names
        if one.strength != "weak"
        and one.kind in KINDS
        and one.name.isascii()
        and len(one.name) < _LETTERS_MAX
    ]
    by_kind = {kind: [one for one in usable if one.kind == kind] for kind in KINDS}
    found = list(_aliases(usable, each, chance))
    for ones in by_kind.values():
        own = [word.text for one in ones for word in parse(one.name).words if word.tag in OWN]
        long = [word.upper() for word in own if len(word) > 3]
        flat = [_flat(one.name) for one in ones]
        for one in chance.sample(ones, min(each // 2, len(ones))):
            found += _written_otherwise(one, long, chance)
        for one in chance.sample(ones, min(each, len(ones))):
            found += _another(one, ones, flat, long, chance)
    return found


def _aliases(names: Sequence[Listed], each: int, chance: random.Random) -> Iterator[Made]:
    by_party: defaultdict[tuple[str, int], list[Listed]] = defaultdict(list)
    for one in names:
        by_party[one.list_code, one.party].append(one)
    several = [ones for _, ones in sorted(by_party.items()) if len(ones) > 1]
    chance.shuffle(several)
    for ones in several:
        one, other = chance.sample(ones, 2)
        flat, also = _flat(one.name), _flat(other.name)
        if flat != also and fuzz.token_sort_ratio(flat, also) >= _ALIKE:
            yield Made("alias", one.kind, one.name, other.name, True)
            each -= 1
        if not each:
            return


def _written_otherwise(one: Listed, long: Sequence[str], chance: random.Random) -> Iterator[Made]:
    words = one.name.replace(",", "").split()
    own = [word.text for word in parse(one.name).words if word.tag in OWN]
    sizable = [at for at, word in enumerate(words) if len(word) > 4]
    if sizable:
        yield Made("slip", one.kind, one.name, _slipped(words, sizable, 1, chance), True)
    if sizable and len(one.name) > 12:
        yield Made("slips", one.kind, one.name, _slipped(words, sizable, 2, chance), True)
    if len(words) > 1:
        at = chance.randrange(len(words) - 1)
        joined = [*words[:at], words[at] + words[at + 1], *words[at + 2 :]]
        moved = chance.sample(words, len(words))
        yield Made("words", one.kind, one.name, " ".join(chance.choice((joined, moved))), True)
    # Of a firm's name, a word more or less is as often another firm.
    if one.kind == "person" and len(own) > 2:
        gone = chance.choice(own)
        rest = [word for word in words if word.casefold() != gone]
        yield Made("left_out", one.kind, one.name, " ".join(rest), True)
        at = chance.randrange(len(words))
        more = [*words[:at], chance.choice(long), *words[at:]]
        yield Made("added", one.kind, one.name, " ".join(more), True)


def _slipped(
    words: Sequence[str], sizable: Sequence[int], times: int, chance: random.Random
) -> str:
    found = list(words)
    for _ in range(times):
        index = chance.choice(sizable)
        word = found[index]
        at = chance.randrange(1, len(word))
        found[index] = chance.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
                word[:at] + chance.choice(_VOWELS) + word[at:],
                word[:at] + chance.choice(_LETTERS) + word[at + 1 :],
            )
        )
    return " ".join(found)


def _another(
    one: Listed,
    ones: Sequence[Listed],
    flat: Sequence[str],
    long: Sequence[str],
    chance: random.Random,
) -> Iterator[Made]:
    words = one.name.replace(",", "").split()
    own = {word.text for word in parse(one.name).words if word.tag in OWN}
    places = [at for at, word in enumerate(words) if len(word) > 3 and word.casefold() in own]
    if len(words) > 1 and places:
        at, new = chance.choice(places), chance.choice(long)
        if fuzz.ratio(new, words[at].upper()) <= 60:
            replaced = " ".join([*words[:at], new, *words[at + 1 :]])
            yield Made("replaced", one.kind, one.name, replaced, False)
    near = process.extract(_flat(one.name), flat, scorer=fuzz.token_sort_ratio, limit=_NEIGHBOURS)
    for _, alike, at in near:
        other = ones[at]
        if other.list_code != one.list_code or other.party == one.party:
            continue
        if alike < 99 and len(_own(one.name) ^ _own(other.name)) > 1:
            yield Made("nearest", one.kind, one.name, other.name, False)
        return


def _own(name: str) -> set[str]:
    return {word.fold for word in parse(name).words if word.tag in OWN}


def _flat(name: str) -> str:
    return " ".join(sorted(word.latin for word in parse(name).words))
