"""What would have cleared a payout: the smallest changes of its facts under which no officer would
have been asked.

Every change offered is proved by assessing the changed facts with the same policy. Where rules hit
for different reasons, changes are combined.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice, product
from typing import Any

from compliance.rules.changes import Change, changes_of
from compliance.rules.facts import Facts
from compliance.rules.policy import CompiledPolicy, Result
from compliance.rules.tree import conditions

# So many facts may differ at once; more is no answer to "what would clear it".
TOGETHER_MAX = 3
TRIES_MAX = 3_000
OFFERED_MAX = 6


@dataclass(frozen=True, slots=True)
class Clearance:
    """One way to have been cleared. `words` is a sentence, `changes` the facts that would differ,
    `rules` the codes that would be silent."""

    words: str
    changes: Mapping[str, Any]
    rules: tuple[str, ...]

    def applied_to(self, facts: Facts) -> Facts:
        """Return the facts with the changes made."""
        return facts.changed(self.changes)


def what_would_clear(policy: CompiledPolicy, facts: Facts) -> list[Clearance]:
    """Return the smallest changes that clear a flagged payout, single facts before combinations.

    Empty where it is clear already, and where no change of facts would do: a rule that could not be
    evaluated, say.
    """
    found = policy.assess(facts)
    if found.is_clear or any(each["result"] == Result.ERROR for each in found.findings):
        return []
    hits = [policy.rule(each["code"]) for each in found.findings if each["result"] == Result.HIT]
    trees = [rule.when for rule in hits if rule is not None]
    handles: dict[str, list[Change]] = {}
    for tree in trees:
        for condition in conditions(tree):
            for change in changes_of(condition, facts.values):
                known = handles.setdefault(change.handle, [])
                if change not in known:
                    known.append(change)
    for changes in handles.values():
        changes.sort(key=lambda change: change.size)
    offered: list[Clearance] = []
    done: list[frozenset[str]] = []
    for together in _combinations(handles, done):
        clearance = _tried(policy, facts, found.codes, together)
        if clearance is None:
            continue
        offered.append(clearance)
        done.append(frozenset(change.handle for change in together))
        if len(offered) == OFFERED_MAX:
            break
    return offered


def _combinations(
    handles: Mapping[str, list[Change]], done: list[frozenset[str]]
) -> Iterator[tuple[Change, ...]]:
    """Yield changes to try together, fewest facts first and smallest first, leaving out what
    contains a clearance that was found."""
    tries = 0
    for count in range(1, TOGETHER_MAX + 1):
        for names in combinations(sorted(handles), count):
            choices = product(*(handles[name] for name in names))
            ordered = sorted(
                islice(choices, TRIES_MAX), key=lambda made: sum(one.size for one in made)
            )
            for together in ordered:
                if any(one <= frozenset(names) for one in done):
                    break
                tries += 1
                if tries > TRIES_MAX:
                    return
                yield together


def _tried(
    policy: CompiledPolicy, facts: Facts, codes: list[str], together: tuple[Change, ...]
) -> Clearance | None:
    changes: dict[str, Any] = {}
    for change in together:
        if any(name in changes and changes[name] != value for name, value in change.facts.items()):
            return None
        changes.update(change.facts)
    said = policy.assess(facts.changed(changes))
    if not said.is_clear:
        return None
    words = " and ".join(change.words for change in together)
    silent = tuple(code for code in codes if code not in said.codes)
    return Clearance(f"{words[:1].upper()}{words[1:]}.", changes, silent)
