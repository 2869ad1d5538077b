"""Two parsed names to one figure from 0 to 100, with the alignment that explains it.

What only one side has is an omission and costs little; where both sides have something left, they
contradict each other, and that costs much however much else agrees. No name without words is like
any other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from compliance.rules.names.listed import Comparison
from compliance.rules.names.pairing import OWN, Pairing, pair, turned
from compliance.rules.names.parse import Name, Word, parse

Weigh = Callable[[Word], float]


@dataclass(frozen=True, slots=True)
class Costs:
    """What each disagreement takes from 1.0.

    The first five are what `python -m bench.name_fit` prints, fitted on the tuning half of the
    labelled pairs and on pairs made from the public lists. `omission` makes next to no difference
    to those, but to how many honest people an officer is asked about. The others say where such
    names should rank: below equal ones, above or below 0.80.
    """

    pair_least: float = 0.51  # likeness below which two words do not meet at all
    pair_power: float = 1.95  # above 1: slight differences of spelling cost less than their share
    conflict: float = 0.98
    damping: float = 0.5  # 0: a contradiction costs the same in any name; 1: its share of the words
    lone_share: float = 0.83  # what is left where one word met and either name has more
    omission: float = 0.37
    lone_word: float = 0.06
    number_of_series: float = 0.15
    number_of_identity: float = 0.4
    number_missing: float = 0.08
    spaces: float = 0.03
    one_slip: float = 0.17
    two_slips: float = 0.2
    other_kind: float = 0.04
    other_form: float = 0.01


COSTS = Costs()
_ENOUGH = 1.3  # evidence, counted in words
_SERIES_WORTH = 1.5
_SLIP_LETTERS = 7
_NEXT_TO_NOTHING = 0.2
_HALF_WORD, _INITIAL_WORD = 0.4, 0.35


def compare(a: str, b: str, kind: str = "unknown", weigh: Weigh | None = None) -> Comparison:
    """Compare two names as printed; swapping them gives the same similarity.

    `kind` is the listed party's. Give an index's `rarity` as `weigh` to see its own figure.
    """
    left, right = parse(a), parse(b)
    value, pairings = judge(left, right, kind, weigh=weigh)
    return Comparison(percent(value), alignment(left, right, pairings))


def percent(value: float) -> int:
    """Return 0 to 100, cut; only names equal after normalising have 100."""
    return 100 if value >= 1.0 else max(0, min(99, int(value * 100 + 1e-9)))


def judge(
    left: Name,
    right: Name,
    kind: str = "unknown",
    *,
    weigh: Weigh | None = None,
    costs: Costs = COSTS,
) -> tuple[float, list[Pairing]]:
    """Return the likeness, 0.0 to 1.0, and the pairings in no order."""
    if left.plain > right.plain:  # one order, so that ties fall alike whichever name came first
        value, swapped = judge(right, left, kind, weigh=weigh, costs=costs)
        return value, [turned(one) for one in swapped]
    if not left.words or not right.words:
        return 0.0, []
    any_company = left.is_company or right.is_company
    is_person = kind == "person" or (kind == "unknown" and not any_company)
    pairings = pair(left.words, right.words, costs.pair_least, is_person=is_person)
    factor = weigh or _flat
    matched = lost = 0.0
    for one in pairings:
        worth = factor(left.words[one.left[0]]) * (
            sum(left.words[index].weight for index in one.left)
            + sum(right.words[index].weight for index in one.right)
        )
        loss = min(1.0, (1.0 - one.likeness) / (1.0 - costs.pair_least)) ** costs.pair_power
        matched += worth / 2
        lost += worth / 2 * loss
    if matched <= 0.0:
        return _of_slip(left, right, costs), pairings
    over_left, over_right = _left_over(left, right, pairings)
    value = 1.0
    if not is_person:
        value -= _of_numbers(over_left, over_right, kind, matched, costs)
        over_left = [word for word in over_left if word.tag != "n"]
        over_right = [word for word in over_right if word.tag != "n"]
    conflict, missing = _weigh_over(over_left, over_right, factor)
    value -= costs.conflict * (lost + conflict) / (matched + conflict) ** costs.damping
    value -= costs.omission * missing / (missing + matched)
    value -= costs.other_kind * (kind == "person" and any_company)
    value -= costs.other_form * (left.forms != right.forms)
    is_partial = conflict + missing > _NEXT_TO_NOTHING
    value = _held_down(value, left, right, pairings, costs, is_person, is_partial)
    return max(0.0, value, _of_slip(left, right, costs)), pairings


def alignment(left: Name, right: Name, pairings: Sequence[Pairing]) -> tuple[tuple[str, str], ...]:
    """Return the pairs in the left name's order, then what only the right name has."""
    rows = [
        (
            one.left[0],
            " ".join(left.words[index].text for index in one.left),
            " ".join(right.words[index].text for index in one.right),
        )
        for one in pairings
    ]
    met_left = {index for one in pairings for index in one.left}
    met_right = {index for one in pairings for index in one.right}
    rows += [(i, word.text, "") for i, word in enumerate(left.words) if i not in met_left]
    rows.sort(key=lambda row: row[0])
    extra = [("", word.text) for j, word in enumerate(right.words) if j not in met_right]
    return (*((mine, other) for _, mine, other in rows), *extra)


