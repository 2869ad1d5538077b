"""Names written so that an officer reads them and a machine does not."""

import pytest

from compliance.rules.names import HITS_MAX, Listed, NameMatcher, matcher

LISTED = "Viktor Drazhenko"
MATCHER = NameMatcher(
    [
        Listed("un", 1, LISTED, "strong", "person", 1),
        Listed("un", 2, "Global Trading Holding Company LLC", "strong", "organisation", 2),
    ]
)


@pytest.mark.parametrize(
    "name",
    [
        "V1kt0r Dr4zh3nk0",
        "Vikt0r Dr@zhenk0",
        "V!ktor Drazhenko",
        "Viktor1 Drazhenko2",
        "".join(chr(0x1F170 + ord(one) - ord("a")) if one > " " else one for one in "viktor")
        + " Drazhenko",
        "".join(chr(0x1F1E6 + ord(one) - ord("a")) for one in "viktor") + " Drazhenko",
        "Viktor Drazhenko ref invoice 4711",
        "Alpha Beta Gamma Delta Epsilon Viktor Drazhenko Zeta Eta Theta Iota Kappa",
        "Goods as agreed for the house of Alpha Beta Gamma Delta to Drazhenko Viktor",
        ("x " * 60 + LISTED)[:140],
        LISTED + " x" * 60,
    ],
)
def test_a_listed_name_in_disguise_is_found(name: str) -> None:
    (hit,) = MATCHER.hits(name)

    assert hit["entry"] == LISTED
    assert 80 <= hit["similarity"] < 100


@pytest.mark.parametrize(
    "name",
    [
        "Maria del Carmen Garcia Lopez de la Vega",
        "3M Deutschland GmbH",
        "Capital24 Beteiligungen 7 UG",
        "Sons of the Global House for Textile and Leather Goods Import Export",
        "B2B Viktoria 4 You",
    ],
)
def test_an_honest_name_with_figures_or_many_words_is_not(name: str) -> None:
    assert MATCHER.hits(name) == ()


def test_only_the_name_itself_is_equal() -> None:
    (hit,) = MATCHER.hits(LISTED)

    assert hit["similarity"] == 100


def test_more_hits_than_shown_can_be_asked_for() -> None:
    many = NameMatcher(
        Listed("un", number, LISTED, "strong", "person", number) for number in range(1, 41)
    )

    assert len(many.hits(LISTED)) == HITS_MAX == 25
    assert len(many.hits(LISTED, most=100)) == 40


COMMON = ("Mohamed", "Ahmed", "Ali", "Hassan", "Ibrahim", "Khalid", "Omar", "Yusuf", "Mustafa")


@pytest.mark.parametrize(
    "name",
    [
        "Mohamed Ahmed Ali Hassan Ibrahim Khalid Omar Mahmoud Yusuf Mustafa Saleh Hussein Khan",
        "Mohamed Aw Ahmed Abdallah Ali Said Abu Hassan bin Khalid Abdul Rahman Omar Yusuf",
        "M0hamed Ahmed 4li Hassan Ibrahim Khal1d Omar Yusuf Mustafa",
        ("Mohamed Ahmed Ali " * 8)[:140],
    ],
)
def test_a_name_of_common_words_is_compared_with_few(name: str, monkeypatch) -> None:
    listed = [
        Listed("x", 100 * i + 10 * j + k, f"{first} {second} {third}")
        for i, first in enumerate(COMMON)
        for j, second in enumerate(COMMON)
        for k, third in enumerate(COMMON)
    ]
    asked = NameMatcher([*listed, Listed("x", 5_000, "Omar Drazhenko Yusuf")])
    compared = 0
    before = matcher.judge

    def judge(*names, **more):
        nonlocal compared
        compared += 1
        return before(*names, **more)

    monkeypatch.setattr(matcher, "judge", judge)

    asked.hits(name)
    assert compared <= 1_000

    hits = asked.hits(f"{name[:100]} Omar Drazhenko Yusuf", most=1_000)
    assert 5_000 in {hit["entry_id"] for hit in hits}


def test_words_that_say_little_alone_stand_whole_in_a_text() -> None:
    asked = NameMatcher(
        [
            Listed("x", 1, "Mohamed Mohamed"),
            Listed("x", 2, "Abdulrahman Drazhenko"),
            Listed("x", 3, "Drazhenko Orlanov Bekmurat"),
            Listed("x", 4, "Abu Bakr al-Tayeb"),
        ]
    )

    def found(name: str) -> set[int]:
        return {hit["entry_id"] for hit in asked.hits(name)}

    assert found("Zeta Eta Theta Mohamed Mohamed Iota Kappa") == {1}
    assert found("Zeta Eta Theta Abd al Rahman Drazhenko Iota Kappa") == {2}
    assert found("Zeta Eta Theta DrazhenkoOrlanov Bekmurat Iota Kappa") == {3}
    assert found("Zeta Eta Theta Iota Abou Bakr Tayeb Kappa") == {4}
    assert found("Zeta Eta Theta Drazhenko Orlanov Iota Kappa Lambda") == set()
