"""The portal's menu, in its order. A page that belongs there adds its line."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from portal.rights import Right
from portal.scope import Scope


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: the page it opens, and the beginning of the addresses it stands for."""

    title: str
    url_name: str
    right: Right = Right.READ


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as a page shows it."""

    title: str
    url: str
    is_here: bool


ITEMS: tuple[Item, ...] = (
    Item("Dashboard", "dashboard"),
    Item("Batches", "batches"),
    Item("Payouts", "payouts"),
    Item("Balance", "balance"),
    Item("Webhooks", "webhooks"),
    Item("Event log", "events"),
    Item("API keys", "keys"),
    Item("Members", "members", Right.MEMBERS),
)


def menu(scope: Scope, path: str) -> Iterator[Shown]:
    """Yield what this person may open; `is_here` marks the entry that `path` lies under."""
    shown = [
        (item.title, reverse(f"portal:{item.url_name}")) for item in ITEMS if scope.may(item.right)
    ]
    # The longest address that the path lies under: the first page lies under all of them.
    here = max((url for _, url in shown if path.startswith(url)), key=len, default="")
    for title, url in shown:
        yield Shown(title, url, url == here)
