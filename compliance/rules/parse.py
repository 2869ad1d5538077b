"""From a policy's JSON to checked trees. Collects every problem with its place instead of stopping
at the first; refuses what it does not know."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from atlaspay.core.money import EXPONENTS
from compliance.rules.catalogue import FACTS, VALUE_SORTS, FactSpec, Kind, Op
from compliance.rules.errors import Problem
from compliance.rules.tree import Condition, Group, Limits, Members, Not, Tree, Value
from compliance.rules.windows import hours_of

DEPTH_MAX = 8
NODES_MAX = 100
VALUES_MAX = 5_000
_DECIMAL = re.compile(r"(0|[1-9]\d{0,15})(?:\.(\d{1,3}))?", re.ASCII)
_WATCHLIST = re.compile(r"[A-Za-z0-9_-]{1,20}", re.ASCII)


class Parser:
    """Parses the trees of one document; `problems` fills up on the way."""

    def __init__(
        self, lists: Mapping[str, tuple[str, Members]] | None = None, *, is_new: bool = False
    ) -> None:
        self.lists, self._is_new = lists or {}, is_new
        self.problems: list[Problem] = []
        self._nodes = 0

    def wrong(self, pointer: str, words: str) -> None:
        """Note a problem."""
        self.problems.append((pointer, words))

    def tree(self, node: object, pointer: str) -> Tree | None:
        """Return the tree of one rule's `when`, None where there is a problem in it."""
        self._nodes = 0
        return self._node(node, pointer, 1)

    def _node(self, node: object, pointer: str, depth: int) -> Tree | None:
        self._nodes += 1
        if self._nodes == NODES_MAX + 1:
            self.wrong(pointer, f"A rule has at most {NODES_MAX} conditions and groups.")
        if self._nodes > NODES_MAX:
            return None
        if depth > DEPTH_MAX:
            self.wrong(pointer, f"Groups may be nested {DEPTH_MAX} deep at most.")
            return None
        if not isinstance(node, Mapping) or not node:
            self.wrong(pointer, "Write a condition, or a group: all, any or not.")
            return None
        groups = [name for name in ("all", "any", "not") if name in node]
        if not groups:
            return self._condition(node, pointer)
        if len(node) > 1:
            self.wrong(pointer, f"Beside {groups[0]!r} nothing else may stand.")
            return None
        if groups[0] == "not":
            part = self._node(node["not"], f"{pointer}/not", depth + 1)
            return None if part is None else Not(part)
        return self._group(node[groups[0]], f"{pointer}/{groups[0]}", groups[0] == "all", depth)

    def _group(self, parts: object, pointer: str, is_all: bool, depth: int) -> Tree | None:
        if not _is_list(parts) or not parts:
            self.wrong(pointer, "Write a list of at least one condition.")
            return None
        made = [
            self._node(part, f"{pointer}/{index}", depth + 1) for index, part in enumerate(parts)
        ]
        good = tuple(part for part in made if part is not None)
        return Group(is_all, good) if len(good) == len(made) else None

    def _condition(self, node: Mapping[str, Any], pointer: str) -> Condition | None:
        before = len(self.problems)
        name = node.get("fact")
        spec = FACTS.get(name) if isinstance(name, str) else None
        if spec is None:
            self.wrong(f"{pointer}/fact", f"There is no fact {name!r}.")
            return None
        known = {"fact", "op", "value"}
        known |= {"window"} if spec.has_window else set()
        known |= {"lists"} if spec.has_lists else set()
        for key in sorted(str(key) for key in node if key not in known):
            self.wrong(f"{pointer}/{_escaped(key)}", f"{spec.title!r} takes no {key!r}.")
        hours = self._window(node.get("window"), f"{pointer}/window") if spec.has_window else 0
        watchlists = self._watchlists(node.get("lists"), f"{pointer}/lists")
        op = node.get("op")
        if op not in spec.operators:
            choice = ", ".join(spec.operators)
            self.wrong(f"{pointer}/op", f"{spec.title!r} can be asked: {choice}.")
            return None
        value = self._value(spec, Op(op), node.get("value"), f"{pointer}/value")
        if value is None or len(self.problems) > before:
            return None
        return Condition(spec.name, Op(op), value, hours, watchlists)

    def _window(self, text: object, pointer: str) -> int:
        hours = hours_of(text) if isinstance(text, str) else None
        if hours is None:
            self.wrong(pointer, "Write a window from 1h to 90d, such as 24h or 7d.")
        return hours or 0

    def _watchlists(self, codes: object, pointer: str) -> tuple[str, ...]:
        if codes is None:
            return ()
        if (
            not _is_list(codes)
            or not codes
            or len(codes) > 50
            or not all(isinstance(code, str) and _WATCHLIST.fullmatch(code) for code in codes)
        ):
            self.wrong(pointer, "Write codes of watchlists, or leave it out for all of them.")
            return ()
        return tuple(sorted(set(codes)))

    def _value(self, spec: FactSpec, op: Op, value: object, pointer: str) -> Value | None:
        if spec.kind is Kind.MONEY:
            return self.limits(value, pointer)
        if spec.kind is Kind.NUMBER:
            return self._number(spec, op, value, pointer)
        if spec.kind is Kind.FLAG:
            if not isinstance(value, bool):
                self.wrong(pointer, "Say true or false.")
                return None
            return value
        if op in (Op.IN, Op.NOT_IN):
            return self._members(spec, value, pointer)
        return self._code(spec.values, value, pointer)

    def _number(self, spec: FactSpec, op: Op, value: object, pointer: str) -> int | None:
        # At most the largest number the fact is counted to, or it could never be known to be met.
        most = spec.most - 1 if op is Op.ABOVE and spec.unit == "%" else spec.most
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            self.wrong(pointer, f"Write a whole number from 0 to {most:,}.")
            return None
        if self._is_new and not _can_be_told(spec, op, value):
            least = spec.least - 1 if op in (Op.ABOVE, Op.AT_MOST) else spec.least
            words = f"Write {least} or more: what is less than {spec.least} {spec.unit} alike is"
            self.wrong(pointer, f"{words} never reported.")
            return None
        return value

    def limits(self, value: object, pointer: str) -> Limits | None:
        """Return amounts by currency: `"10000"`, or `{"default": "10000", "JPY": "1600000"}`."""
        before = len(self.problems)
        table = {"default": value} if isinstance(value, str) else value
        if not isinstance(table, Mapping) or "default" not in table:
            self.wrong(pointer, 'Write an amount as text, or amounts by currency with a "default".')
            return None
        default = self._decimal(table["default"], 0, f"{pointer}/default", "the default")
        listed = []
        for code, text in table.items():
            if code == "default":
                continue
            place = f"{pointer}/{_escaped(str(code))}"
            if code not in EXPONENTS:
                self.wrong(place, f"{code!r} is no currency AtlasPay knows.")
            elif (minor := self._decimal(text, EXPONENTS[code], place, code)) is not None:
                listed.append((code, minor))
        if default is None or len(self.problems) > before:
            return None
        return Limits(default, tuple(sorted(listed)))

    def _decimal(self, text: object, digits: int, pointer: str, whose: str) -> int | None:
        found = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
        fraction = (found[2] or "") if found else ""
        if found is None or len(fraction) > digits:
            places = f"at most {digits} decimals" if digits else "no decimals"
            example = "10000.50" if digits else "10000"
            self.wrong(pointer, f'Write {whose} as text with {places}, such as "{example}".')
            return None
        return int(found[1] + fraction.ljust(digits, "0"))

    def _members(self, spec: FactSpec, value: object, pointer: str) -> Members | None:
        if isinstance(value, Mapping):
            name = value.get("list")
            if set(value) != {"list"} or not isinstance(name, str):
                self.wrong(pointer, 'Name a list of this policy: {"list": "its name"}.')
                return None
            found = self.lists.get(name)
            if found is None:
                self.wrong(f"{pointer}/list", f"This policy has no list {name!r}.")
                return None
            sort, members = found
            if sort != spec.values:
                words = f"The list {name!r} holds {VALUE_SORTS[sort][1]}, no fit for"
                self.wrong(f"{pointer}/list", f"{words} {spec.title!r}.")
                return None
            return members
        return self.members(spec.values, value, pointer)

    def members(
        self, sort: str, value: object, pointer: str, *, name: str = "", title: str = ""
    ) -> Members | None:
        """Return a list of codes of one sort, in order and without doubles."""
        if not _is_list(value) or not value or len(value) > VALUES_MAX:
            self.wrong(pointer, f"Write a list of 1 to {VALUES_MAX:,} values.")
            return None
        made = [self._code(sort, one, f"{pointer}/{index}") for index, one in enumerate(value)]
        good = sorted({one for one in made if one is not None})
        return Members(tuple(good), name, title) if None not in made else None

    def _code(self, sort: str, value: object, pointer: str) -> str | None:
        pattern, words = VALUE_SORTS[sort]
        if (
            isinstance(value, str)
            and value.isprintable()
            and re.fullmatch(pattern, value)
            and (sort != "currency" or value in EXPONENTS)
        ):
            return value
        self.wrong(pointer, f"{str(value)[:40]!r} does not fit: {words}.")
        return None


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _can_be_told(spec: FactSpec, op: Op, value: int) -> bool:
    """Say whether a comparison means what it says: what is below `least` is reported as 0."""
    if op in (Op.AT_LEAST, Op.ABOVE):
        return value + (op is Op.ABOVE) >= spec.least
    bound = value + (op is Op.AT_MOST)
    return bound >= spec.least or bound <= (0 if op in (Op.IS, Op.IS_NOT) else 1)


def _escaped(key: str) -> str:
    """Return one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
