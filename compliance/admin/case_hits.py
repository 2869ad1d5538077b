"""Listed names beside the recipient's, token by token, and the five questions that tell a true
match from a namesake.

The questions follow the order in which OFAC has its own lists' matches assessed (its FAQ 5,
"Assessing OFAC Name Matches"); the answers beside them are what the platform knows.
"""

from dataclasses import dataclass
from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from atlaspay.core import console
from atlaspay.core.clock import now
from atlaspay.core.console import Fact
from compliance.admin.words import company_words
from compliance.models import SafeMatch, WatchlistEntry, WatchlistParty
from compliance.selectors.evidence import ListedHit
from payouts.models import Payout

OLD_LIST_DAYS = 7
ADDRESSES_MAX, REMARKS_MAX = 4, 600


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the listed name and the word of the recipient's name it met; one is empty where
    it met none."""

    listed: str
    met: str

    @property
    def tone(self) -> str:
        """Return how well the two agree: same, near, or none."""
        if self.listed == self.met:
            return "same"
        return "near" if self.listed and self.met else "none"

    @property
    def words(self) -> str:
        """Return the tone for who does not see colours."""
        return {"same": "same", "near": "alike", "none": "no match"}[self.tone]


@dataclass(frozen=True, slots=True)
class Hit:
    """One listed name, as the page shows it."""

    name: str
    similarity: int
    badges: list[SafeString]
    tokens: list[Token]
    facts: list[Fact]
    safe: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One of the five, with what the platform knows and whether that speaks for a match."""

    title: str
    answer: str
    badge: SafeString
    if_not: str


def hit_of(found: ListedHit, payout: Payout, safe: list[SafeMatch]) -> Hit:
    """Return a hit with its party's details."""
    entry = found.entry
    hit = found.found
    badges = [console.badge(f"{found.similarity} % alike", "bad")]
    facts: list[Fact] = []
    is_safe = False
    if entry is not None:
        party = entry.party
        is_weak = entry.strength == WatchlistEntry.Strength.WEAK
        badges.append(console.badge(entry.get_strength_display(), "idle" if is_weak else "warn"))
        if party.removed_in is not None or entry.removed_in is not None:
            badges.append(console.badge("No longer listed", "idle"))
        is_safe = any(match.party_id == party.pk for match in safe)
        if is_safe:
            badges.append(console.badge("Found to be another person before", "good"))
        facts = _party_facts(party, found.other_names)
    return Hit(
        name=str(hit.get("entry", "")),
        similarity=found.similarity,
        badges=badges,
        tokens=[Token(str(listed), str(met)) for listed, met in hit.get("alignment", ())],
        facts=facts,
        safe=is_safe,
    )


def _party_facts(party: WatchlistParty, other_names: tuple[str, ...]) -> list[Fact]:
    watchlist = party.watchlist
    age = (now().date() - watchlist.published_on).days
    published = format_html(
        "{} {}",
        f"{watchlist.published_on:%d %b %Y}",
        console.badge(f"{age} days old", "warn") if age > OLD_LIST_DAYS else "",
    )
    given = [
        ("Programmes", party.programs, False),
        ("Birth dates", party.birth_dates, False),
        ("Countries", party.countries, False),
        ("Also known as", list(other_names), True),
        ("Addresses", party.addresses[:ADDRESSES_MAX], True),
        ("Remarks", [party.remarks[:REMARKS_MAX]] if party.remarks else [], True),
    ]
    facts = [
        Fact("List", watchlist.title),
        Fact("List published", published),
        Fact("Listed as", party.get_kind_display()),
        Fact("Number there", console.code(party.subject)),
        *(Fact(label, _lines(values), wide) for label, values, wide in given if values),
    ]
    if missing := [label.lower() for label, values, _ in given[:-1] if not values]:
        facts.append(Fact("The list does not give", ", ".join(missing), wide=True))
    return facts


def _lines(values: list[str]) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", ((value,) for value in values))


def questions(hits: list[ListedHit], payout: Payout) -> list[Question]:
    """Return the five questions answered for the hit that is most alike; none without a hit."""
    best = next((hit for hit in hits if hit.entry is not None), None)
    if best is None or best.entry is None:
        return []
    party = best.entry.party
    return [
        _which_list(party),
        _same_kind(party, payout),
        _how_much(best),
        _what_else(party, payout),
        _sum_up(hits),
    ]


def _which_list(party: WatchlistParty) -> Question:
    answer = f"{party.watchlist.title}, published {_day(party.watchlist.published_on)}."
    if party.programs:
        answer += f" Listed under {', '.join(party.programs[:4])}."
    return Question(
        "Is it a sanctions list that binds us?",
        answer,
        console.badge("Look", "info"),
        "If it is another kind of list, its own rules say what follows.",
    )


def _same_kind(party: WatchlistParty, payout: Payout) -> Question:
    looks_like_company = company_words(payout.recipient_name)
    kind = party.get_kind_display().lower()
    answer = f"The listed party is a {kind}; the recipient's name reads like"
    answer += f" a company's ({looks_like_company})." if looks_like_company else " a person's."
    is_person = party.kind == WatchlistParty.Kind.PERSON
    differs = party.kind != WatchlistParty.Kind.UNKNOWN and is_person == bool(looks_like_company)
    if party.kind == WatchlistParty.Kind.UNKNOWN:
        answer = "The list does not say what kind of party it is."
    return Question(
        "Are both of one kind: person, company, vessel?",
        answer,
        _leaning(None if party.kind == WatchlistParty.Kind.UNKNOWN else not differs),
        "A person is not a vessel of the same name: no match.",
    )


def _how_much(best: ListedHit) -> Question:
    tokens = [Token(str(listed), str(met)) for listed, met in best.found.get("alignment", ())]
    listed = [token for token in tokens if token.listed]
    met = [token for token in listed if token.met]
    exact = [token for token in listed if token.tone == "same"]
    extra = [token.met for token in tokens if not token.listed]
    answer = f"{len(met)} of {len(listed)} listed words met, {len(exact)} exactly."
    if extra:
        answer += f" The recipient has more: {', '.join(extra)}."
    return Question(
        "How much of the whole name agrees?",
        answer,
        _leaning(len(met) == len(listed) and len(listed) > 1),
        "One word of several, such as a surname alone, is no match.",
    )


def _what_else(party: WatchlistParty, payout: Payout) -> Question:
    known = [f"paid in {payout.recipient_country}"]
    listed = [
        words
        for words, values in (
            ("born", party.birth_dates),
            ("countries", party.countries),
            ("addresses", party.addresses),
        )
        if values
    ]
    answer = f"Of the recipient we know: {', '.join(known)}. The list gives "
    answer += f"{', '.join(listed)}." if listed else "nothing but names."
    countries = {country.upper() for country in party.countries}
    agrees = True if payout.recipient_country in countries else None
    return Question(
        "Do birth date, nationality, address and aliases agree?",
        answer,
        _leaning(agrees),
        "If too little is known to compare, ask the partner before deciding.",
    )


def _sum_up(hits: list[ListedHit]) -> Question:
    count = len(hits)
    answer = f"{count} listed {'name' if count == 1 else 'names'} resemble the recipient's."
    return Question(
        "Do several things agree, or agree exactly?",
        answer,
        console.badge("Your judgement", "info"),
        "Then treat it as a match: reject or escalate, and report as your rules ask.",
    )


def _leaning(speaks_for: bool | None) -> SafeString:
    if speaks_for is None:
        return console.badge("Not known", "idle")
    return console.badge("Agrees", "bad") if speaks_for else console.badge("Differs", "good")


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"
