"""A policy in words, for people who read and compare policies; drafts with mistakes included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from atlaspay.core.money import display
from compliance.rules.catalogue import RuleClass
from compliance.rules.document import Document, read
from compliance.rules.errors import PolicyError
from compliance.rules.policy import compile_document
from compliance.rules.tree import Limits, Members, Tree, conditions
from compliance.rules.upgrade import upgraded
from compliance.rules.words import in_words

_SHORT = 6  # more values than this are cut short in words
CLASS_WORDS = {
    RuleClass.SANCTIONS: "Sanctions",
    RuleClass.COUNTRY: "Country",
    RuleClass.AMOUNT: "Amount",
    RuleClass.VELOCITY: "Velocity",
    RuleClass.DUPLICATE: "Duplicate",
    RuleClass.DESTINATION: "Destination",
    RuleClass.OTHER: "Other",
}


@dataclass(frozen=True, slots=True)
class RuleWords:
    """One rule as a reader sees it; `details` are the values that its words cut short, in full;
    `problems` say why its condition has no words."""

    code: str
    title: str
    class_words: str
    weight: str
    blocks: bool
    words: str
    details: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def words_inside(self) -> str:
        """Return the words as they follow "When"."""
        return self.words[:1].lower() + self.words[1:]

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what a comparison compares, line by line."""
        effect = "blocks" if self.blocks else f"weight {self.weight}"
        return (f"{self.title} ({self.class_words.lower()}, {effect})", self.words, *self.details)


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """A whole policy. `settings` are label and words; `problems` concern no single rule."""

    rules: tuple[RuleWords, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    lists: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `sign` is + - or ~; before and after are lines in words."""

    sign: str
    title: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(slots=True)
class _Problems:
    """Problems by rule index, and those of no rule."""

    by_rule: dict[int, list[str]] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)


def describe(document: Mapping[str, Any]) -> PolicyWords:
    """Return a document in words as far as it makes sense. Never raises on a document's content."""
    if document.get("format", 1) == 1:
        try:
            compile_document(document)
        except PolicyError as error:
            return PolicyWords(problems=tuple(words for _, words in error.problems))
        document = upgraded(document)
    text = read(document)
    problems = _sorted(text)
    good = {rule.code: rule for rule in text.rules}
    written = document.get("rules")
    rules = []
    for index, entry in enumerate(written if isinstance(written, list) else ()):
        found = entry if isinstance(entry, Mapping) else {}
        rule = good.get(str(found.get("code")))
        is_good = rule is not None and index not in problems.by_rule
        rules.append(
            RuleWords(
                code=str(found.get("code") or ""),
                title=str(found.get("title") or f"Rule {index + 1}"),
                class_words=_class_words(found.get("class")),
                weight=str(found.get("weight") or "?"),
                blocks=found.get("blocks") is True,
                words=_capital(in_words(rule.when)) if rule and is_good else "Not complete",
                details=tuple(_details(rule.when)) if rule and is_good else (),
                problems=tuple(problems.by_rule.get(index, ())),
            )
        )
    return PolicyWords(
        rules=tuple(rules),
        settings=_settings(text),
        lists=tuple(_list_words(name, *found) for name, found in text.lists.items()),
        problems=tuple(problems.other),
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return what is new, gone and changed in words, rules in the order of the later document."""
    old, new = describe(before), describe(after)
    was = {rule.code: rule for rule in old.rules}
    found: list[Change] = []
    for rule in new.rules:
        if rule.code not in was:
            found.append(Change("+", rule.title, after=rule.lines))
        elif was[rule.code].lines != rule.lines:
            found.append(Change("~", rule.title, was[rule.code].lines, rule.lines))
    now = {rule.code for rule in new.rules}
    found += [
        Change("-", rule.title, before=rule.lines) for rule in old.rules if rule.code not in now
    ]
    found += _pairs(dict(old.settings), dict(new.settings))
    found += _pairs(dict(old.lists), dict(new.lists))
    if not found and before != after and before.get("format") == after.get("format"):
        found.append(Change("~", "Only the order or the spelling"))
    return found


def marked(before: str, after: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Return both texts in pieces, each with whether the other has it not: for marking changes."""
    old, new = before.split(" "), after.split(" ")
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        is_changed = tag != "equal"
        left += [(" ".join(old[a:b]), is_changed)] if b > a else []
        right += [(" ".join(new[c:d]), is_changed)] if d > c else []
    return left, right


def _pairs(old: dict[str, str], new: dict[str, str]) -> list[Change]:
    found = []
    for label in [*new, *(each for each in old if each not in new)]:
        before, after = old.get(label), new.get(label)
        if before == after:
            continue
        sign = "~" if before is not None and after is not None else "+" if after else "-"
        found.append(Change(sign, label, (before,) if before else (), (after,) if after else ()))
    return found


def _sorted(text: Document) -> _Problems:
    sorted_out = _Problems()
    for pointer, words in text.problems:
        steps = pointer.split("/")
        if len(steps) > 2 and steps[1] == "rules" and steps[2].isdecimal():
            sorted_out.by_rule.setdefault(int(steps[2]), []).append(words)
        else:
            place = f"{steps[1].replace('_', ' ').capitalize()}: " if len(steps) > 1 else ""
            sorted_out.other.append(f"{place}{words}")
    return sorted_out


def _settings(text: Document) -> tuple[tuple[str, str], ...]:
    made = [
        ("Held from score", f"{text.review_score}"),
        ("Decided within", f"{text.review_minutes} min"),
    ]
    if text.block_score is not None:
        made.insert(1, ("Blocked from score", f"{text.block_score}"))
    if text.four_eyes is not None:
        made.append(("Second officer from", _amounts(text.four_eyes)))
    return tuple(made)


def _details(tree: Tree) -> Iterator[str]:
    """Yield what the words of a condition show only the beginning of."""
    for condition in conditions(tree):
        value, title = condition.value, condition.spec.title
        if isinstance(value, Limits) and len(value.by_currency) > _SHORT:
            yield f"{title}: {_amounts(value)}"
        elif isinstance(value, Members) and not value.name and len(value.values) > _SHORT:
            yield f"{title}: {', '.join(value.values)}"


def _amounts(limits: Limits) -> str:
    own = [display(minor, code) for code, minor in limits.by_currency]
    return ", ".join([f"{limits.default:,}", *own])


def _list_words(name: str, sort: str, members: Members) -> tuple[str, str]:
    return (f"List “{members.title or name}”", ", ".join(members.values))


def _class_words(value: object) -> str:
    return CLASS_WORDS[RuleClass(str(value))] if value in list(RuleClass) else "No class"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
