"""How urgent an amount makes a case: an order for the queue, never an amount of money.

Rates are rough and dated (ECB reference rates of mid 2025, rounded); a queue needs no better.
"""

import math

from atlaspay.core.money import EXPONENTS

# Units of the currency to one euro.
_PER_EUR = {
    "AED": 4.2, "AUD": 1.8, "BGN": 2, "BHD": 0.44, "BRL": 6.4, "CAD": 1.6, "CHF": 0.94,
    "CLP": 1_090, "CNY": 8.4, "CZK": 24.8, "DKK": 7.5, "EUR": 1, "GBP": 0.86, "HKD": 9.1,
    "HUF": 400, "ILS": 4, "INR": 100, "ISK": 143, "JOD": 0.83, "JPY": 170, "KRW": 1_590,
    "KWD": 0.36, "MXN": 21.9, "MYR": 4.9, "NOK": 11.8, "NZD": 1.9, "OMR": 0.45, "PHP": 66,
    "PLN": 4.3, "RON": 5.1, "SEK": 11.1, "SGD": 1.5, "THB": 38, "TND": 3.4, "TRY": 47,
    "USD": 1.17, "VND": 30_700, "ZAR": 20.7,
}  # fmt: skip
DECADES = 7


def urgency(amount_minor: int, currency: str) -> float:
    """Return 0.0 (a euro or less) to 0.7 (ten million and more), a tenth for each digit more.

    That share of the time officers have is taken off a case's due time to rank it. An unknown
    currency counts as euros.
    """
    units = amount_minor / 10 ** EXPONENTS.get(currency, 2) / _PER_EUR.get(currency, 1)
    return min(max(math.log10(max(units, 1.0)), 0.0), DECADES) / 10
