"""The readers: what each format's files say, and what is said of files that are wrong."""

import pytest

from compliance.importers.formats import open_reader
from compliance.importers.listed import ListedParty
from compliance.importers.problems import PROBLEMS_MAX, Problems
from compliance.importers.source import Source
from tests.compliance.lists import HEADER, faults, plain, read, source

SDN = (
    '36,"AEROCARIBBEAN AIRLINES",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n'
    '4106,"HERRERA BUITRAGO, Helmer","individual","SDNT] [SDGT","Chief",-0- ,-0- ,-0- ,-0- ,-0- ,'
    "-0- ,\"DOB 24 Aug 1951; alt. DOB 05 Jul 1951; nationality Colombia; a.k.a. 'PACHO';"
    " a.k.a. 'ABU-'UMAR'.\"\r\n"
    '15036,"NEPTUN",vessel,"IRAN",-0- ,"9HDZ9","Tanker","99,144",-0- ,"Malta","NITC",-0- \r\n'
)
ALT = '36,12,"aka","AERO-CARIBBEAN",-0- \r\n36,13,"fka","CARIBAIR",-0- \r\n'
ADD = '36,25,-0- ,"Havana","Cuba",-0- \r\n'
UN = """<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z"><INDIVIDUALS><INDIVIDUAL>
<DATAID>1</DATAID><FIRST_NAME>FRANK</FIRST_NAME><SECOND_NAME>BWAMBALE</SECOND_NAME>
<UN_LIST_TYPE>DRC</UN_LIST_TYPE><REFERENCE_NUMBER>CDi.002</REFERENCE_NUMBER>
<LISTED_ON>2005-11-01</LISTED_ON><NAME_ORIGINAL_SCRIPT>صدام حسين</NAME_ORIGINAL_SCRIPT>
<COMMENTS1>Left in 2008.</COMMENTS1><NATIONALITY><VALUE>Congo</VALUE></NATIONALITY>
<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Frank A; Frank B</ALIAS_NAME>
</INDIVIDUAL_ALIAS>
<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Aigle (Blanc)</ALIAS_NAME></INDIVIDUAL_ALIAS>
<INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
<INDIVIDUAL_ADDRESS><CITY>Kinshasa</CITY><COUNTRY>Congo</COUNTRY></INDIVIDUAL_ADDRESS>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1960</FROM_YEAR>
<TO_YEAR>1965</TO_YEAR></INDIVIDUAL_DATE_OF_BIRTH>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><YEAR>1970</YEAR>
</INDIVIDUAL_DATE_OF_BIRTH>
</INDIVIDUAL></INDIVIDUALS><ENTITIES><ENTITY><FIRST_NAME>ADF</FIRST_NAME>
<REFERENCE_NUMBER>CDe.001</REFERENCE_NUMBER><ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY>
<ALIAS_NAME>Hay'at (HTS (original script); Tahrir)</ALIAS_NAME></ENTITY_ALIAS></ENTITY></ENTITIES>
</CONSOLIDATED_LIST>"""
SIMPLE = (
    "id,schema,name,aliases,birth_date,countries,addresses,identifiers,sanctions,phones,emails,"
    "program_ids,dataset,first_seen,last_seen,last_change\n"
    'NK-1,Person,Ola Berg,"""Berg; Ola"";""Ola B.""",1970-01-02;1971,no;se,"Oslo, Norway",ID 5,'
    "Listed 2020,,,EU-X,EU Sanctions,2020-01-01,2026-03-02,2026-02-01T10:00:00\n"
    "NK-2,LegalEntity,Żarya Łódź,Zarya;ZARYA OOO,,ru,,,,,,,EU Sanctions,2020-01-01,2026-03-02,"
    "2026-03-01T10:00:00\n"
)


def ofac(sdn: str = SDN, alt: str = ALT, add: str = ADD) -> list[Source]:
    return [
        source(text.encode("latin-1"), role=role, name=f"{role}.csv")
        for role, text in (("sdn", sdn), ("alt", alt), ("add", add))
    ]


