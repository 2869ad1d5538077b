"""A person's own account."""

from django.http import HttpRequest, HttpResponse

from portal.pages import page, show
from portal.rights import ROLE_WORDS, Right
from portal.scope import scoped


@page(read=Right.OWN)
def account(request: HttpRequest) -> HttpResponse:
    """Show who is signed in, and as what."""
    scope = scoped(request)
    return show(request, "portal/account.html", {"role_words": ROLE_WORDS[scope.role]})
