"""Fills the rule builder's form: from a document, or from what the browser sent."""

import re
from collections.abc import Mapping
from typing import Any

from compliance.admin.policies_form import (
    MODES,
    PARTS_MAX,
    Condition,
    Group,
    ListForm,
    Part,
    PolicyForm,
    Posted,
    RuleForm,
)
from compliance.rules.catalogue import FACTS, Kind
from compliance.rules.document import LISTS_MAX, RULES_MAX

DEEP = 16
_SETTINGS = ("review_score", "block_score", "review_minutes", "four_eyes", "four_eyes_more")
_FIELDS = ("fact", "op", "window", "lists", "text", "more", "chosen")
_LIST_FIELDS = ("name", "title", "of", "text")
_CODE = re.compile(r"[^a-z0-9]+")


class UnbuildableError(Exception):
    """The document is too odd for the form; it can be edited as JSON."""


def from_document(document: Mapping[str, Any]) -> PolicyForm:
    """Return the form of a second-format document. Raises UnbuildableError."""
    rules, lists = document.get("rules", []), document.get("lists", {})
    thresholds = document.get("thresholds", {})
    if not (
        isinstance(rules, list) and isinstance(lists, Mapping) and isinstance(thresholds, Mapping)
    ):
        raise UnbuildableError
    form = PolicyForm(
        review_score=_text(thresholds.get("review_score")),
        block_score=_text(thresholds.get("block_score")),
        review_minutes=_text(thresholds.get("review_minutes")),
    )
    form.four_eyes, form.four_eyes_more = _amounts(document.get("four_eyes", ""))
    form.rules = [_rule(entry) for entry in rules]
    form.lists = [_list(name, entry) for name, entry in lists.items()]
    return number(form)


def from_post(posted: Posted) -> PolicyForm:
    """Return the form as sent; counts beyond what a policy may have are cut."""
    form = PolicyForm()
    for name in _SETTINGS:
        setattr(form, name, posted.get(name, ""))
    for index in range(_count(posted, "rules", RULES_MAX)):
        at = f"r{index}"
        form.rules.append(
            RuleForm(
                path=at,
                code=posted.get(f"{at}#code", ""),
                title=posted.get(f"{at}#title", ""),
                rule_class=posted.get(f"{at}#class", ""),
                weight=posted.get(f"{at}#weight", ""),
                blocks=posted.get(f"{at}#blocks", "") == "on",
                when=_posted_group(posted, f"{at}w"),
            )
        )
    for index in range(_count(posted, "lists", LISTS_MAX)):
        at = f"l{index}"
        name, title, of, text = (posted.get(f"{at}#{each}", "") for each in _LIST_FIELDS)
        form.lists.append(ListForm(at, name, title, of, text))
    return number(form)


def number(form: PolicyForm) -> PolicyForm:
    """Give every part the path of where it stands; give new rules and lists a code."""
    codes: set[str] = set()
    for index, rule in enumerate(form.rules):
        rule.path = f"r{index}"
        if not rule.code.strip() and rule.title.strip():
            rule.code = _free(_CODE.sub("_", rule.title.strip().lower()).strip("_")[:36], codes)
        codes.add(rule.code)
        _number(rule.when, f"r{index}w")
    for index, each in enumerate(form.lists):
        each.path = f"l{index}"
    return form


def _number(part: Part, path: str) -> None:
    part.path = path
    if isinstance(part, Group):
        for index, each in enumerate(part.parts):
            _number(each, f"{path}.{index}")


def _free(code: str, taken: set[str]) -> str:
    if not code or not code[0].isalpha():
        code = f"rule_{code}".strip("_")
    names = (code, *(f"{code}_{index}" for index in range(2, RULES_MAX + 2)))
    return next(name for name in names if name not in taken)