def test_ofac_gives_parties_with_aliases_addresses_and_weak_names_of_the_remarks() -> None:
    airline, person, ship = read("ofac", *ofac())

    assert airline == ListedParty(
        line=1,
        subject="36",
        kind="organisation",
        names=("AEROCARIBBEAN AIRLINES", "AERO-CARIBBEAN", "CARIBAIR"),
        programs=("CUBA",),
        countries=("Cuba",),
        addresses=("Havana, Cuba",),
    )
    assert (person.kind, person.names) == ("person", ("HERRERA BUITRAGO, Helmer",))
    assert person.weak == ("ABU-'UMAR", "PACHO")
    assert person.birth_dates == ("05 Jul 1951", "24 Aug 1951")
    assert person.countries == ("Colombia",)
    assert person.programs == ("SDGT", "SDNT")
    assert (ship.kind, ship.countries) == ("vessel", ("Malta",))
    assert ship.remarks == "Call sign: 9HDZ9 Vessel type: Tanker Tonnage: 99,144 Owner: NITC"


def test_ofac_reads_latin_1_and_its_end_of_file_mark() -> None:
    party, *_ = read("ofac", *ofac(sdn=SDN.replace("AEROCARIBBEAN", "AÉROCARIBE") + "\x1a"))

    assert party.names[0] == "AÉROCARIBE AIRLINES"


def test_ofac_counts_rows_that_belong_to_nobody() -> None:
    files = ofac(alt=ALT + '999,1,"aka","NOBODY",-0- \r\n')
    reader = open_reader("ofac", files, Problems())
    list(reader.parties())

    assert reader.notes == {"aliases": 3, "addresses": 1, "orphans": 1}


def test_un_gives_names_of_all_scripts_and_weak_aliases_by_their_quality() -> None:
    person, entity = read("un", source(UN, name="un.xml"))

    assert person.subject == "CDi.002"
    assert person.names == ("FRANK BWAMBALE", "Frank A", "Frank B", "صدام حسين")
    assert person.weak == ("Aigle (Blanc)",)
    assert person.birth_dates == ("1960 to 1965", "about 1970")
    assert person.countries == ("Congo",)
    assert person.addresses == ("Kinshasa, Congo",)
    assert person.remarks == "Left in 2008. Listed on: 2005-11-01."
    assert (entity.kind, entity.names) == ("organisation", ("ADF", "HTS", "Hay'at", "Tahrir"))


def test_opensanctions_gives_inner_values_quoted_or_not() -> None:
    person, company = read("opensanctions", source(SIMPLE))

    assert person.names == ("Ola Berg", "Berg; Ola", "Ola B.")
    assert (person.kind, person.birth_dates) == ("person", ("1970-01-02", "1971"))
    assert (person.countries, person.programs) == (("NO", "SE"), ("EU-X",))
    assert person.remarks == "Sanctions: Listed 2020. Identifiers: ID 5. Sources: EU Sanctions."
    assert (company.kind, company.names) == ("unknown", ("Żarya Łódź", "ZARYA OOO", "Zarya"))


def test_plain_takes_its_columns_in_any_order_and_a_byte_order_mark() -> None:
    text = '\ufeffName,Subject,Weak_Aliases\nJan Jansen,7,"De Jan; Jan Jansen"\n'

    (party,) = read("plain", source(text))

    assert (party.subject, party.names, party.weak) == ("7", ("Jan Jansen",), ("De Jan",))


def test_the_order_of_aliases_is_no_change_and_a_letter_is() -> None:
    one, other, third = read(
        "plain",
        plain("1,Jan,,a1;b2", "1,Jan,,b2;a1", "1,Jan,,b2;a1,,,,,,x"),
    )

    assert one.content_hash == other.content_hash
    assert third.content_hash != one.content_hash


