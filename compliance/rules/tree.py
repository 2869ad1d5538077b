"""The condition of a rule as a tree: groups of conditions over facts.

Built only by `parse`, so whatever is here has been checked: each fact exists, the operator fits it,
and the value is of its sort.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atlaspay.core.money import EXPONENTS, decimal_text
from compliance.rules.catalogue import FACTS, OPPOSITE, FactSpec, Op
from compliance.rules.windows import text_of


@dataclass(frozen=True, slots=True)
class Limits:
    """A limit per currency, exact: `default` in whole units, `minor` by currency where it
    differs."""

    default: int
    by_currency: tuple[tuple[str, int], ...] = ()

    def minor(self) -> dict[str, int]:
        """Return the limit of every currency there is, in minor units."""
        every = {code: self.default * 10**digits for code, digits in EXPONENTS.items()}
        return {**every, **dict(self.by_currency)}

    def as_json(self) -> dict[str, str]:
        """Return the document's form: decimal texts in major units."""
        texts = {code: decimal_text(minor, code) for code, minor in self.by_currency}
        return {"default": str(self.default), **texts}


@dataclass(frozen=True, slots=True)
class Members:
    """What a fact may be one of: `values` as written, or those of the named list `name`."""

    values: tuple[str, ...]
    name: str = ""
    title: str = ""

    def as_json(self) -> Any:
        """Return the document's form."""
        return {"list": self.name} if self.name else list(self.values)


Value = Limits | Members | int | str


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about one fact. `hours` is its window, `lists` the watchlists it looks at, all
    where that is empty."""

    fact: str
    op: Op
    value: Value
    hours: int = 0
    lists: tuple[str, ...] = ()

    @property
    def spec(self) -> FactSpec:
        """Return the fact's entry in the catalogue."""
        return FACTS[self.fact]

    def opposite(self) -> "Condition":
        """Return the condition that holds exactly where this one does not."""
        if isinstance(self.value, bool):
            return Condition(self.fact, self.op, not self.value, self.hours, self.lists)
        return Condition(self.fact, OPPOSITE[self.op], self.value, self.hours, self.lists)

    def as_json(self) -> dict[str, Any]:
        """Return the document's form."""
        made: dict[str, Any] = {"fact": self.fact}
        if self.hours:
            made["window"] = text_of(self.hours)
        if self.lists:
            made["lists"] = list(self.lists)
        value = self.value
        made["op"] = str(self.op)
        made["value"] = value.as_json() if isinstance(value, Limits | Members) else value
        return made


@dataclass(frozen=True, slots=True)
class Group:
    """`all` or `any` of its parts; at least one."""

    all: bool
    parts: tuple["Tree", ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document's form."""
        return {"all" if self.all else "any": [part.as_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Tree"

    def as_json(self) -> dict[str, Any]:
        """Return the document's form."""
        return {"not": self.part.as_json()}


Tree = Condition | Group | Not


def plain(tree: Tree, *, is_negated: bool = False) -> Condition | Group:
    """Return the same tree without `not`: each is carried down to the conditions (De Morgan)."""
    if isinstance(tree, Not):
        return plain(tree.part, is_negated=not is_negated)
    if isinstance(tree, Condition):
        return tree.opposite() if is_negated else tree
    parts = tuple(plain(part, is_negated=is_negated) for part in tree.parts)
    return Group(tree.all != is_negated, parts)


def conditions(tree: Tree) -> Iterator[Condition]:
    """Yield the conditions of a tree, left to right."""
    if isinstance(tree, Condition):
        yield tree
    elif isinstance(tree, Not):
        yield from conditions(tree.part)
    else:
        for part in tree.parts:
            yield from conditions(part)
