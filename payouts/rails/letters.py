"""Letters that Unicode decomposition (NFKD) does not bring into ASCII, and what stands for them.

Greek after ISO 843, Cyrillic after BGN/PCGN simplified; each line is pairs of letter and stand-in.
"""
# ruff: noqa: RUF001 - telling look-alike letters apart is what this table is for

_LATIN = (
    "ß ss ẞ SS æ ae Æ AE œ oe Œ OE ø o Ø O đ d Đ D ð d Ð D þ th Þ TH ł l Ł L ı i ŋ n Ŋ N "
    "ħ h Ħ H ŧ t Ŧ T ĸ k ſ s ə e Ə E ‐ - ‑ - ‒ - – - — - − - ‘ ' ’ ' ‚ , ‛ ' “ ' ” ' „ ' "
    "« ' » ' ′ ' ´ ' ʻ ' ʼ ' … ... € EUR £ GBP № No"
)
_GREEK = (
    "α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y "
    "φ f χ ch ψ ps ω o"
)
_CYRILLIC = (
    "а a б b в v г g д d е e ё e ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u "
    "ф f х kh ц ts ч ch ш sh щ shch ы y э e ю yu я ya є ye і i ї yi ґ g ђ dj ј j љ lj њ nj "
    "ћ c ў u џ dz ѓ gj ќ kj ѕ dz"
)


def _pairs(words: str) -> dict[str, str]:
    parts = words.split()
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _both_cases(lower: dict[str, str]) -> dict[str, str]:
    return lower | {letter.upper(): text.capitalize() for letter, text in lower.items()}


LETTERS: dict[str, str] = {
    **_pairs(_LATIN),
    **_both_cases(_pairs(_GREEK)),
    **_both_cases(_pairs(_CYRILLIC)),
    **dict.fromkeys("ъЪьЬ", ""),
}
