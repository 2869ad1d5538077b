"""What must hold of any two names, whatever they are."""

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compliance.rules.names import FLOOR, Listed, NameMatcher, compare, recipient_key
from compliance.rules.names.readings import readings, windows

WORDS = (
    *("Brandt", "Castellan", "Dvorak", "Ekholm", "Fontaine", "Grigoryan", "Hollander", "Ishikawa"),
    *("Jankowski", "Kvist", "Lindqvist", "Moreau", "Nakamura", "Ostrowski", "Quiroga", "Rasmus"),
)
ACCENTS = ("\N{COMBINING ACUTE ACCENT}", "\N{COMBINING DIAERESIS}", "\N{COMBINING CARON}")
names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5, unique=True).map(" ".join)
anything = st.text(max_size=140)
SCRIPTS = "abdeikmnorstzАбвиклмнорсжшабدحرسعقكلمنهويאבדלמנתש王李明国김정은ァカサशर्माबक' -.1VX"  # noqa: RUF001 - letters of every script
scripts = st.text(st.sampled_from(SCRIPTS), max_size=40)
punctuation = st.text(
    st.characters(categories=("P", "S", "Z", "C")).filter(
        lambda letter: not any(one.isalnum() for one in unicodedata.normalize("NFKC", letter))
    ),
    max_size=30,
)
MATCHER = NameMatcher(Listed("x", number, word) for number, word in enumerate(WORDS, start=1))


@given(anything | scripts, anything | scripts)
@settings(max_examples=400, deadline=None)
def test_comparing_is_symmetric_and_never_raises(a: str, b: str) -> None:
    there, back = compare(a, b), compare(b, a)

    assert there.similarity == back.similarity
    assert 0 <= there.similarity <= 100
    assert sorted(there.alignment) == sorted((mine, other) for other, mine in back.alignment)


@given(anything | scripts)
@settings(max_examples=300, deadline=None)
def test_a_name_equals_itself_or_says_nothing(name: str) -> None:
    has_words = bool(compare(name, name).alignment)

    assert compare(name, name).similarity == (100 if has_words else 0)


@given(names, st.randoms())
def test_the_order_of_words_does_not_matter(name: str, chance) -> None:
    words = name.split()
    chance.shuffle(words)

    assert compare(name, " ".join(words)).similarity == 100
    assert recipient_key(name) == recipient_key(" ".join(words))


@given(names, st.sampled_from(ACCENTS), st.integers(min_value=1, max_value=60))
def test_accents_do_not_matter(name: str, accent: str, at: int) -> None:
    at = min(at, len(name))
    accented = name[:at] + accent + name[at:]

    assert compare(name, accented).similarity == 100
    assert recipient_key(name) == recipient_key(accented)


@given(names, st.sampled_from((str.upper, str.lower, str.title, "  {}, ".format)))
def test_case_and_spaces_do_not_matter(name: str, change) -> None:
    assert compare(name, change(name)).similarity == 100


@given(punctuation, anything)
@settings(max_examples=300, deadline=None)
def test_what_has_no_letters_is_like_nothing(nothing: str, name: str) -> None:
    assert compare(nothing, name).similarity == 0
    assert compare(nothing, nothing).similarity == 0
    assert MATCHER.hits(nothing) == ()
    assert recipient_key(nothing) == ""


@given(st.lists(anything, max_size=6), anything)
@example(["Brandt"], "Br4ndt 0A")
@example(["A"], "0A")
@example(["Viktor Moreau"], "Viktor Moreau for the goods of March")
@settings(max_examples=150, deadline=None)
def test_an_index_of_anything_answers_as_comparing_does(listed: list[str], name: str) -> None:
    """With the name as it is written, or, never as equal, with another reading of it."""
    matcher = NameMatcher(Listed("x", number, one) for number, one in enumerate(listed, start=1))
    others = readings(name)
    others += [window for text in (name, *others) for window in windows(text)]

    for hit in matcher.hits(name):
        told = [compare(hit["entry"], text, weigh=matcher.rarity) for text in others]
        as_written = compare(hit["entry"], name, weigh=matcher.rarity)
        answers = {(as_written.similarity, as_written.alignment)}
        answers |= {(min(own.similarity, 99), own.alignment) for own in told}
        assert (hit["similarity"], tuple(tuple(pair) for pair in hit["alignment"])) in answers
        assert hit["similarity"] >= max(FLOOR, as_written.similarity)


@pytest.mark.parametrize(
    "name",
    [
        ("Mohamed " * 18)[:140],
        "Mohamed Ahmed Ali Hassan Ibrahim Khalid Omar Mahmoud Yusuf Mustafa Saleh Hussein Khan",
        ("ab " * 47)[:140],
        "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 2,
        "\N{ARABIC LETTER ALEF}" * 140,
        "王" * 140,
        "General Trading Company " * 5,
        "i" * 139 + " v",
        "- " * 70,
    ],
)
def test_a_hostile_name_is_bounded_work(name: str) -> None:
    common = ("Mohamed", "Ahmed", "Ali", "Hassan", "Ibrahim", "Khalid", "Omar", "Yusuf", "Trading")
    listed = [
        Listed("x", 100 * i + 10 * j + k, f"{first} {second} {third}")
        for i, first in enumerate(common)
        for j, second in enumerate(common)
        for k, third in enumerate(common)
    ]
    matcher = NameMatcher(listed)
    start = time.process_time()

    matcher.hits(name)

    assert time.process_time() - start < 5.0