@pytest.mark.parametrize(
    ("format_name", "text", "words"),
    [
        ("plain", "", "list.csv: the file is empty"),
        ("plain", b"PK\x03\x04rest", "list.csv: the file is a ZIP archive: unpack it first"),
        ("plain", b"\xff\xfea\x00", "list.csv: the file is UTF-16 text: save it as UTF-8"),
        ("plain", UN, "list.csv: the file is XML, and the format asks for CSV"),
        ("opensanctions", "<!DOCTYPE html><html>", "list.csv: the file is a web page"),
        ("un", SIMPLE, "list.csv: the file is no XML"),
        ("un", "<feed></feed>", "list.csv, line 1: the root is <feed>"),
        ("un", UN[:900], "the XML is not well-formed"),
        ("un", UN.replace("2026-02-27T00", "yesterday"), "dateGenerated “yesterday:00:09.554Z”"),
        ("opensanctions", HEADER, "line 1: no column id, schema: OpenSanctions' file begins with"),
        ("plain", "subject,nmae\n1,Jan\n", "line 1: there is no column “nmae”; is it name?"),
        ("plain", "subject,name,name\n", "line 1: the column “name” stands there twice"),
        ("plain", "subject,name\n1\n", "line 2: 1 columns where the header has 2"),
        ("plain", "subject,name\n1,\n", "line 2: the party has no name"),
        ("plain", "subject,name\n1,--\n", "line 2: the party has no name"),
        ("plain", "subject,name\n,Jan\n", "line 2: the party has no id"),
        ("plain", "subject,name,kind\n1,Jan,ghost\n", "line 2: there is no kind “ghost”"),
        ("plain", 'subject,name\n1,"Jan\n2,Piet\n', "line 2: the row cannot be read as CSV"),
        ("plain", b"subject,name\n1,J\xe4n\n", "line 2: byte 0xE4 at position 4 is no UTF-8"),
        ("plain", "subject,name\n1,J\x00n\n", "line 2: the line holds a NUL character"),
        ("plain", "subject,name\n1," + "x" * 351, "has 351 characters, at most 350 fit"),
        ("opensanctions", SIMPLE.replace("2026-02-01T", "soon"), "line 2: last_change “soon10"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    format_name: str, text: str | bytes, words: str
) -> None:
    assert words in "\n".join(faults(format_name, source(text)))


def test_ofac_rows_that_do_not_fit_are_named() -> None:
    wrong = '36,"A",-0- ,"CUBA"\r\nxx,"B",individual,P,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n'
    ghost = '7,"C",ghost,P,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n'
    after = "\x1a\r\nmore\r\n"

    assert faults("ofac", *ofac(sdn=wrong + ghost + after)) == [
        "sdn.csv, line 1: 4 columns where OFAC's sdn.csv has 12",
        "sdn.csv, line 2: “xx” is no party number",
        "sdn.csv, line 3: there is no type “ghost”: individual, vessel, aircraft or -0-",
        "sdn.csv, line 5: text after the end-of-file mark",
        "sdn.csv, line 5: 1 columns where OFAC's sdn.csv has 12",
    ]


def test_all_of_ofacs_files_are_needed() -> None:
    sdn, _, add = ofac()

    assert faults("ofac", sdn) == [
        "alt: the file is missing: the ofac format needs sdn, alt, add",
        "add: the file is missing: the ofac format needs sdn, alt, add",
    ]
    assert faults("plain", plain("1,Jan"), add) == ["add.csv: the plain format has no such file"]


def test_problems_end_at_twenty() -> None:
    found = faults("plain", source("subject,name\n" + "1\n" * 1_000))

    assert len(found) == PROBLEMS_MAX == 20
    assert found[-1] == "list.csv, line 21: 1 columns where the header has 2"


@pytest.mark.parametrize(
    "bomb",
    [
        '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:1/x"> %b;]>',
    ],
)
def test_xml_with_a_document_type_is_refused_before_anything_is_expanded(bomb: str) -> None:
    text = UN.replace("<CONSOLIDATED_LIST", bomb + "<CONSOLIDATED_LIST", 1)

    assert faults("un", source(text, name="un.xml")) == [
        "un.xml, line 2: a document type declaration is not allowed"
    ]


def test_deep_xml_is_refused() -> None:
    deep = '<CONSOLIDATED_LIST dateGenerated="2026-01-01">' + "<a>" * 50_000

    assert faults("un", source(deep)) == ["list.csv, line 1: elements stand more than 12 deep"]
