"""`/v1/balance`: the partner's money as the ledger has it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.selectors import Entry
from partners.models import Scope
from payouts.api import balance_shapes, examples
from payouts.api.base import PartnerView, page_answer
from payouts.api.openapi import query_parameters, shape
from payouts.api.queries import EntriesQuery, read_query
from payouts.representation import instant
from payouts.selectors.balance import entries_page, funds_of


class BalanceView(PartnerView):
    """The balances of the key's partner."""

    required_scopes = {"GET": Scope.BALANCE_READ}

    @extend_schema(
        operation_id="get_balance",
        summary="Read the balance",
        tags=["balance"],
        responses={200: shape(balance_shapes.Balance)},
        examples=[examples.BALANCE],
    )
    def get(self, request: Request) -> Response:
        """Read what is available, reserved and in transit, per currency."""
        balances = [
            {
                "currency": funds.currency,
                "available_minor": funds.available_minor,
                "reserved_minor": funds.reserved_minor,
                "in_transit_minor": funds.in_transit_minor,
            }
            for funds in funds_of(self.partner_id)
        ]
        return Response({"object": "balance", "balances": balances})


class BalanceEntriesView(PartnerView):
    """The ledger lines behind the balances."""

    required_scopes = {"GET": Scope.BALANCE_READ}

    @extend_schema(
        operation_id="list_balance_entries",
        summary="List balance entries",
        tags=["balance"],
        parameters=query_parameters(EntriesQuery),
        responses={200: shape(balance_shapes.BalanceEntryPage)},
    )
    def get(self, request: Request) -> Response:
        """List what changed the balances, newest first."""
        query = read_query(request.query_params.dict(), EntriesQuery)
        page = entries_page(
            self.partner_id,
            currency=query.currency or "",
            account=query.account or "",
            cursor=query.cursor,
            limit=query.limit,
        )
        return page_answer(page, _entry)


def _entry(entry: Entry) -> dict[str, Any]:
    is_payout = entry.reference.startswith("po_")
    return {
        "id": f"le_{entry.id}",
        "kind": entry.kind,
        "account": entry.account.split(":")[2],
        "change_minor": entry.change_minor,
        "currency": entry.currency,
        "payout_id": entry.reference if is_payout else None,
        "created_at": instant(entry.created_at),
    }
