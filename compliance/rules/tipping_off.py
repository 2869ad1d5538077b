"""Words a partner must never read about a payout that was stopped.

Telling a customer that a list or a suspicion stopped a payment is tipping off (AMLD5 art. 39,
31 USC 5318(g)(2)). The text is compared without accents and invisible characters, so that neither
hides a word.
"""

import re
import unicodedata
from collections.abc import Iterable

# Stems, so that plurals and compounds are found; short words only whole, for `pep` is in `pepper`.
_STEMS = (
    # English, and who keeps lists or is told of suspicions
    r"sanction|\bofac\b|\bofsi\b|\bsdn\b|watch\s?-?list|black\s?-?list|block\s?-?list|terror"
    r"|launder|\baml\b|\bcft\b|\bpeps?\b|suspici|suspect|fraud|criminal|\bsars?\b|\bstrs?\b"
    r"|listed (?:person|name|entity|company|party)|embargo|politically exposed|money mule"
    r"|\bfincen\b|\bfiu\b|\btracfin\b|\binterpol\b|proliferation|\bnames? match"
    r"|match(?:ed|es)? (?:a|the|on) list"
    # German, Dutch
    r"|sanktion|geldw(?:a|ae)sch|schwarze liste|verdacht|betrug|sancties?\b|sanctielijst|witwas"
    # French, Spanish, Italian, Portuguese
    r"|blanchiment|liste noire|soupcon|fraude|sancion|blanqueo|lavado de|lista negra|sospech"
    r"|sanzion|riciclaggio|\bfrode\b|sospett|sanca[or]|sancoes|lavagem de|suspeit"
    # Polish, Swedish, Turkish
    r"|sankcj|pranie pienied|penningtvatt|bedrageri|yapt[iı]r[iı]m|kara para"  # noqa: RUF001
    # Russian, Ukrainian
    r"|санкц|отмыв|відмив|мошен|шахра|терр?ор|подозр|підозр"  # noqa: RUF001
)
_WORDS = re.compile(_STEMS, re.IGNORECASE)
_UNSEEN = {"Mn", "Me", "Cf", "Cc"}
_LEAST = 4  # characters of a list's name that are worth looking for


def tipping_off_words(text: str, *, names: Iterable[str] = ()) -> list[str]:
    """Return what of `text` a partner must never read, in lower case, in order and once each.

    `names` are more forbidden texts: lists' codes and titles, listed names a payout resembled.
    """
    plain = plain_text(text)
    found = [(match.start(), match.group(0).lower()) for match in _WORDS.finditer(plain)]
    for name in names:
        wanted = plain_text(name)
        if len(wanted) >= _LEAST and (
            match := re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", plain, re.IGNORECASE)
        ):
            found.append((match.start(), match.group(0).lower()))
    return list(dict.fromkeys(word for _, word in sorted(found)))


def plain_text(text: str) -> str:
    """Return the text in compatibility form, without marks and invisible characters, with single
    spaces."""
    parts = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in parts if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    return " ".join(unicodedata.normalize("NFC", kept).split())