def _flat(word: Word) -> float:
    return 1.0


def _left_over(
    left: Name, right: Name, pairings: Sequence[Pairing]
) -> tuple[list[Word], list[Word]]:
    met_left = {index for one in pairings for index in one.left}
    met_right = {index for one in pairings for index in one.right}
    return (
        [word for index, word in enumerate(left.words) if index not in met_left],
        [word for index, word in enumerate(right.words) if index not in met_right],
    )


def _of_numbers(
    left: Sequence[Word], right: Sequence[Word], kind: str, matched: float, costs: Costs
) -> float:
    """Return what numbers without a fellow cost: a series of funds is one house's, while a hull or
    a shop is its number."""
    ours = any(word.tag == "n" for word in left)
    theirs = any(word.tag == "n" for word in right)
    if ours and theirs:
        is_series = kind not in ("vessel", "aircraft") and matched >= _SERIES_WORTH
        return costs.number_of_series if is_series else costs.number_of_identity
    return costs.number_missing if ours or theirs else 0.0


def _weigh_over(left: Sequence[Word], right: Sequence[Word], factor: Weigh) -> tuple[float, float]:
    """Return how much is contradicted, and how much more only one side has."""
    heavy_left = sum(word.weight * factor(word) for word in left)
    heavy_right = sum(word.weight * factor(word) for word in right)
    conflict = min(heavy_left, heavy_right)
    over, heavy = (left, heavy_left) if heavy_left > heavy_right else (right, heavy_right)
    if not heavy:
        return 0.0, 0.0
    return conflict, sum(word.light * factor(word) for word in over) * (1 - conflict / heavy)


def _of_slip(left: Name, right: Name, costs: Costs) -> float:
    """Return what whole names are worth that one slip of the hand tells apart, two if they are
    long, or spaces alone, even where the word it fell in is too short to be told as the same."""
    a, b = left.line, right.line
    longest = max(len(a), len(b))
    if longest < _SLIP_LETTERS or not a or not b:
        return 0.0
    if not set(left.runs).isdisjoint(right.runs) and sorted(left.plain) != sorted(right.plain):
        return 1.0 - costs.spaces
    slips = min(
        OSA.distance(a, b, score_cutoff=2),
        *(OSA.distance(one, other, score_cutoff=2) for one in left.runs for other in right.runs),
    )
    if slips == 1:
        return 1.0 - costs.one_slip
    return 1.0 - costs.two_slips if slips == 2 and longest >= 2 * _SLIP_LETTERS - 1 else 0.0


def _held_down(
    value: float,
    left: Name,
    right: Name,
    pairings: Sequence[Pairing],
    costs: Costs,
    is_person: bool,
    is_partial: bool,
) -> float:
    """Take from names that agree in too little: one word alone is little to go by."""
    evidence = 0.0
    for one in pairings:
        tags = {left.words[one.left[0]].tag, right.words[one.right[0]].tag}
        if one.is_initial or "i" in tags:
            evidence += _INITIAL_WORD
        elif "h" in tags:
            evidence += _HALF_WORD
        elif not tags <= {"g", "p", "t"}:
            evidence += one.likeness * (len(one.left) + len(one.right)) / 2
    if len(pairings) == 1 and evidence < 1.0 and pairings[0].likeness < 0.98:
        # A person's one word must be spelled so; across scripts, anybody's.
        word = left.words[pairings[0].left[0]]
        if is_person or word.is_abjad != right.words[pairings[0].right[0]].is_abjad:
            value -= costs.lone_word
    most = max(
        sum(word.tag in OWN for word in side.words) + any(word.tag == "h" for word in side.words)
        for side in (left, right)
    )
    # Words of the trade alone (general trading) are a name only where nothing else is there.
    is_little = (most > 1 and evidence < _ENOUGH) or (is_partial and evidence < _HALF_WORD)
    return value * costs.lone_share if is_little else value