def _posted_group(posted: Posted, path: str) -> Group:
    mode = posted.get(f"{path}#mode", "")
    group = Group(path, mode if mode in MODES else "all")
    for index in range(_count(posted, f"{path}#parts", PARTS_MAX)):
        at = f"{path}.{index}"
        if f"{at}#mode" in posted and at.count(".") < DEEP:
            group.parts.append(_posted_group(posted, at))
        else:
            group.parts.append(_posted_condition(posted, at))
    return group


def _posted_condition(posted: Posted, path: str) -> Condition:
    made = Condition(path)
    for name in _FIELDS:
        setattr(made, name, posted.get(f"{path}#{name}", ""))
    before, now = FACTS.get(posted.get(f"{path}#was", "")), made.spec
    if now is None or now is before:
        return made
    if made.op not in now.operators:
        made.op = str(now.operators[0])
    if before is None or (before.kind, before.values) != (now.kind, now.values):
        made.text = "true" if now.kind is Kind.FLAG else ""
        made.more = made.chosen = ""
    if now.has_window and not made.window:
        made.window = "24h"
    return made


def _count(posted: Posted, name: str, most: int) -> int:
    text = posted.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 5 else 0


def _rule(entry: Any) -> RuleForm:
    if not isinstance(entry, Mapping):
        raise UnbuildableError
    when = _part(entry.get("when", {"all": []}), 0)
    return RuleForm(
        path="",
        code=_text(entry.get("code")),
        title=_text(entry.get("title")),
        rule_class=_text(entry.get("class")),
        weight=_text(entry.get("weight")),
        blocks=entry.get("blocks") is True,
        when=when if isinstance(when, Group) else Group("", parts=[when]),
    )


def _part(node: Any, depth: int) -> Part:
    if not isinstance(node, Mapping) or depth > DEEP:
        raise UnbuildableError
    if "not" in node and len(node) == 1:
        inner = node["not"]
        if isinstance(inner, Mapping) and set(inner) == {"not"}:
            return _part(inner["not"], depth + 1)
        part = _part(inner, depth + 1)
        if isinstance(part, Condition):
            return Group("", mode="not_any", parts=[part])
        flipped = part.mode.removeprefix("not_")
        part.mode = flipped if part.mode.startswith("not_") else f"not_{flipped}"
        return part
    for mode in ("all", "any"):
        if mode in node and len(node) == 1:
            if not isinstance(node[mode], list):
                raise UnbuildableError
            return Group("", mode=mode, parts=[_part(each, depth + 1) for each in node[mode]])
    return _condition(node)


def _condition(node: Mapping[str, Any]) -> Condition:
    made = Condition(
        "", fact=_text(node.get("fact")), op=_text(node.get("op")), window=_text(node.get("window"))
    )
    lists, value, spec = node.get("lists"), node.get("value"), made.spec
    if lists is not None:
        made.lists = ", ".join(map(_text, lists)) if isinstance(lists, list) else _text(lists)
    if spec is not None and spec.kind is Kind.MONEY:
        made.text, made.more = _amounts(value)
    elif isinstance(value, bool):
        made.text = "true" if value else "false"
    elif isinstance(value, list):
        separator = "\n" if spec is not None and spec.kind is Kind.NAME else ", "
        made.text = separator.join(map(_text, value))
    elif isinstance(value, Mapping):
        made.chosen = _text(value.get("list"))
    else:
        made.text = _text(value)
    return made


def _list(name: str, entry: Any) -> ListForm:
    values = entry.get("values") if isinstance(entry, Mapping) else None
    if not isinstance(values, list):
        raise UnbuildableError
    of = _text(entry.get("of"))
    separator = "\n" if of == "name" else ", "
    return ListForm("", name, _text(entry.get("title")), of, separator.join(map(_text, values)))


def _amounts(value: Any) -> tuple[str, str]:
    if not isinstance(value, Mapping):
        return _text(value), ""
    more = [f"{code} {_text(text)}" for code, text in value.items() if code != "default"]
    return _text(value.get("default")), "\n".join(sorted(more))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    raise UnbuildableError
