"""`POST /callbacks/<provider>/`: store the bank's message, answer 200. Nothing is believed here."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from atlaspay.core.context import set_fields
from atlaspay.core.errors import NotFoundError, PayloadTooLargeError
from payouts.services import banking, callbacks

MAX_BODY = 64 * 1024


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """Store one message of a provider; unknown providers are 404, bodies over 64 KiB 413."""
    if provider not in banking.providers():
        raise NotFoundError("No bank of this name calls here.")
    if len(request.body) > MAX_BODY:
        raise PayloadTooLargeError(f"A callback has at most {MAX_BODY} bytes.")
    set_fields(actor=f"bank:{provider}")
    headers = {name.lower(): value for name, value in request.headers.items()}
    is_new = callbacks.store(provider, headers, request.body)
    return JsonResponse({"stored": is_new})
