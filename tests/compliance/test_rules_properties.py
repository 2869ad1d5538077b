"""What holds for every policy: it reads back as written, nothing crashes it, borders are exact, and
what would clear a payout clears it."""

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from atlaspay.core.money import EXPONENTS, decimal_text
from compliance.rules.catalogue import FACTS, VALUE_SORTS, FactSpec, Kind, Op
from compliance.rules.clearance import what_would_clear
from compliance.rules.errors import PolicyError
from compliance.rules.facts import Facts
from compliance.rules.parse import Parser
from compliance.rules.policy import compile_document
from compliance.rules.words import in_words
from tests.compliance.rule_documents import asks, document, rule

MANY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
WINDOWS = ("1h", "24h", "7d", "90d")
CODES = {
    "country": st.sampled_from(["NL", "RU", "IR", "US"]),
    "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
    "corridor": st.sampled_from(["NL-RU", "NL-NL"]),
    "rail": st.sampled_from(["sepa_inst", "rtp"]),
    "account_type": st.sampled_from(["iban", "us"]),
    "partner": st.just("pt_00000000000000000000000001"),
    "name": st.sampled_from(["Anna Jansen", "Viktor Drazhenko"]),
}
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])


@st.composite
def limits(draw: st.DrawFn) -> dict[str, str]:
    made = {"default": str(draw(st.integers(0, 50_000)))}
    for currency in draw(st.sets(CURRENCIES, max_size=2)):
        made[currency] = decimal_text(draw(st.integers(0, 5_000_000)), currency)
    return made


def values(spec: FactSpec, op: Op) -> st.SearchStrategy[Any]:
    if spec.kind is Kind.MONEY:
        return limits()
    if spec.kind is Kind.NUMBER:
        return st.integers(0, min(spec.most, 100) - 1)
    if spec.kind is Kind.FLAG:
        return st.booleans()
    codes = CODES[spec.values]
    return st.lists(codes, min_size=1, max_size=3) if op in (Op.IN, Op.NOT_IN) else codes


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    spec = FACTS[draw(st.sampled_from(sorted(FACTS)))]
    op = draw(st.sampled_from(spec.operators))
    made = asks(spec.name, str(op), draw(values(spec, op)))
    if spec.has_window:
        made["window"] = draw(st.sampled_from(WINDOWS))
    if spec.has_lists and draw(st.booleans()):
        made["lists"] = ["ofac"]
    return made


def groups(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda found: {"all": found}),
        several.map(lambda found: {"any": found}),
        parts.map(lambda found: {"not": found}),
    )


TREES = st.recursive(conditions(), groups, max_leaves=6)


def hit(name: str, similarity: int) -> dict[str, Any]:
    return {
        "list": name,
        "entry_id": similarity,
        "entry": f"Somebody {similarity}",
        "similarity": similarity,
        "alignment": [],
    }


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    made: dict[str, Any] = {
        "payout_id": "po_1",
        "partner_id": "pt_00000000000000000000000001",
        "amount_minor": draw(st.integers(1, 6_000_000)),
        "currency": draw(CURRENCIES),
        "recipient_name": draw(CODES["name"]),
        "recipient_country": draw(CODES["country"]),
        "account_type": draw(CODES["account_type"]),
        "account_bank": "NLATLS",
        "submitted_at": "2026-11-22T10:00:00.000Z",
        "partner_country": "NL",
        "partner_age_days": draw(st.integers(0, 200)),
        "recipient_age_days": draw(st.integers(0, 200)),
        "rail": draw(CODES["rail"]),
        "is_first_to_account": draw(st.booleans()),
        "watch_hits": tuple(
            hit(name, draw(st.integers(70, 100)))
            for name in draw(st.lists(st.sampled_from(["ofac", "un"]), max_size=2))
        ),
        "safe_hits": (),
        "destination_before": "po_0",
    }
    for window in WINDOWS:
        for subject in ("account", "recipient", "partner"):
            made[f"{subject}_count_{window}"] = draw(st.integers(0, 150))
            made[f"{subject}_sum_{window}"] = draw(st.integers(0, 6_000_000))
        made[f"twin_{window}"] = draw(st.sampled_from(["", "po_2"]))
        made[f"destination_changed_{window}"] = draw(st.booleans())
    return Facts(made)


@MANY
@given(TREES)
def test_a_tree_reads_back_as_written(when: dict[str, Any]) -> None:
    parser = Parser()
    tree = parser.tree(when, "")
    assert tree is not None, parser.problems
    again = Parser().tree(tree.as_json(), "")

    assert again == tree
    assert in_words(tree) == in_words(again)


@MANY
@given(TREES, facts())
def test_a_negated_rule_hits_exactly_where_the_rule_does_not(
    when: dict[str, Any], known: Facts
) -> None:
    plain = compile_document(document(rule(when))).assess(known)
    turned = compile_document(document(rule({"not": when}))).assess(known)

    assert {plain.is_clear, turned.is_clear} == {True, False}
    for assessed in (plain, turned):
        assert all(each["result"] != "error" for each in assessed.findings)


def problems(made: object) -> list[tuple[str, str]]:
    try:
        compile_document(made)
    except PolicyError as error:
        return error.problems
    return []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from([*FACTS, *Op, *VALUE_SORTS, "all", "any", "not"]),
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "fact", "op", "value", "window", "lists", "x"]),
            parts,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@MANY
@given(JSON, JSON)
def test_no_json_crashes_the_compiler(when: object, made: object) -> None:
    for text in (document(rule(when)), made, {"format": 2, "rules": made, "lists": when}):  # type: ignore[arg-type]
        places = [place for place, _ in problems(text)]
        assert all(place == "" or place.startswith("/") for place in places)


@MANY
@given(st.sampled_from(sorted(EXPONENTS)), st.integers(1, 2**53 - 1))
def test_a_limit_is_exact_in_every_currency(currency: str, limit: int) -> None:
    when = asks("amount", "at_least", {"default": "1", currency: decimal_text(limit, currency)})
    compiled = compile_document(document(rule(when)))

    def verdict(amount_minor: int) -> str:
        own = {"amount_minor": amount_minor, "currency": currency}
        return str(compiled.assess(Facts(own)).verdict)

    assert (verdict(limit - 1), verdict(limit), verdict(limit + 1)) == (
        "clear",
        "review",
        "review",
    )


@MANY
@given(st.lists(TREES, min_size=1, max_size=4), facts())
def test_what_would_clear_clears(whens: list[dict[str, Any]], known: Facts) -> None:
    rules = [rule(when, code=f"rule_{index}", weight=5) for index, when in enumerate(whens)]
    compiled = compile_document(document(*rules))
    before = compiled.assess(known)
    assume(not before.is_clear)

    for clearance in what_would_clear(compiled, known):
        changed = clearance.applied_to(known)
        assert compiled.assess(changed).is_clear
        assert changed != known
        assert set(clearance.rules) <= set(before.codes)
        assert clearance.words.endswith(".")
