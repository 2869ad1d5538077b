"""What the partner API's views share."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.urls.converters import StringConverter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from partners.auth import ApiPrincipal
from payouts.selectors.pages import Page

T = TypeVar("T")


class BatchIdConverter(StringConverter):
    """A batch's public id; anything else is an unknown address."""

    regex = "bt_[0-7][0-9a-hjkmnp-tv-z]{25}"


class PayoutIdConverter(StringConverter):
    """A payout's public id; anything else is an unknown address."""

    regex = "po_[0-7][0-9a-hjkmnp-tv-z]{25}"


class PartnerView(APIView):
    """A view of one partner's own objects."""

    required_scopes: dict[str, str] = {}
    request: Request

    @property
    def principal(self) -> ApiPrincipal:
        """The key that calls."""
        return cast(ApiPrincipal, self.request.user)

    @property
    def partner_id(self) -> str:
        """The partner whose key this is."""
        return self.principal.partner_id


def page_answer(page: Page[T], shown: Callable[[T], dict[str, Any]]) -> Response:
    """Answer one page of a list."""
    return Response(
        {
            "object": "list",
            "data": [shown(row) for row in page.rows],
            "has_more": page.next_cursor is not None,
            "next_cursor": page.next_cursor,
        }
    )
