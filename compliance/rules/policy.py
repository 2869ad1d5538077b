"""A policy compiled for use: its rules as closures, its thresholds, and the verdict over one
payout's facts."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from atlaspay.core.errors import AtlasError
from compliance.rules.facts import Facts
from compliance.rules.library import RULES, PolicyError, Rule

log = logging.getLogger(__name__)

# What a rule can stumble over. Anything else stops the whole chunk, which then stays unscreened:
# safe as well.
RULE_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, AtlasError)


class Result(StrEnum):
    """What one rule said. An error flags the payout: not knowing is never the same as finding
    nothing."""

    HIT = "hit"
    NO_HIT = "no_hit"
    ERROR = "error"


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

    is_clear: bool
    score: int
    findings: tuple[Finding, ...]

    @property
    def codes(self) -> list[str]:
        """Return the codes of the rules that flagged."""
        return [finding["code"] for finding in self.findings if finding["result"] != Result.NO_HIT]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its code (unique in the policy) and weight."""

    code: str
    rule_name: str
    weight: int
    check: Rule


class CompiledPolicy:
    """Immutable after construction; safe to share between threads."""

    def __init__(self, number: int, document: Mapping[str, Any]) -> None:
        self.number = number
        self.rules = tuple(_compile(entry) for entry in document.get("rules", ()))
        codes = [rule.code for rule in self.rules]
        if not codes or len(set(codes)) != len(codes):
            raise PolicyError("a policy needs at least one rule, and each rule its own code")
        self.review_score = _threshold(document, "review_score")
        self.review_minutes = _threshold(document, "review_minutes")
        self.rule_names = frozenset(rule.rule_name for rule in self.rules)
        self._clear = Assessment(is_clear=True, score=0, findings=())

    def assess(self, facts: Facts) -> Assessment:
        """Run every rule; a payout is clear only if none erred and the score stays below
        `review_score`."""
        said: list[tuple[CompiledRule, Result, str, dict[str, Any]]] = []
        for rule in self.rules:
            try:
                hit = rule.check(facts)
            except RULE_FAULTS as error:
                log.warning(
                    "rule.error",
                    extra={"rule": rule.code, "payout": facts.payout_id, "error": repr(error)},
                )
                words = f"The rule could not be evaluated ({type(error).__name__})."
                said.append((rule, Result.ERROR, words, {"error": type(error).__name__}))
                continue
            if hit is not None:
                said.append((rule, Result.HIT, hit.words, hit.trace))
        if not said:
            return self._clear
        score = sum(rule.weight for rule, *_ in said)
        has_error = any(result is Result.ERROR for _, result, *_ in said)
        flagged = {rule.code for rule, *_ in said}
        findings = [
            Finding(
                code=rule.code, result=str(result), weight=rule.weight, words=words, trace=trace
            )
            for rule, result, words, trace in said
        ]
        findings += [
            Finding(
                code=rule.code, result=str(Result.NO_HIT), weight=rule.weight, words="", trace={}
            )
            for rule in self.rules
            if rule.code not in flagged
        ]
        return Assessment(
            is_clear=not has_error and score < self.review_score,
            score=score,
            findings=tuple(findings),
        )


def _compile(entry: Mapping[str, Any]) -> CompiledRule:
    name, code, weight = entry.get("rule"), entry.get("code"), entry.get("weight")
    if name not in RULES:
        raise PolicyError(f"there is no rule {name!r}")
    if not isinstance(code, str) or not code:
        raise PolicyError(f"the rule {name!r} needs a code")
    if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
        raise PolicyError(f"the weight of {code!r} must be a whole number from 1")
    return CompiledRule(
        code=code, rule_name=name, weight=weight, check=RULES[name](entry.get("parameters", {}))
    )


def _threshold(document: Mapping[str, Any], name: str) -> int:
    value = document.get("thresholds", {}).get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise PolicyError(f"the threshold {name!r} must be a whole number from 1")
    return value
