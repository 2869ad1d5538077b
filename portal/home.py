"""The first page: leads to the one a person's work begins with."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from portal.pages import page
from portal.rights import Right


@page(read=Right.READ)
def home(request: HttpRequest) -> HttpResponse:
    """Lead on."""
    return HttpResponseRedirect(reverse("portal:dashboard"))
