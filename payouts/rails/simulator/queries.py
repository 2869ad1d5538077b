"""Small change of both planes: query parameters, content negotiation, not found."""

from urllib.parse import parse_qsl

from payouts.rails.simulator.exchange import Exchange

PAGE = 100
LONGEST_PAGE = 1000


class QueryError(Exception):
    """A query parameter is wrong."""


def not_found(exchange: Exchange) -> None:
    exchange.send_error(404, "not_found", "There is no such resource.")


def wants_xml(exchange: Exchange) -> bool:
    return b"xml" in exchange.headers.get(b"accept", b"").lower()


def parameters(exchange: Exchange, known: set[str]) -> dict[str, str]:
    """Return the query's parameters; QueryError if one is unknown or comes twice."""
    pairs = parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True)
    query = dict(pairs)
    unknown = set(query) - known
    if unknown or len(query) != len(pairs):
        raise QueryError(f"Each of {', '.join(sorted(known))} may be given once, no other.")
    return query


def number(query: dict[str, str], name: str, default: int, most: int) -> int:
    """Return a whole number from the query, at most `most`; QueryError if it is none."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 15 or int(text) > most:
        raise QueryError(f"{name} is a whole number from 0 to {most}.")
    return int(text)
