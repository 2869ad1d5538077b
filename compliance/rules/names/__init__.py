"""Names compared across scripts, spellings and word orders, and an index over the listed ones.

Pure: knows no database and no Django. docs/names.md says how it works and how well.
"""

from compliance.rules.names.listed import Comparison, Listed, Matcher
from compliance.rules.names.matcher import FLOOR, HITS_MAX, NameMatcher
from compliance.rules.names.pieces import recipient_key
from compliance.rules.names.rarity import Rarity
from compliance.rules.names.score import compare

# Changes with every change of what is found or of its similarity; a run keeps it with its lists.
MATCHER_VERSION = "names/4"

__all__ = [
    "FLOOR",
    "HITS_MAX",
    "MATCHER_VERSION",
    "Comparison",
    "Listed",
    "Matcher",
    "NameMatcher",
    "Rarity",
    "compare",
    "recipient_key",
]
