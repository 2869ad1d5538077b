"""Money: integer minor units with their ISO 4217 currency, never a float. Knows no Django."""

from dataclasses import dataclass

from atlaspay.core.errors import CurrencyMismatchError, UnknownCurrencyError

# ISO 4217 list one, minor units; the currencies a rail of ours can carry and their odd cousins for tests.
EXPONENTS: dict[str, int] = {
    "AED": 2, "AUD": 2, "BGN": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "CZK": 2,
    "DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "ILS": 2, "INR": 2, "ISK": 0, "JOD": 3, "JPY": 0,
    "KRW": 0, "KWD": 3, "MXN": 2, "MYR": 2, "NOK": 2, "NZD": 2, "OMR": 3, "PHP": 2, "PLN": 2, "RON": 2,
    "SEK": 2, "SGD": 2, "THB": 2, "TND": 3, "TRY": 2, "USD": 2, "VND": 0, "ZAR": 2,
}  # fmt: skip

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
