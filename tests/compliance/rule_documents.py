"""Policies of the second format that tests write."""

from typing import Any


def asks(fact: str, op: str, value: object, **more: object) -> dict[str, Any]:
    """Return one condition."""
    return {"fact": fact, **more, "op": op, "value": value}


def rule(when: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return one rule, of the class that its condition asks for."""
    kind = "sanctions" if "name_similarity" in repr(when) else "other"
    return {"code": "one", "title": "One", "class": kind, "weight": 10, "when": when, **more}


def document(*rules: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return a policy of these rules that holds from a score of 10."""
    return {
        "format": 2,
        "rules": list(rules),
        "thresholds": {"review_score": 10, "review_minutes": 30},
        **more,
    }
