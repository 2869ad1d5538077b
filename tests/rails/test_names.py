"""Names and texts: what intake refuses, and what the wire gets."""

import pytest

from payouts.rails.names import ASCII, CHARSETS, SEPA, check_name, check_wire_name, wire_text


@pytest.mark.parametrize(
    "name", ["Zoë Müller", "王小明", "Ελευθέριος", "O'Neil & Sons, Ltd.", "ßøłđ", "3M", "a" * 140]
)
def test_names_that_may_be_kept(name: str) -> None:
    assert check_name(name) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name_empty"),
        (" \t ", "name_empty"),
        ("Ann\x00Lee", "control_character"),
        ("Ann\nLee", "control_character"),
        ("Ann\u202eeeL", "control_character"),
        ("Ann\u200bLee", "control_character"),
        ("Ann\ud800", "control_character"),
        ("Ann\ue000", "control_character"),
        ("Ann\u2028Lee", "control_character"),
        ("a" * 141, "name_too_long"),
        ("...", "name_without_letters"),
    ],
)
def test_names_that_may_not(name: str, code: str) -> None:
    (error,) = check_name(name)
    assert (error["code"], error["pointer"]) == (code, "/recipient/name")


def test_the_place_of_the_fault_is_told() -> None:
    (error,) = check_name("Ann\u202eeeL")
    assert error["detail"] == "Character 4 (U+202E) is not printable text."


@pytest.mark.parametrize(
    ("text", "sepa"),
    [
        ("Zoë Müller-Łukasz", "Zoe Muller-Lukasz"),
        ("Straße", "Strasse"),
        ("Ελευθέριος", "Eleytherios"),
        ("Юлия Щербакова", "Yuliya Shcherbakova"),
        ("Smith & Sons // Co.", "Smith + Sons / Co."),
        ("/leading/", "leading"),
        ("a_b [c] {d}", "a-b (c) (d)"),
        ("50% off!", "50. off."),
        ("  two   spaces\u00a0x ", "two spaces x"),
        ("ﬁrma", "firma"),
        ("“quoted”", "'quoted'"),
        ("plain (Text), 1+2: ok?", "plain (Text), 1+2: ok?"),
    ],
)
def test_the_wire_form_for_sepa(text: str, sepa: str) -> None:
    assert wire_text(text, SEPA) == sepa
    assert CHARSETS[SEPA].fullmatch(sepa)
    assert wire_text(sepa, SEPA) == sepa


def test_ascii_keeps_what_it_can() -> None:
    assert wire_text("Smith & Söns // 50%", ASCII) == "Smith & Sons // 50%"


def test_too_long_only_on_the_wire() -> None:
    """36 times sharp s are 36 characters as written and 72 on the wire."""
    name = "ß" * 36
    assert check_name(name) == []
    (error,) = check_wire_name(name, SEPA, 70, "/recipient/name")
    assert error["code"] == "name_too_long_for_rail"
    assert check_wire_name("ß" * 35, SEPA, 70, "/recipient/name") == []


@pytest.mark.parametrize("name", ["王小明", "王小明 李", "محمد"])
def test_names_without_counterpart_are_refused_by_the_rail(name: str) -> None:
    (error,) = check_wire_name(name, SEPA, 70, "/recipient/name")
    assert error["code"] == "name_not_representable"
