"""Money: integer minor units with their ISO 4217 currency, never a float. Knows no Django."""

from dataclasses import dataclass

from atlaspay.core.errors import CurrencyMismatchError, UnknownCurrencyError

# ISO 4217 list one, minor units; the currencies a rail of ours can carry and their odd cousins for
# tests.
_BY_EXPONENT = {
    0: "CLP ISK JPY KRW VND",
    2: "AED AUD BGN BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR "
    "MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY USD ZAR",
    3: "BHD JOD KWD OMR TND",
}
EXPONENTS: dict[str, int] = {
    currency: digits for digits, names in _BY_EXPONENT.items() for currency in names.split()
}

MAX_MINOR = 2**53 - 1  # exact in every JSON reader, far above any rail's limit


def exponent(currency: str) -> int:
    """Return the number of decimal digits of a currency (JPY 0, EUR 2, KWD 3)."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrencyError(f"{currency!r} is not a currency AtlasPay knows.") from None


def decimal_text(amount_minor: int, currency: str) -> str:
    """Return the plain decimal, such as `12.30` for 1230 EUR and `-0.005` for -5 KWD."""
    digits = exponent(currency)
    sign = "-" if amount_minor < 0 else ""
    text = str(abs(amount_minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"


def display(amount_minor: int, currency: str) -> str:
    """Return the amount for people, such as `1,230.00 EUR`."""
    whole, dot, cents = decimal_text(abs(amount_minor), currency).partition(".")
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{int(whole):,}{dot}{cents} {currency}"


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in integer minor units and its currency; adding two currencies raises."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + (-other)

    def __str__(self) -> str:
        return display(self.amount_minor, self.currency)
