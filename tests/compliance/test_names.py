"""Names as a clerk compares them: pairs chosen by hand, and what an officer should see of each."""

import pytest

from compliance.rules.names import FLOOR, HITS_MAX, Listed, NameMatcher, compare, recipient_key

MATCHER = NameMatcher(
    [
        Listed("synthetic", 1, "Viktor Drazhenko"),
        Listed("synthetic", 2, "Orlan Trading FZE"),
        Listed("synthetic", 3, "Maryam Tabrizi-Kohan"),
        Listed("synthetic", 4, "Søren Kvistgaardsen"),
        Listed("synthetic", 5, "Li Weiquan Taizhou"),
    ]
)
HIT = 80


@pytest.mark.parametrize(
    ("name", "entry_id", "similarity"),
    [
        ("Viktor Drazhenko", 1, 100),
        ("  DRAZHENKO,   viktor ", 1, 100),
        ("Виктор Драженко", 1, 100),
        ("Máryam  Tabrizi\N{EN DASH}Kohan", 3, 100),
        ("Soren Kvistgaardsen", 4, 100),
        ("Taizhou Li Weiquan", 5, 100),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER V}iktor Drazhenko", 1, 100),
        ("Orlan Trading FZE", 2, 100),
        ("ORLAN TRADING LLC", 2, 99),
        ("Orlan Trading", 2, 99),
    ],
)
def test_equal_after_normalising_is_100_and_another_legal_form_is_not(
    name: str, entry_id: int, similarity: int
) -> None:
    assert [(hit["entry_id"], hit["similarity"]) for hit in MATCHER.hits(name)] == [
        (entry_id, similarity)
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # spelling
        ("Viktor Drazhenko", "Victor Drazenko"),
        ("Viktor Drazhenko", "Vitkor Drazhenko"),
        ("Youssef Benali", "Yusuf Ben Ali"),
        ("Sergei Volkov", "Sergej Wolkow"),
        ("Nurullah Nuri", "Norullah Noori"),
        ("Abu Obaida", "Abu Ubaidah"),
        ("Qasem Solemani", "Ghasem Soleymani"),
        ("Fahd Jassem al-Freij", "Fahd Jasim al-Furayj"),
        ("Jürgen Müller-Lüdenscheidt", "Juergen Mueller Luedenscheidt"),
        # order, spacing, hyphens
        ("Abdul Rahman Karimi", "Karimi, Abdulrahman"),
        ("Abd al-Rahman Karimi", "Abdelrahman Karimi"),
        ("Saif al-Din Hakim", "Saifuddin Hakim"),
        ("Park Chan-ho", "PARK Chanho"),
        ("Saif al-Din Hakim", "Saif Eddin Hakim"),
        ("Abdol Reza Karimi", "Abed al-Reza Karimi"),
        ("Kang Mun Kil", "Kangm Un Kil"),
        ("Orlan Supermarket Limited", "Orlan SupermarketLimited"),
        ("Blue Heron Shipping Ltd", "Blueheron Shipping Limited"),
        # what is left out
        ("Ivan Petrovich Sidorenko", "Ivan Sidorenko"),
        ("María Fernanda López Quintana", "María López Quintana"),
        ("Dr. Omar Bashir al-Tayeb", "Omar Bashir Tayeb"),
        ("Gul Ahmad Wazir Hakimi", "Gul Ahmad Hakimi"),
        # initials and short forms
        ("John Carter Whitfield", "J. Whitfield"),
        ("Jean-Claude Dufresne", "JC Dufresne"),
        ("William Thornbury", "Bill Thornbury"),
        ("Guillermo Torreblanca", "William Torreblanca"),
        ("Dmitri Orlov", "Mitya Orlov"),
        # scripts
        ("Khalid al-Mansouri", "خالد المنصوري"),
        ("Abdullah Hassan Qasim", "عبد الله حسن قاسم"),
        ("Natan Gershoni", "נתן גרשוני"),
        ("Wei Jianguo", "魏建国"),
        ("Kim Jong-min", "김종민"),
        ("Giorgi Beridze", "გიორგი ბერიძე"),
        ("Nikos Papadakis", "Νίκος Παπαδάκης"),
        ("Amit Sharma", "अमित शर्मा"),
        ("Khalid al-Mansouri", "خَالِد المَنْصُورِي"),
        ("Kenta Barakov", "ケンタ・バラコフ"),
        # companies
        ("Ромашка Сервис ПАО", "Romashka Servis, public joint stock company"),
        ("Meridian Fund III LP", "Meridian Fund 3 L.P."),
        ("Daxberg Aktiengesellschaft", "Daxberg AG"),
        ("Orlan Shipping Company", "Orlan Shpg Co"),
        ("Orlan Development Bank", "Orlan Development Banking Corporation"),
        ("Orlan Tekstil TOO", "Tovarishchestvo s ogranichennoy otvetstvennostyu Orlan Tekstil"),
    ],
)
def test_an_officer_should_look(a: str, b: str) -> None:
    assert compare(a, b).similarity >= HIT


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Viktor Drazhenko", "Viktor Smith"),
        ("Viktor Drazhenko", "Drazhenko"),
        ("Viktor Drazhenko", "Viktor"),
        ("Ivan Petrovich Sidorenko", "Ivan Antonovich Sidorenko"),
        ("Mahmoud Ahmed el-Sayed", "Mahmoud Khaled el-Sayed"),
        ("Abdul Rahman Karimi", "Abdul Rahim Noorzai"),
        ("Eric A. Holm", "Josh A. Holm"),
        ("Orlan Trading FZE", "Orlan Shipping FZE"),
        ("Orlan Trading FZE", "Trading FZE"),
        ("General Trading Company", "General Trading Services"),
        ("Bank of Alderney", "Bank of Guernsey"),
        ("Wei Jianguo", "魏建中"),
        ("魏建国", "魏建中"),
        ("Shop 24 Trading", "Shop 25 Trading"),
        ("Ali", "Alina"),
        ("!!!", "!!!"),
        ("", ""),
        ("Ltd", ""),
    ],
)
def test_an_officer_should_not_be_asked(a: str, b: str) -> None:
    assert compare(a, b).similarity < HIT


