"""The upload of a list: the same service, checks and words as the command."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from atlaspay.core.errors import ConflictError, FieldError, InvalidRequestError
from compliance.importers.formats import FORMATS
from compliance.importers.problems import UnfitFileError
from compliance.importers.source import Source
from compliance.models import Watchlist
from compliance.services.watchlist_checks import PERMISSION, Accept
from compliance.services.watchlists import Outcome, import_list

if TYPE_CHECKING:
    from compliance.admin.watchlists import WatchlistAdmin

UPLOAD_MAX = 32 * 1024 * 1024
ROLES = ("list", "sdn", "alt", "add")
_KEPT = ("code", "title", "format", "published_on")
_ACCEPTED = {
    "shrink": "The list may lose more than a fifth",
    "mismatch": "OFAC's three files need not fit each other",
    "older": "Go back to an older publication",
}


def import_view(model_admin: "WatchlistAdmin", request: HttpRequest) -> HttpResponse:
    """Show the form; on POST import, or say what an import would change, or why it is refused."""
    user = request.user
    if not isinstance(user, AbstractBaseUser) or not user.has_perm(PERMISSION):
        raise PermissionDenied
    known = Watchlist.objects.filter(code=request.GET.get("code", "")).first()
    typed = {"code": known.code, "format": known.format} if known else {"format": "ofac"}
    context: dict[str, Any] = {"typed": typed}
    if request.method == "POST":
        context = {"typed": {name: request.POST.get(name, "") for name in _KEPT}}
        try:
            outcome = _take(request, user)
        except UnfitFileError as error:
            context |= {"refusal": error.detail.partition(";")[0], "problems": error.problems}
        except InvalidRequestError as error:
            context |= {"refusal": error.detail, "problems": _details(error.errors)}
        except ConflictError as error:
            context |= {"refusal": error.detail, "accept": str(error.extra.get("accept", ""))}
        else:
            if not outcome.is_dry_run:
                return _done(request, outcome)
            context["outcome"] = outcome
    context |= {
        "formats": Watchlist.Format.choices,
        "lists": Watchlist.objects.order_by("code"),
        "accepted": _ACCEPTED.items(),
        "given": set(request.POST.getlist("accept")),
        "limit_mb": UPLOAD_MAX // (1024 * 1024),
    }
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Import a watchlist",
        "heading": "Import a watchlist",
        "summary": "One publication becomes one revision, whole or not at all.",
        **context,
    }
    status = 422 if "refusal" in context else 200
    template = "admin/compliance/watchlist/import.html"
    return TemplateResponse(request, template, frame, status=status)


def _take(request: HttpRequest, user: AbstractBaseUser) -> Outcome:
    files = [(role, upload) for role in ROLES if (upload := request.FILES.get(role)) is not None]
    if sum(upload.size or 0 for _, upload in files) > UPLOAD_MAX:
        raise InvalidRequestError(
            f"Nothing was imported. The files are larger than {UPLOAD_MAX // (1024 * 1024)} MB"
            " together: use the command import_watchlist."
        )
    form = FORMATS.get(request.POST.get("format", ""))
    roles = form.roles if form else ROLES
    given = request.POST.getlist("accept")
    return import_list(
        request.POST.get("code", "").strip(),
        format_name=request.POST.get("format", ""),
        sources=[
            Source(role, (upload.name or role)[:120], cast("BinaryIO", upload.file))
            for role, upload in files
            if role in roles and upload.file is not None
        ],
        published_on=_date(request.POST.get("published_on", "").strip()),
        title=request.POST.get("title", "").strip(),
        accept=Accept(**{name: name in given for name in _ACCEPTED}),
        user=user,
        dry_run=request.POST.get("step") != "import",
    )


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        detail = "A day such as 2026-02-27."
        error = FieldError(pointer="/published_on", code="format", detail=detail)
        raise InvalidRequestError(f"Nothing was imported. {detail}", errors=[error]) from None


def _details(errors: Sequence[FieldError]) -> list[str]:
    return [f"{error['pointer'].strip('/')}: {error['detail']}" for error in errors]


def _done(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    counts = outcome.counts
    if outcome.is_changed:
        words = f"{counts.added:,} added, {counts.changed:,} changed, {counts.removed:,} removed"
        rescreen = "; a rescreen began" if outcome.rescreen_id else ""
        messages.success(
            request,
            f"{outcome.title} of {outcome.published_on:%d %b %Y} is revision"
            f" {outcome.revision}: {words}{rescreen}.",
        )
    else:
        messages.info(request, f"{outcome.title}: this publication is here already, no change.")
    return HttpResponseRedirect(reverse("admin:compliance_watchlist_change", args=[outcome.code]))
