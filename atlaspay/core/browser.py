"""What a browser may do with the console's pages: the Content-Security-Policy of `/console/`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]

# No script but our own files runs, whatever text a recipient's name holds. Two allowances are
# django-unfold's: Alpine evaluates its attributes ('unsafe-eval'), and the theme's colours and
# style attributes are inline.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)


class ConsolePolicyMiddleware:
    """Set the policy on every answer of the console that has none of its own, and keep its pages
    out of caches: they show names and amounts."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith("/console/"):
            response.headers.setdefault("Content-Security-Policy", POLICY)
            response.headers.setdefault("Cache-Control", "no-store")
        return response
