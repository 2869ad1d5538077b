"""Trees as closures over a payout's facts, in three-valued logic (Kleene): True, False, or None
where the answer hangs on a fact that is not known.

So `all` is False as soon as one part is, whatever is unknown of the others; the order of conditions
never matters.
"""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any

from compliance.rules.actual import Values, actual_of, bound_key, is_full
from compliance.rules.catalogue import Kind, Op
from compliance.rules.names import recipient_key
from compliance.rules.tree import Condition, Limits, Members, Not, Tree, plain

Test = Callable[[Values], bool | None]
_ORDER: dict[Op, Callable[[Any, Any], bool]] = {
    Op.AT_LEAST: ge,
    Op.ABOVE: gt,
    Op.AT_MOST: le,
    Op.BELOW: lt,
}


def compile_tree(tree: Tree) -> Test:
    """Return the tree as one function."""
    if isinstance(tree, Not):
        return compile_tree(plain(tree))
    if isinstance(tree, Condition):
        return compile_condition(tree)
    parts = tuple(compile_tree(part) for part in tree.parts)
    if len(parts) == 1:
        return parts[0]
    return _all(parts) if tree.all else _any(parts)


def _all(parts: tuple[Test, ...]) -> Test:
    def test(values: Values) -> bool | None:
        met: bool | None = True
        for part in parts:
            said = part(values)
            if said is False:
                return False
            if said is None:
                met = None
        return met

    return test


def _any(parts: tuple[Test, ...]) -> Test:
    def test(values: Values) -> bool | None:
        met: bool | None = False
        for part in parts:
            said = part(values)
            if said:
                return True
            if said is None:
                met = None
        return met

    return test


def compile_condition(condition: Condition) -> Test:
    """Return one condition as a function."""
    kind = condition.spec.kind
    if kind is Kind.MONEY:
        return _money(condition)
    actual = actual_of(condition)
    if kind is Kind.NUMBER and condition.op in _ORDER:
        return _ordered(actual, _ORDER[condition.op], condition.value)
    if isinstance(condition.value, Members):
        values = condition.value.values
        wanted = frozenset(map(recipient_key, values) if kind is Kind.NAME else values)
        return _member(actual, wanted, is_in=condition.op is Op.IN)
    return _equal(actual, condition.value, is_equal=condition.op is Op.IS)


def _money(condition: Condition) -> Test:
    if not isinstance(condition.value, Limits):
        raise TypeError(f"{condition.fact} is compared with an amount")
    actual, compare = actual_of(condition), _ORDER[condition.op]
    limit_of = condition.value.minor().get
    # What is only known to be at least so much can still be more.
    unsure = condition.op in (Op.AT_MOST, Op.BELOW)
    if condition.fact == "amount":

        def test_amount(values: Values) -> bool | None:
            limit = limit_of(values["currency"])
            return None if limit is None else compare(values["amount_minor"], limit)

        return test_amount

    count_key = bound_key(condition)

    def test(values: Values) -> bool | None:
        limit, total = limit_of(values["currency"]), actual(values)
        if limit is None or total is None:
            return None
        said = compare(total, limit)
        if said is unsure and count_key and is_full(values.get(count_key)):
            return None
        return said

    return test


def _ordered(
    actual: Callable[[Values], Any], compare: Callable[[Any, Any], bool], limit: object
) -> Test:
    def test(values: Values) -> bool | None:
        value = actual(values)
        return None if value is None else compare(value, limit)

    return test


def _member(actual: Callable[[Values], Any], wanted: frozenset[str], *, is_in: bool) -> Test:
    def test(values: Values) -> bool | None:
        value = actual(values)
        return None if not value else (value in wanted) is is_in

    return test


def _equal(actual: Callable[[Values], Any], wanted: object, *, is_equal: bool) -> Test:
    def test(values: Values) -> bool | None:
        value = actual(values)
        return None if value is None or value == "" else (value == wanted) is is_equal

    return test
