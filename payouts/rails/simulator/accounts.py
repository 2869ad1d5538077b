"""GET /v1/accounts and below: balances, entries, notifications, statements."""

from datetime import date

from payouts.rails.simulator import camt
from payouts.rails.simulator.exchange import XML, Exchange
from payouts.rails.simulator.queries import (
    LONGEST_PAGE,
    PAGE,
    not_found,
    number,
    parameters,
    wants_xml,
)
from payouts.rails.simulator.records import Account, day_from
from payouts.rails.simulator.sandbox import Sandbox
from payouts.rails.simulator.statements import entry_view, statement_view


class AccountDoor:
    """Reads accounts; `after_seq` pages through entries in booking order."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def list_all(self, exchange: Exchange) -> None:
        accounts = self._sandbox.bank.accounts.values()
        exchange.send_json(200, {"data": [account.view() for account in accounts]})

    def route(self, exchange: Exchange, name: str, rest: list[str]) -> None:
        account = self._sandbox.bank.accounts.get(name)
        if account is None:
            not_found(exchange)
            return
        match rest:
            case []:
                exchange.send_json(200, account.view())
            case ["entries"]:
                self._entries(exchange, account)
            case ["notifications"]:
                self._notifications(exchange, account)
            case ["statements", day]:
                self._statement(exchange, account, day)
            case _:
                not_found(exchange)

    def _page(self, exchange: Exchange, account: Account) -> tuple[int, int]:
        query = parameters(exchange, {"after_seq", "limit"})
        after = number(query, "after_seq", 0, 10**12)
        return after, number(query, "limit", PAGE, LONGEST_PAGE) or PAGE

    def _entries(self, exchange: Exchange, account: Account) -> None:
        after, limit = self._page(exchange, account)
        bank = self._sandbox.bank
        entries = account.entries[after : after + limit]
        exchange.send_json(
            200,
            {
                "account_id": account.id,
                "data": [entry_view(item, account, bank) for item in entries],
                "last_seq": entries[-1].seq if entries else after,
                "has_more": after + len(entries) < len(account.entries),
            },
        )

    def _notifications(self, exchange: Exchange, account: Account) -> None:
        after, limit = self._page(exchange, account)
        bank = self._sandbox.bank
        entries = account.entries[after : after + limit]
        if wants_xml(exchange):
            document = camt.notification(account, entries, bank)
            exchange.send(200, document, XML)
            return
        exchange.send_json(
            200,
            {
                "account_id": account.id,
                "data": [entry_view(item, account, bank, noticed=True) for item in entries],
                "last_seq": entries[-1].seq if entries else after,
                "has_more": after + len(entries) < len(account.entries),
            },
        )

    def _statement(self, exchange: Exchange, account: Account, text: str) -> None:
        try:
            day = day_from(date.fromisoformat(text))
        except ValueError:
            exchange.send_error(422, "validation_failed", "The date is not YYYY-MM-DD.")
            return
        bank = self._sandbox.bank
        if wants_xml(exchange):
            exchange.send(200, camt.statement(account, day, bank), XML)
        else:
            exchange.send_json(200, statement_view(account, day, bank))
