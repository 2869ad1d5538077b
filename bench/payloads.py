"""Bodies of batches that settle and that no rule flags: unique accounts, small amounts, odd
names.
"""

import json
import random
from collections.abc import Iterator

BANK = "ATLS"
PLAIN_ENDINGS = range(24, 100)  # the sandbox bank plays its tricks on 00 to 23
AMOUNT_MAX_MINOR = 49_999
_ONSETS = ("B", "D", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "T", "V", "W")
_VOWELS = ("a", "e", "i", "o", "u")
_ENDS = ("", "n", "r", "s", "l", "m")


def iban(number: int) -> str:
    """Return the Dutch IBAN of a ten-digit account at the sandbox bank (ISO 13616 check digits)."""
    account = f"{number:010d}"
    digits = "".join(str(int(letter, 36)) for letter in f"{BANK}{account}NL00")
    return f"NL{98 - int(digits) % 97:02d}{BANK}{account}"


class Payloads:
    """An endless supply; one instance a run, so that no account and no reference comes twice."""

    def __init__(self, *, seed: int = 1, prefix: str = "bench") -> None:
        self._random = random.Random(seed)
        self._prefix = prefix
        self._batch = 0
        self._accounts = self._fresh_accounts()

    def batch(self, size: int) -> tuple[str, bytes]:
        """Return the batch's reference and its JSON body of `size` payouts in EUR."""
        self._batch += 1
        reference = f"{self._prefix}-{self._batch:06d}"
        body = {
            "reference": reference,
            "currency": "EUR",
            "payouts": [
                {
                    "reference": f"{reference}-{index:05d}",
                    "amount_minor": self._random.randint(100, AMOUNT_MAX_MINOR),
                    "recipient": {
                        "name": self.name(),
                        "country": "NL",
                        "account": {"type": "iban", "iban": iban(next(self._accounts))},
                    },
                    "description": f"Order {index}",
                }
                for index in range(size)
            ],
        }
        return reference, json.dumps(body, separators=(",", ":")).encode()

    def name(self) -> str:
        """Return an invented name of two words."""
        return f"{self._word(2)} {self._word(3)}"

    def _word(self, syllables: int) -> str:
        chosen = self._random.choice
        parts = [chosen(_ONSETS) + chosen(_VOWELS) + chosen(_ENDS) for _ in range(syllables)]
        return "".join(parts).capitalize()

    def _fresh_accounts(self) -> Iterator[int]:
        """Yield account numbers that were not yielded before and whose ending plays no trick."""
        step = 7_368_787  # prime, so that the walk meets each stem once before it repeats
        stem = self._random.randrange(10**8)
        while True:
            yield stem * 100 + self._random.choice(PLAIN_ENDINGS)
            stem = (stem + step) % 10**8