def test_the_hull_number_is_the_ship() -> None:
    assert compare("Horizon 7", "Horizon 7", "vessel").similarity == 100
    assert compare("Horizon Star 7", "Horizon Star 8", "vessel").similarity < FLOOR
    assert compare("Horizon Star Capital VII LP", "Horizon Star Capital VIII LP").similarity == 85


def test_a_firm_named_as_a_listed_person_is_marked_down() -> None:
    assert compare("Viktor Drazhenko", "Viktor Drazhenko LLC", "person").similarity == 95
    assert compare("Viktor Drazhenko", "Viktor Drazhenko LLC", "organisation").similarity == 99


def test_alignment_shows_what_met_what_and_what_met_nothing() -> None:
    found = compare("Abdul Rahman Karimi", "Karimi Abdulrahman Senior Bek")

    assert found.alignment == (
        ("abdul", "abdul"),
        ("rahman", "rahman"),
        ("karimi", "karimi"),
        ("", "senior"),
        ("", "bek"),
    )
    assert compare("Ivan Petrovich Sidorenko", "Ivan Sidorenko").alignment == (
        ("ivan", "ivan"),
        ("petrovich", ""),
        ("sidorenko", "sidorenko"),
    )
    (hit,) = MATCHER.hits("Драженко Victor")
    assert hit["alignment"] == [["viktor", "victor"], ["drazhenko", "драженко"]]


