"""Buttons of support: each is a POST with a reason, calls one service and says what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)


@dataclass(frozen=True, slots=True)
class Button:
    """One action of a page: what it says, what it does in words, and where it is sent."""

    name: str
    label: str
    lead: str
    url: str
    tone: str = "go"


def act(
    request: HttpRequest, page: str, pk: int, service: Callable[..., Any], done: str
) -> HttpResponse:
    """Call a service with the posted reason and lead back to the object's page."""
    try:
        service(request, pk, reason=request.POST.get("reason", ""))
    except PermissionRefusedError as error:
        raise PermissionDenied(error.detail) from None
    except NotFoundError as error:
        raise Http404(error.detail) from None
    except (ConflictError, InvalidRequestError) as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, done)
    return HttpResponseRedirect(reverse(page, args=[pk]))
