"""`python -m bench.names`: how well names are matched, and how fast; JSON as the last line.

Costs were tuned on the pairs and parties that fall in part 0 of 2; the figures that count are those
of part 1. Speed is processor time of one core, every name seen for the first time.
"""

import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import report
from bench.figures import percentile, ratio
from bench.name_data import DATA, Pair, Party, garbled, is_there, listed, pairs, parties
from bench.payloads import Payloads
from compliance.rules.names import MATCHER_VERSION, Listed, NameMatcher, Rarity, compare

HIT = 80
LISTED = 25_000
NEGATIVES_EACH = 30


def main() -> int:
    """Measure and report; 0 whatever the figures are, 1 where there is nothing to measure on."""
    if not is_there():
        report.say(f"stopped: there are no lists under {DATA}")
        report.finish({"why_incomplete": "no data"})
        return 1
    found: dict[str, Any] = {"machine": report.machine(), "matcher": {"version": MATCHER_VERSION}}
    names = listed(LISTED)
    found["index"], matcher = build(names)
    report.say("index built")
    labelled = pairs()
    found["pairs"] = judge_pairs(labelled, None)
    found["pairs_with_rarity"] = judge_pairs(labelled, matcher.rarity)
    found["threshold"] = cross_validate(labelled)
    report.say("pairs judged")
    found["scripts"] = judge_scripts(parties())
    report.say("scripts judged")
    found["speed"] = speed(names)
    report.say("speed measured")
    found["blocking"] = blocking_recall(names)
    report.show(found)
    report.finish(found)
    return 0


def build(names: Sequence[Listed]) -> tuple[dict[str, Any], NameMatcher]:
    """Build the index once; memory is what the process grew by."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    matcher = NameMatcher(names)
    seconds = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "names": len(matcher),
        "build_s": round(seconds, 2),
        "memory_mb": round(grown / 1024, 1),
    }, matcher


def judge_pairs(labelled: Sequence[Pair], rarity: Rarity | None) -> dict[str, Any]:
    """Return precision, recall and F1 at the operating point, for both halves of the pairs."""
    halves: dict[str, Any] = {"threshold": HIT}
    for name, part in (("tuning", 0), ("held_out", 1)):
        scored = [(score(one, rarity), one.is_match) for one in labelled if one.falls(2) == part]
        halves[name] = {"pairs": len(scored), **figures(scored, HIT)}
    return halves


def cross_validate(labelled: Sequence[Pair], folds: int = 5) -> dict[str, Any]:
    """Choose the threshold on four fifths of the held-out half, judge the fifth left out."""
    scored = [
        (one.falls(2 * folds) // 2, score(one, None), one.is_match)
        for one in labelled
        if one.falls(2) == 1
    ]
    judged: list[tuple[int, bool]] = []
    chosen = []
    for fold in range(folds):
        rest = [(value, is_match) for at, value, is_match in scored if at != fold]
        best = max(range(60, 100), key=lambda least: (figures(rest, least)["f1"], -least))
        chosen.append(best)
        # Moved so that the fold's own threshold lies at the common one.
        judged += [(value - best + HIT, is_match) for at, value, is_match in scored if at == fold]
    return {"chosen": "/".join(map(str, chosen)), "held_out_f1": figures(judged, HIT)["f1"]}


def score(pair: Pair, rarity: Rarity | None) -> int:
    """Return the similarity of a labelled pair."""
    return compare(pair.a, pair.b, pair.kind, rarity).similarity


def figures(scored: Sequence[tuple[int, bool]], least: int) -> dict[str, Any]:
    """Return precision, recall and F1 where `least` and above is a hit."""
    right = sum(value >= least and is_match for value, is_match in scored)
    hits = sum(value >= least for value, _ in scored)
    matches = sum(is_match for _, is_match in scored)
    return {
        "precision": ratio(right, hits) or 0.0,
        "recall": ratio(right, matches) or 0.0,
        "f1": ratio(2 * right, hits + matches) or 0.0,
    }


def judge_scripts(all_parties: Sequence[Party]) -> dict[str, Any]:
    """Compare each party's name in its own script with its Latin names, and with those of other
    parties of its kind; the threshold is where one such comparison in a hundred hits."""
    halves: dict[str, Any] = {}
    for name, part in (("tuning", 0), ("held_out", 1)):
        chance = random.Random(7)
        own, others = [], []
        for party in all_parties:
            if not party.originals or party.falls(2) != part:
                continue
            rest = [one for one in all_parties if one is not party and one.kind == party.kind]
            own.append(nearest(party.originals[0], party))
            others += [
                nearest(party.originals[0], one) for one in chance.sample(rest, NEGATIVES_EACH)
            ]
        allowed = percentile(others, 0.99) or 0
        halves[name] = {
            "names": len(own),
            "similarity_at_1_percent": allowed,
            "recall_at_1_percent": ratio(sum(value > allowed for value in own), len(own)),
            "recall_at_threshold": ratio(sum(value >= HIT for value in own), len(own)),
            "false_at_threshold": ratio(sum(value >= HIT for value in others), len(others)),
        }
    return halves


def nearest(original: str, party: Party) -> int:
    """Return the similarity of a name to the nearest Latin name of a party."""
    return max(compare(name, original, party.kind).similarity for name, _ in party.latin)


def speed(names: Sequence[Listed]) -> dict[str, Any]:
    """Return names a second: invented ones, listed ones garbled, and ones in other scripts."""
    chance = random.Random(11)
    supply = Payloads(seed=11)
    ordinary = [supply.name() for _ in range(5_000)]
    garbled_names = [garbled(chance.choice(names).name, chance) for _ in range(500)]
    scripts = [name for party in parties() for name in party.originals]
    found = {}
    for what, asked in (
        ("ordinary", ordinary),
        ("listed_garbled", garbled_names),
        ("other_scripts", scripts),
    ):
        matcher = NameMatcher(names)
        seconds, hits = timed(matcher.hits, asked)
        found[what] = {
            "per_s": round(len(asked) / sum(seconds)),
            "p99_ms": round((percentile(seconds, 0.99) or 0) * 1000, 2),
            "max_ms": round(max(seconds) * 1000, 2),
            "hit_share": ratio(hits, len(asked)),
        }
    return found


def timed(ask: Callable[[str], Sequence[Any]], asked: Sequence[str]) -> tuple[list[float], int]:
    """Return the processor time of each question in seconds, and how many had a hit."""
    seconds, hits = [], 0
    for name in asked:
        start = time.process_time()
        answer = ask(name)
        seconds.append(time.process_time() - start)
        hits += any(hit["similarity"] >= HIT for hit in answer)
    return seconds, hits


def blocking_recall(names: Sequence[Listed], *, sample: int = 4_000) -> dict[str, Any]:
    """Return the share of what comparing with every name finds that the index finds too."""
    chance = random.Random(13)
    matcher = NameMatcher(chance.sample(list(names), sample))
    asked = [garbled(chance.choice(names).name, chance) for _ in range(120)]
    asked += [name for party in parties() for name in party.originals][:40]
    asked += [garbled(entry.name, chance) for entry in chance.sample(list(names), 60)]
    indexed = scanned = 0
    for name in asked:
        full = matcher.entry_ids(name, is_scan=True)
        scanned += len(full)
        indexed += len(full & matcher.entry_ids(name))
    return {"names": len(asked), "found_by_scan": scanned, "recall": ratio(indexed, scanned)}


if __name__ == "__main__":
    sys.exit(main())