def test_the_nearer_name_ranks_higher() -> None:
    names = ["Viktor Drazhenko", "Victor Drazhenko", "Victor Drazenko", "Victor Drazenco"]

    similarities = [compare("Viktor Drazhenko", name).similarity for name in names]

    assert similarities == sorted(set(similarities), reverse=True)


def test_a_weak_alias_must_be_more_alike() -> None:
    listed = [
        Listed("x", 1, "Viktor Drazhenko", party=7),
        Listed("x", 2, "Anton Belozyor", "weak", "person", 8),
    ]
    matcher = NameMatcher(listed)

    (strong,) = matcher.hits("Viktor Drazenko")
    (weak,) = matcher.hits("Anton Belozyor")

    assert (strong["strength"], strong["party"]) == ("strong", 7)
    assert (weak["strength"], weak["party"], weak["similarity"]) == ("weak", 8, 92)
    assert all(hit["similarity"] < HIT for hit in matcher.hits("Anton Belosjor"))


def test_one_hit_a_party_with_its_best_name() -> None:
    matcher = NameMatcher(
        [
            Listed("x", 1, "Viktor Drazhenkow", party=7),
            Listed("x", 2, "Viktor Drazhenko", party=7),
            Listed("x", 3, "Viktor Drazhenko", party=9),
            Listed("y", 4, "Viktor Drazhenko", party=7),
            Listed("x", 5, "Viktor Drazhenko"),
        ]
    )

    hits = matcher.hits("Viktor Drazhenko")

    assert [(hit["list"], hit["entry_id"], hit["similarity"]) for hit in hits] == [
        ("x", 2, 100),
        ("x", 3, 100),
        ("y", 4, 100),
        ("x", 5, 100),
    ]


def test_hits_are_capped_best_first() -> None:
    matcher = NameMatcher(Listed("x", n, "Viktor Drazhenko") for n in range(1, 60))

    assert len(matcher.hits("Viktor Drazhenko")) == HITS_MAX


def test_a_part_of_the_index_scores_as_the_whole_does() -> None:
    listed = [Listed("x", n, f"Hassan Word{'abcdefghij'[n]}") for n in range(10)]
    listed.append(Listed("x", 20, "Hassan Drazhenko"))
    whole = NameMatcher(listed)
    part = whole.part([20])

    assert len(part) == 1
    assert part.hits("Hasan Drazenko") == whole.hits("Hasan Drazenko")
    assert part.hits("Hassan Worda") == ()


def test_rarity_lets_a_common_word_say_less() -> None:
    listed = [Listed("x", n, f"Zoltan {'BCDFGHKLMNPRST'[n]}orvath") for n in range(14)]
    matcher = NameMatcher([*listed, Listed("x", 50, "Zoltan Quibbert Ferenc")])

    flat = compare("Zoltan Quibbert Ferenc", "Quibbert Ferenc")
    weighed = compare("Zoltan Quibbert Ferenc", "Quibbert Ferenc", weigh=matcher.rarity)

    assert flat.similarity == 87
    assert weighed.similarity == 88
    assert matcher.hits("Quibbert Ferenc")[0]["similarity"] == 88


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Viktor  DRAZHENKO", "drazhenko viktor"),
        ("Драженко, Виктор", "drazhenko viktor"),
        ("Søren O'Neill", "oneill soren"),
        ("Orlan Trading L.L.C.", "llc orlan trading"),
        ("魏建国", "建国 魏"),
        ("أحمد علي", "احمد علي"),
        ("!!!", ""),
    ],
)
def test_recipient_key(name: str, key: str) -> None:
    assert recipient_key(name) == key


def test_recipient_keys_tell_apart_what_may_not_be_cleared_together() -> None:
    assert recipient_key("李伟") != recipient_key("黎伟")
    assert recipient_key("Orlan Trading LLC") != recipient_key("Orlan Trading FZE")
    assert recipient_key("Viktor Drazhenko") != recipient_key("Viktor P Drazhenko")
    assert len(recipient_key("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM} " * 70)) <= 300
