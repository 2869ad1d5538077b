"""A policy's document of the second format, read whole: rules as conditions, named lists,
thresholds, limits for a second pair of eyes.

Format: see docs/policies.md. `read` names every problem at once, each with its JSON pointer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.rules.catalogue import VALUE_SORTS, RuleClass
from compliance.rules.errors import Problem
from compliance.rules.parse import Parser
from compliance.rules.tree import Limits, Members, Tree, conditions

FORMAT = 2
RULES_MAX = 100
LISTS_MAX = 50
WEIGHT_MAX = 1_000
SCORE_MAX = 32_767
MINUTES_MAX = 14 * 24 * 60
TITLE_MAX = 140
WINDOWS_MAX = 6
BYTES_MAX = 1_000_000
# Codes end up in URLs, filters and the partner's history.
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_TOP = {"format", "rules", "lists", "thresholds", "four_eyes"}
_RULE = {"code", "title", "class", "weight", "when", "blocks"}
_MISSING = object()


@dataclass(frozen=True, slots=True)
class RuleText:
    """One rule as written and checked."""

    code: str
    title: str
    rule_class: RuleClass
    weight: int
    blocks: bool
    when: Tree


@dataclass(slots=True)
class Document:
    """A document as read; complete only where `problems` is empty."""

    rules: list[RuleText] = field(default_factory=list)
    review_score: int = 1
    block_score: int | None = None
    review_minutes: int = 1
    four_eyes: Limits | None = None
    lists: dict[str, tuple[str, Members]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(document: object, *, is_new: bool = False) -> Document:
    """Return what the document says, with all its problems; `is_new` also has those that a policy
    of before is let live with."""
    parser, made = Parser(is_new=is_new), Document()
    made.problems = parser.problems
    if not isinstance(document, Mapping):
        parser.wrong("", "A policy is a JSON object.")
        return made
    if _size(document) > BYTES_MAX:
        parser.wrong("", f"A policy has at most {BYTES_MAX:,} bytes.")
        return made
    _refuse_unknown(parser, document, _TOP, "")
    _lists(parser, document.get("lists", {}), made)
    parser.lists = made.lists
    _rules(parser, document.get("rules"), made)
    _thresholds(parser, document.get("thresholds"), made)
    if "four_eyes" in document:
        made.four_eyes = parser.limits(document["four_eyes"], "/four_eyes")
    return made


def _size(document: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(document))
    except (TypeError, ValueError, RecursionError):
        return BYTES_MAX + 1


def _refuse_unknown(parser: Parser, node: Mapping[str, Any], known: set[str], at: str) -> None:
    for key in sorted(str(key) for key in node if key not in known):
        place = key.replace("~", "~0").replace("/", "~1")
        parser.wrong(f"{at}/{place}", f"Nothing here is called {key!r}.")


def _lists(parser: Parser, lists: object, made: Document) -> None:
    if not isinstance(lists, Mapping) or len(lists) > LISTS_MAX:
        parser.wrong("/lists", f"Write named lists, {LISTS_MAX} at most.")
        return
    for name, entry in lists.items():
        at = f"/lists/{str(name).replace('~', '~0').replace('/', '~1')}"
        if not isinstance(name, str) or not _CODE.fullmatch(name):
            parser.wrong(at, "A list's name has lower-case letters, digits and underscores.")
        elif not isinstance(entry, Mapping):
            parser.wrong(at, "A list has a title, a sort (of) and values.")
        else:
            _refuse_unknown(parser, entry, {"title", "of", "values"}, at)
            title = _title(parser, entry.get("title"), f"{at}/title")
            sort = entry.get("of")
            if not isinstance(sort, str) or sort not in VALUE_SORTS:
                parser.wrong(f"{at}/of", f"A list is of one of: {', '.join(VALUE_SORTS)}.")
                continue
            members = parser.members(
                sort, entry.get("values"), f"{at}/values", name=name, title=title
            )
            # A list with problems still has a name: rules that use it are not to be blamed.
            made.lists[name] = (sort, members or Members((), name, title))


def _rules(parser: Parser, rules: object, made: Document) -> None:
    if not isinstance(rules, list) or not 1 <= len(rules) <= RULES_MAX:
        parser.wrong("/rules", f"A policy has 1 to {RULES_MAX} rules.")
        return
    seen: set[object] = set()
    for index, entry in enumerate(rules):
        at = f"/rules/{index}"
        if not isinstance(entry, Mapping):
            parser.wrong(at, "A rule has a code, a title, a class, a weight and a condition.")
            continue
        rule = _rule(parser, entry, at)
        if rule and rule.code in seen:
            parser.wrong(f"{at}/code", f"Another rule has the code {rule.code!r} already.")
        elif rule:
            seen.add(rule.code)
            made.rules.append(rule)
    _bound_windows(parser, made)


def _rule(parser: Parser, entry: Mapping[str, Any], at: str) -> RuleText | None:
    before = len(parser.problems)
    _refuse_unknown(parser, entry, _RULE, at)
    code = entry.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        words = "Write a code of 1 to 40 lower-case letters, digits and underscores."
        parser.wrong(f"{at}/code", words)
        code = ""
    title = _title(parser, entry.get("title"), f"{at}/title")
    rule_class = entry.get("class")
    if rule_class not in list(RuleClass):
        parser.wrong(f"{at}/class", f"The class is one of: {', '.join(RuleClass)}.")
    weight = _whole(parser, entry.get("weight"), f"{at}/weight", WEIGHT_MAX)
    blocks = entry.get("blocks", False)
    if not isinstance(blocks, bool):
        parser.wrong(f"{at}/blocks", "Say true or false.")
    when = parser.tree(entry.get("when"), f"{at}/when")
    if when and rule_class != RuleClass.SANCTIONS and _asks_lists(when):
        words = "A rule that compares with watchlists is of the class sanctions, whatever else it"
        parser.wrong(f"{at}/class", f"{words} asks.")
    if when is None or len(parser.problems) > before:
        return None
    return RuleText(code, title, RuleClass(str(rule_class)), weight, blocks, when)


def _asks_lists(when: Tree) -> bool:
    return any(condition.spec.has_lists for condition in conditions(when))


def _thresholds(parser: Parser, thresholds: object, made: Document) -> None:
    if not isinstance(thresholds, Mapping):
        parser.wrong("/thresholds", "Write review_score and review_minutes.")
        return
    known = {"review_score", "review_minutes", "block_score"}
    _refuse_unknown(parser, thresholds, known, "/thresholds")
    made.review_score = _whole(
        parser, thresholds.get("review_score"), "/thresholds/review_score", SCORE_MAX
    )
    made.review_minutes = _whole(
        parser, thresholds.get("review_minutes"), "/thresholds/review_minutes", MINUTES_MAX
    )
    block = thresholds.get("block_score", _MISSING)
    if block is not _MISSING:
        made.block_score = _whole(parser, block, "/thresholds/block_score", SCORE_MAX)
        if made.block_score < made.review_score:
            parser.wrong("/thresholds/block_score", "Blocking takes no less than review does.")


def _whole(parser: Parser, value: object, pointer: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        parser.wrong(pointer, f"Write a whole number from 1 to {most:,}.")
        return 1
    return value


def _title(parser: Parser, value: object, pointer: str) -> str:
    if (
        isinstance(value, str)
        and value.strip() == value
        and 1 <= len(value) <= TITLE_MAX
        and value.isprintable()
    ):
        return value
    parser.wrong(pointer, f"Write a title of 1 to {TITLE_MAX} characters.")
    return ""


def _bound_windows(parser: Parser, made: Document) -> None:
    found: dict[str, set[int]] = {}
    for rule in made.rules:
        for condition in conditions(rule.when):
            if condition.hours:
                found.setdefault(condition.fact.split("_")[0], set()).add(condition.hours)
    for subject, hours in found.items():
        if len(hours) > WINDOWS_MAX:
            words = f"Windows of {len(hours)} lengths look at the {subject}; {WINDOWS_MAX} at most."
            parser.wrong("/rules", words)
