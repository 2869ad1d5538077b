"""A policy compiled for use: its rules as closures, its thresholds, and the verdict over one
payout's facts."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from atlaspay.core.errors import AtlasError
from compliance.rules.catalogue import RuleClass
from compliance.rules.closures import Test, compile_tree
from compliance.rules.document import Document, RuleText, read
from compliance.rules.errors import MissingFactError, PolicyError
from compliance.rules.facts import Facts
from compliance.rules.library import RULES, Hit
from compliance.rules.needs import Needs
from compliance.rules.needs_of import needs_of
from compliance.rules.tree import Tree
from compliance.rules.upgrade import upgraded
from compliance.rules.words import in_words, met, sentence, trace, unknown

log = logging.getLogger(__name__)

# What a rule can stumble over. Anything else stops the whole chunk, which then stays unscreened:
# safe as well.
RULE_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, AtlasError)


class Result(StrEnum):
    """What one rule said. An error flags the payout: not knowing is never the same as finding
    nothing."""

    HIT = "hit"
    NO_HIT = "no_hit"
    SNOOZED = "snoozed"
    ERROR = "error"


class Verdict(StrEnum):
    """What becomes of the payout."""

    CLEAR = "clear"
    REVIEW = "review"
    BLOCK = "block"


class Finding(TypedDict):
    """One rule's word on one payout."""

    code: str
    result: str
    weight: int
    words: str
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assessment:
    """`findings` is empty where every rule found nothing; `score` is the plain sum of weights, so
    it orders cases."""

    verdict: Verdict
    score: int
    findings: tuple[Finding, ...]

    @property
    def is_clear(self) -> bool:
        """Say whether the payout goes on without an officer."""
        return self.verdict is Verdict.CLEAR

    @property
    def codes(self) -> list[str]:
        """Return the codes of the rules that flagged, heaviest first."""
        flagged = [one for one in self.findings if one["result"] in (Result.HIT, Result.ERROR)]
        return [one["code"] for one in sorted(flagged, key=lambda one: -one["weight"])]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be asked. `check` returns None where it has nothing to say and raises where
    it cannot tell; `when` is its condition, for reading."""

    code: str
    title: str
    rule_class: RuleClass
    weight: int
    blocks: bool
    when: Tree
    check: Callable[[Facts], Hit | None]

    @property
    def words(self) -> str:
        """Return the condition in words."""
        return in_words(self.when)

    @property
    def can_be_snoozed(self) -> bool:
        """Say whether a partner may be spared it for a time: never where sanctions are at stake."""
        return self.rule_class is not RuleClass.SANCTIONS and not self.blocks


class CompiledPolicy:
    """A document of either format, compiled. Immutable after construction; safe to share between
    threads. Raises PolicyError with every problem it has."""

    def __init__(self, number: int, document: object) -> None:
        self.number = number
        checks: dict[str, Callable[[Facts], Hit | None]] = {}
        if isinstance(document, Mapping) and document.get("format", 1) == 1:
            try:
                checks = _first_format(document)
                document = upgraded(document)
            except PolicyError:
                raise
            except RULE_FAULTS as error:
                raise PolicyError(f"No document of the first format: {error}") from error
        elif isinstance(document, Mapping) and document.get("format") != 2:
            raise PolicyError("", [("/format", "The format is 2.")])
        text = read(document)
        if text.problems:
            raise PolicyError(_summary(text), text.problems)
        self.rules = tuple(_compile(rule, checks.get(rule.code)) for rule in text.rules)
        self.review_score = text.review_score
        self.block_score = text.block_score
        self.review_minutes = text.review_minutes
        self.needs: Needs = needs_of(rule.when for rule in self.rules)
        self._four_eyes = text.four_eyes.minor() if text.four_eyes else None
        self._clear = Assessment(Verdict.CLEAR, score=0, findings=())

    def four_eyes_minor(self, currency: str) -> int | None:
        """Return the amount in minor units from which an approval needs a second officer; None
        where the policy sets none."""
        return None if self._four_eyes is None else self._four_eyes.get(currency)

    def rule(self, code: str) -> CompiledRule | None:
        """Return the rule of that code."""
        return next((rule for rule in self.rules if rule.code == code), None)

    def assess(self, facts: Facts) -> Assessment:
        """Run every rule; a payout is clear only if none erred or blocks and the score stays below
        `review_score`."""
        said: list[tuple[CompiledRule, Result, str, dict[str, Any]]] = []
        snoozed: Iterable[str] = facts.values.get("snoozed") or ()
        for rule in self.rules:
            try:
                hit = rule.check(facts)
            except RULE_FAULTS as error:
                said.append((rule, Result.ERROR, *_error_words(rule, facts, error)))
                continue
            if hit is not None:
                is_snoozed = rule.code in snoozed and rule.can_be_snoozed
                result = Result.SNOOZED if is_snoozed else Result.HIT
                said.append((rule, result, hit.words, hit.trace))
        if not said:
            return self._clear
        return self._weigh(said)

    def _weigh(self, said: list[tuple[CompiledRule, Result, str, dict[str, Any]]]) -> Assessment:
        loud = [(rule, result) for rule, result, *_ in said if result is not Result.SNOOZED]
        score = sum(rule.weight for rule, _ in loud)
        flagged = {rule.code for rule, *_ in said}
        findings = [_finding(*one) for one in said]
        findings += [
            _finding(rule, Result.NO_HIT, "", {}) for rule in self.rules if rule.code not in flagged
        ]
        verdict = Verdict.CLEAR
        if score >= self.review_score or any(result is Result.ERROR for _, result in loud):
            verdict = Verdict.REVIEW
        if any(rule.blocks and result is Result.HIT for rule, result in loud) or (
            self.block_score is not None and score >= self.block_score
        ):
            verdict = Verdict.BLOCK
        return Assessment(verdict, score, tuple(findings))


def compile_document(document: object, number: int = 0) -> CompiledPolicy:
    """Return the document compiled. Raises PolicyError, whose `problems` name each place (JSON
    pointer) and what is wrong there."""
    return CompiledPolicy(number, document)


def _finding(rule: CompiledRule, result: Result, words: str, figures: dict[str, Any]) -> Finding:
    return Finding(
        code=rule.code, result=str(result), weight=rule.weight, words=words, trace=figures
    )


def _error_words(rule: CompiledRule, facts: Facts, error: Exception) -> tuple[str, dict[str, Any]]:
    log.warning(
        "rule.error", extra={"rule": rule.code, "payout": facts.payout_id, "error": repr(error)}
    )
    kind = type(error).__name__
    if isinstance(error, MissingFactError):
        return f"The rule could not be evaluated: {error}.", {"error": kind}
    return f"The rule could not be evaluated ({kind}).", {"error": kind}


def _compile(rule: RuleText, check: Callable[[Facts], Hit | None] | None) -> CompiledRule:
    return CompiledRule(
        code=rule.code,
        title=rule.title,
        rule_class=rule.rule_class,
        weight=rule.weight,
        blocks=rule.blocks,
        when=rule.when,
        check=check or _checker(rule.when, compile_tree(rule.when)),
    )


def _checker(when: Tree, test: Test) -> Callable[[Facts], Hit | None]:
    def check(facts: Facts) -> Hit | None:
        values = facts.values
        said = test(values)
        if said is False:
            return None
        if said is None:
            raise MissingFactError(f"not known: {', '.join(unknown(when, values))}")
        found = met(when, values)
        return Hit(" ".join(sentence(one, values) for one in found), trace(found, values))

    return check


def _first_format(document: Mapping[str, Any]) -> dict[str, Callable[[Facts], Hit | None]]:
    """Return the checks of a document of the first format by code; raises PolicyError."""
    checks: dict[str, Callable[[Facts], Hit | None]] = {}
    for entry in document.get("rules", ()):
        name, code, weight = entry.get("rule"), entry.get("code"), entry.get("weight")
        if name not in RULES:
            raise PolicyError(f"there is no rule {name!r}")
        if not isinstance(code, str) or not code or code in checks:
            raise PolicyError(f"the rule {name!r} needs a code of its own")
        if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
            raise PolicyError(f"the weight of {code!r} must be a whole number from 1")
        checks[code] = RULES[name](entry.get("parameters", {}))
    if not checks:
        raise PolicyError("a policy needs at least one rule")
    thresholds = document.get("thresholds", {})
    for name in ("review_score", "review_minutes"):
        value = thresholds.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise PolicyError(f"the threshold {name!r} must be a whole number from 1")
    return checks


def _summary(text: Document) -> str:
    pointer, words = text.problems[0]
    more = f" ({len(text.problems) - 1} more problems)" if len(text.problems) > 1 else ""
    return f"{pointer or 'the document'}: {words}{more}"
