"""The rule builder's form: a policy document as fields a person fills, and back.

Fields are named by where they stand (`r0w.1#fact`: the second part of the first rule's condition),
so the form needs no script. What somebody typed is kept as typed; the compiler says what is wrong.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.admin.policies_form_values import amounts, split, table, whole
from compliance.rules.catalogue import FACTS, OP_WORDS, FactSpec, Kind, Op, RuleClass
from compliance.services.policy_words import CLASS_WORDS, RuleWords

Posted = Mapping[str, str]
CLASSES = [(str(each), CLASS_WORDS[each]) for each in RuleClass]
MODES = {
    "all": "all of these are so",
    "any": "any of these is so",
    "not_all": "not all of these are so",
    "not_any": "none of these is so",
}
NESTED_MAX = 4
PARTS_MAX = 100
_MEMBER_OPS = (Op.IN, Op.NOT_IN)


@dataclass(slots=True)
class Condition:
    """One condition as typed. `text` is the number, code, codes or default amount; `more` are
    amounts in other currencies; `chosen` is a named list instead of codes, one of `choices`."""

    path: str
    fact: str = ""
    op: str = ""
    window: str = ""
    lists: str = ""
    text: str = ""
    more: str = ""
    chosen: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)
    is_group = False

    @property
    def spec(self) -> FactSpec | None:
        """Return the fact's entry in the catalogue, None before one is chosen."""
        return FACTS.get(self.fact)

    @property
    def kind(self) -> str:
        """Return which fields the condition shows."""
        return str(self.spec.kind) if self.spec else ""

    @property
    def takes_members(self) -> bool:
        """Say whether the value is a list."""
        return self.op in _MEMBER_OPS

    @property
    def more_count(self) -> int:
        """Return how many currencies have an amount of their own."""
        return len([line for line in self.more.splitlines() if line.strip()])

    @property
    def operators(self) -> list[tuple[str, str]]:
        """Return what may be asked of the fact, in words."""
        return [(str(op), OP_WORDS[op]) for op in self.spec.operators] if self.spec else []

    def as_json(self) -> dict[str, Any]:
        """Return the document's form, whatever is missing left out."""
        spec = self.spec
        if spec is None:
            return {"fact": self.fact}
        made: dict[str, Any] = {"fact": self.fact}
        if spec.has_window:
            made["window"] = self.window.strip().lower()
        if spec.has_lists and self.lists.strip():
            made["lists"] = split(self.lists)
        made["op"] = self.op
        made["value"] = self._value(spec)
        return made

    def _value(self, spec: FactSpec) -> Any:
        text = self.text.strip()
        if spec.kind is Kind.MONEY:
            return amounts(text, self.more)
        if spec.kind is Kind.NUMBER:
            return whole(text)
        if spec.kind is Kind.FLAG:
            return {"true": True, "false": False}.get(text)
        if not self.takes_members:
            return text
        if self.chosen:
            return {"list": self.chosen}
        return split(self.text, r"[;\n]" if spec.kind is Kind.NAME else r"[\s,;]")


@dataclass(slots=True)
class Group:
    """Parts under a mode of `MODES`."""

    path: str
    mode: str = "all"
    parts: list["Part"] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)
    is_group = True

    @property
    def can_nest(self) -> bool:
        """Say whether a group may be put inside."""
        return self.path.count(".") < NESTED_MAX

    def as_json(self) -> dict[str, Any]:
        """Return the document's form."""
        name = self.mode.removeprefix("not_")
        made = {name: [part.as_json() for part in self.parts]}
        return {"not": made} if self.mode.startswith("not_") else made


Part = Condition | Group


@dataclass(slots=True)
class RuleForm:
    """One rule as typed. `said` is the rule in words; `is_open` shows its fields."""

    path: str
    code: str = ""
    title: str = ""
    rule_class: str = str(RuleClass.OTHER)
    weight: str = "20"
    blocks: bool = False
    when: Group = field(default_factory=lambda: Group(""))
    said: RuleWords | None = None
    is_open: bool = False
    problems: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        """Say whether its one condition needs no group around it."""
        return len(self.when.parts) == 1 and self.when.mode in ("all", "any")

    def as_json(self) -> dict[str, Any]:
        """Return the document's form."""
        when = self.when.parts[0] if self.is_bare else self.when
        made: dict[str, Any] = {
            "code": self.code.strip(),
            "title": self.title.strip(),
            "class": self.rule_class,
            "weight": whole(self.weight.strip()),
            "when": when.as_json(),
        }
        if self.blocks:
            made["blocks"] = True
        return made


@dataclass(slots=True)
class ListForm:
    """One named list as typed."""

    path: str
    name: str = ""
    title: str = ""
    of: str = "country"
    text: str = ""
    problems: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the document's form."""
        pattern = r"[;\n]" if self.of == "name" else r"[\s,;]"
        return {"title": self.title.strip(), "of": self.of, "values": split(self.text, pattern)}


@dataclass(slots=True)
class PolicyForm:
    """A whole policy as typed."""

    rules: list[RuleForm] = field(default_factory=list)
    lists: list[ListForm] = field(default_factory=list)
    review_score: str = ""
    block_score: str = ""
    review_minutes: str = ""
    four_eyes: str = ""
    four_eyes_more: str = ""
    problems: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the document."""
        thresholds: dict[str, Any] = {
            "review_score": whole(self.review_score.strip()),
            "review_minutes": whole(self.review_minutes.strip()),
        }
        if self.block_score.strip():
            thresholds["block_score"] = whole(self.block_score.strip())
        made: dict[str, Any] = {
            "format": 2,
            "rules": [rule.as_json() for rule in self.rules],
            "thresholds": thresholds,
        }
        if self.lists:
            made["lists"] = {each.name.strip(): each.as_json() for each in self.lists}
        if self.four_eyes.strip() or self.four_eyes_more.strip():
            made["four_eyes"] = table(self.four_eyes, self.four_eyes_more)
        return made

    def places(self) -> Iterator[tuple[str, "Marked"]]:
        """Yield each JSON pointer of the document with what stands there on the form."""
        yield "", self
        for each in self.lists:
            name = each.name.strip().replace("~", "~0").replace("/", "~1")
            yield f"/lists/{name}", each
        for index, rule in enumerate(self.rules):
            at = f"/rules/{index}"
            yield at, rule
            root: Part = rule.when.parts[0] if rule.is_bare else rule.when
            yield from _places(root, f"{at}/when")


Marked = PolicyForm | RuleForm | ListForm | Group | Condition


def _places(part: Part, at: str) -> Iterator[tuple[str, Marked]]:
    yield at, part
    if isinstance(part, Condition):
        return
    inner = f"{at}/not" if part.mode.startswith("not_") else at
    inner = f"{inner}/{part.mode.removeprefix('not_')}"
    for index, each in enumerate(part.parts):
        yield from _places(each, f"{inner}/{index}")
