"""Names as a clerk compares them."""

import pytest

from compliance.rules.names import Listed, TokenMatcher, is_near, tokens

MATCHER = TokenMatcher(
    [
        Listed("synthetic", 1, "Viktor Drazhenko"),
        Listed("synthetic", 2, "Orlan Trading FZE"),
        Listed("synthetic", 3, "Maryam Tabrizi-Kohan"),
        Listed("synthetic", 4, "Søren Kvistgaardsen"),
        Listed("synthetic", 5, "Li Weiquan Taizhou"),
    ]
)


@pytest.mark.parametrize(
    ("name", "entry_id", "similarity"),
    [
        ("Viktor Drazhenko", 1, 100),
        ("  DRAZHENKO,   viktor ", 1, 100),
        ("Виктор Драженко", 1, 100),
        ("Viktor Drazenko", 1, 94),
        ("Victor Drazhenko", 1, 94),
        ("Vitkor Drazhenko", 1, 94),
        ("Victor Drazenko", 1, 88),
        ("Viktor P. Drazhenko", 1, 100),
        ("Viktor Pavlovich Drazhenko", 1, 90),
        ("Orlan Trading", 2, 100),
        ("ORLAN TRADING LLC", 2, 100),
        ("Maryam Tabrizi Kohan", 3, 100),
        ("Máryam  Tabrizi\N{EN DASH}Kohan", 3, 100),
        ("Soren Kvistgaardsen", 4, 100),
        ("Taizhou Li Weiquan", 5, 100),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER V}iktor Drazhenko", 1, 100),
    ],
)
def test_what_resembles_a_listed_name(name: str, entry_id: int, similarity: int) -> None:
    assert [(hit["entry_id"], hit["similarity"]) for hit in MATCHER.hits(name)] == [
        (entry_id, similarity)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Viktor Smith",
        "Drazhenko",
        "Viktor Drazhenko Senior Pavlovich",
        "Orlan Shipping",
        "Maryam Tabrizi",
        "Anna Jansen",
        "Trading FZE",
        "Lo Weiquan Taizhou",
        "!!!",
        "",
    ],
)
def test_what_does_not(name: str) -> None:
    assert MATCHER.hits(name) == ()


def test_alignment_says_which_token_met_which() -> None:
    (hit,) = MATCHER.hits("Victor Drazhenko")

    assert hit["alignment"] == [["drazhenko", "drazhenko"], ["viktor", "victor"]]


def test_legal_forms_alone_stay_a_name() -> None:
    assert tokens("SA Company") == ("company", "sa")
    assert tokens("Blue Heron Shipping Ltd.") == ("blue", "heron", "shipping")


@pytest.mark.parametrize(
    ("a", "b", "is_it"),
    [
        ("kohan", "kohan", True),
        ("kohan", "kohen", True),
        ("kohan", "kohann", True),
        ("viktor", "vitkor", True),
        ("viktor", "vitkro", False),
        ("anna", "anne", False),
        ("drazhenko", "drazko", False),
        ("abcdef", "badcef", False),
    ],
)
def test_one_edit_from_five_letters_on(a: str, b: str, is_it: bool) -> None:
    assert is_near(a, b) is is_it
    assert is_near(b, a) is is_it


def test_an_index_finds_what_comparing_with_every_entry_finds() -> None:
    names = ["Viktor Drazhenko", "Viktor Drazhenkov", "Maryam Tabrisi Kohan", "Orlam Trading"]
    one_by_one = [
        [hit["entry_id"] for entry in range(5) for hit in _alone(entry).hits(name)]
        for name in names
    ]

    assert [[hit["entry_id"] for hit in MATCHER.hits(name)] for name in names] == one_by_one
    assert one_by_one == [[1], [1], [3], [2]]


def _alone(position: int) -> TokenMatcher:
    entry, _ = MATCHER._entries[position]
    return TokenMatcher([entry])
