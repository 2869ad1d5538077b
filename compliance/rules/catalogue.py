"""Every fact a rule may ask for: its name, what it is measured in, what may be asked of it, and how
it reads.

The compiler, the rule builder of the console and the documentation are driven by this one table.
"""

from dataclasses import dataclass
from enum import StrEnum

from compliance.rules.names.matcher import FLOOR


class Kind(StrEnum):
    """What a fact is; decides which operators and values fit."""

    MONEY = "money"
    NUMBER = "number"
    FLAG = "flag"
    CODE = "code"
    NAME = "name"


class Op(StrEnum):
    """What may be asked of a fact."""

    AT_LEAST = "at_least"
    ABOVE = "above"
    AT_MOST = "at_most"
    BELOW = "below"
    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"


class RuleClass(StrEnum):
    """What a rule is about; automatic approval and snoozing look at it."""

    SANCTIONS = "sanctions"
    COUNTRY = "country"
    AMOUNT = "amount"
    VELOCITY = "velocity"
    DUPLICATE = "duplicate"
    DESTINATION = "destination"
    OTHER = "other"


OPPOSITE = {
    Op.AT_LEAST: Op.BELOW,
    Op.BELOW: Op.AT_LEAST,
    Op.ABOVE: Op.AT_MOST,
    Op.AT_MOST: Op.ABOVE,
    Op.IS: Op.IS_NOT,
    Op.IS_NOT: Op.IS,
    Op.IN: Op.NOT_IN,
    Op.NOT_IN: Op.IN,
}
OP_WORDS = {
    Op.AT_LEAST: "is at least",
    Op.ABOVE: "is above",
    Op.AT_MOST: "is at most",
    Op.BELOW: "is below",
    Op.IS: "is",
    Op.IS_NOT: "is not",
    Op.IN: "is one of",
    Op.NOT_IN: "is none of",
}
ORDERED = (Op.AT_LEAST, Op.ABOVE, Op.AT_MOST, Op.BELOW)
OPERATORS: dict[Kind, tuple[Op, ...]] = {
    Kind.MONEY: ORDERED,
    Kind.NUMBER: (*ORDERED, Op.IS, Op.IS_NOT),
    Kind.FLAG: (Op.IS,),
    Kind.CODE: (Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN),
    Kind.NAME: (Op.IN, Op.NOT_IN),
}


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One fact. `words` names it inside a sentence, with `{window}` where it looks back; `yes` and
    `no` are a flag's two sentences.

    `unit` stands behind its numbers; `most` is the largest number that may be compared with,
    `least` the smallest but 0 that is ever reported;
    `values` names the sort of codes it takes (`VALUE_SORTS`).
    """

    name: str
    kind: Kind
    title: str
    words: str
    unit: str = ""
    yes: str = ""
    no: str = ""
    help: str = ""
    values: str = ""
    has_window: bool = False
    has_lists: bool = False
    most: int = 1_000_000_000
    least: int = 0

    @property
    def operators(self) -> tuple[Op, ...]:
        """Return what may be asked of it."""
        return OPERATORS[self.kind]


# What the codes of a fact or of a named list look like, as a pattern and in words.
VALUE_SORTS: dict[str, tuple[str, str]] = {
    "country": (r"[A-Z]{2}", "two-letter country codes (ISO 3166-1), such as NL"),
    "currency": (r"[A-Z]{3}", "currency codes (ISO 4217), such as EUR"),
    "corridor": (r"[A-Z]{2}-[A-Z]{2}", "partner's and recipient's country, such as NL-RU"),
    "rail": (r"[a-z][a-z0-9_]{0,15}", "rail codes, such as sepa_inst"),
    "account_type": (r"iban|us|uk", "iban, us or uk"),
    "partner": (r"pt_[0-7][0-9a-hjkmnp-tv-z]{25}", "partner ids, such as pt_01j…"),
    "name": (r"\S(.{0,138}\S)?", "names of up to 140 characters"),
}

_COUNTED = "Failed and canceled payouts do not count."
_CAPPED = f"{_COUNTED} At most 200 payouts are looked at."
_WHOLE = f"{_COUNTED} A window begins with a whole minute."

_ALL = (
    FactSpec("amount", Kind.MONEY, "Amount", "the amount"),
    FactSpec("currency", Kind.CODE, "Currency", "the currency", values="currency"),
    FactSpec(
        "recipient_country",
        Kind.CODE,
        "Recipient's country",
        "the recipient's country",
        values="country",
    ),
    FactSpec(
        "account_country",
        Kind.CODE,
        "Country of the account",
        "the country of the account",
        values="country",
        help="Of the IBAN; US or GB for domestic accounts.",
    ),
    FactSpec(
        "partner_country", Kind.CODE, "Partner's country", "the partner's country", values="country"
    ),
    FactSpec(
        "corridor",
        Kind.CODE,
        "Corridor",
        "the corridor",
        values="corridor",
        help="The partner's country and the recipient's, as NL-RU.",
    ),
    FactSpec(
        "account_abroad",
        Kind.FLAG,
        "Account in another country",
        "the account is in another country than the recipient",
        yes="The account is in another country than the recipient.",
        no="The account is in the recipient's country.",
    ),
    FactSpec("rail", Kind.CODE, "Rail", "the rail", values="rail"),
    FactSpec(
        "account_type", Kind.CODE, "Type of account", "the type of account", values="account_type"
    ),
    FactSpec("partner", Kind.CODE, "Partner", "the partner", values="partner"),
    FactSpec(
        "recipient_name",
        Kind.NAME,
        "Recipient's name",
        "the recipient's name",
        values="name",
        help="Compared without case, accents, punctuation and word order.",
    ),
    FactSpec(
        "name_similarity",
        Kind.NUMBER,
        "Likeness to a listed name",
        "the likeness to a listed name",
        unit="%",
        has_lists=True,
        most=100,
        least=FLOOR,
        help=f"Of the most similar name on the watchlists; 0 where none is {FLOOR} % alike.",
    ),
    FactSpec(
        "partner_age",
        Kind.NUMBER,
        "Partner's age",
        "the time since the partner joined",
        unit="days",
        most=36_500,
    ),
    FactSpec(
        "recipient_age",
        Kind.NUMBER,
        "Recipient's age",
        "the time since the partner first paid this recipient",
        unit="days",
        most=36_500,
        help="By name; 0 on the first day.",
    ),
    FactSpec(
        "first_to_account",
        Kind.FLAG,
        "First payout to this account",
        "it is the first payout to this account",
        yes="Nothing was sent to this account before.",
        no="This account was paid before.",
        help="By any partner.",
    ),
    FactSpec(
        "account_count",
        Kind.NUMBER,
        "Payouts to this account",
        "the number of payouts to this account within {window}, this one included,",
        unit="payouts",
        has_window=True,
        most=199,
        help=_CAPPED,
    ),
    FactSpec(
        "account_sum",
        Kind.MONEY,
        "Sum to this account",
        "the sum to this account within {window}, this one included,",
        has_window=True,
        help=f"{_CAPPED} In the payout's currency.",
    ),
    FactSpec(
        "recipient_count",
        Kind.NUMBER,
        "Payouts to this recipient",
        "the number of payouts of the partner to this recipient within {window}, this one"
        " included,",
        unit="payouts",
        has_window=True,
        most=199,
        help=f"{_CAPPED} By name, whatever the account.",
    ),
    FactSpec(
        "recipient_sum",
        Kind.MONEY,
        "Sum to this recipient",
        "the partner's sum to this recipient within {window}, this one included,",
        has_window=True,
        help=f"{_CAPPED} By name, whatever the account; in the payout's currency.",
    ),
    FactSpec(
        "partner_count",
        Kind.NUMBER,
        "Payouts of this partner",
        "the number of payouts of the partner within {window}, this one included,",
        unit="payouts",
        has_window=True,
        help=f"{_WHOLE} In the payout's currency.",
    ),
    FactSpec(
        "partner_sum",
        Kind.MONEY,
        "Sum of this partner",
        "the partner's sum within {window}, this one included,",
        has_window=True,
        help=f"{_WHOLE} In the payout's currency.",
    ),
    FactSpec(
        "destination_changed",
        Kind.FLAG,
        "Recipient's account changed",
        "the recipient's account changed within {window}",
        yes="The recipient was paid at another account before, and this one is new within"
        " {window}.",
        no="The recipient's account did not change within {window}.",
        has_window=True,
        help="Same partner and name: paid at another account before, at this one only lately.",
    ),
    FactSpec(
        "has_twin",
        Kind.FLAG,
        "Same payment in another batch",
        "another batch of the partner within {window} has the same amount to the same account",
        yes="{amount} to the same account is in another batch of the last {window} already.",
        no="No other batch of the last {window} has the same amount to the same account.",
        has_window=True,
        help="The twin is shown beside the payout.",
    ),
)
FACTS: dict[str, FactSpec] = {spec.name: spec for spec in _ALL}
