"""A batch as a file: upload, preview, submit. Nothing is submitted before it was looked at."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core import clock
from atlaspay.core.errors import ProblemError
from partners.throttles import take_items
from payouts.rails.registry import RAIL_NAMES
from payouts.services.intake_csv import COLUMNS
from payouts.services.preview import preview
from portal import uploads
from portal.batch_file import BatchFile, read_file, too_large
from portal.models import Upload
from portal.pages import page, show
from portal.preview_table import FAULTY_ROWS_SHOWN, faulty_rows, rails_used
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.words import RAILS

DUPLICATES_SHOWN = 20


class UploadForm(forms.Form):
    """What a batch says beside its rows."""

    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    reference = forms.CharField(
        label="Your reference",
        max_length=64,
        help_text="Each batch has its own; it is on every statement of ours.",
    )
    currency = forms.CharField(
        label="Currency",
        required=False,
        max_length=3,
        help_text="Three letters. Leave it out where the file has a currency column.",
    )
    rail = forms.ChoiceField(
        label="Rail",
        required=False,
        choices=[("", "The best for each payout"), *((r, RAILS[r]) for r in RAIL_NAMES)],
    )
    execute_at = forms.DateTimeField(
        label="Pay at (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Leave it out to pay at once.",
    )
    atomic = forms.BooleanField(label="All or nothing: one faulty row refuses all", required=False)

    def parameters(self) -> dict[str, str]:
        """Return what goes beside the body, as the API takes it."""
        given = self.cleaned_data
        at: datetime | None = given["execute_at"]
        made = {
            "reference": given["reference"].strip(),
            "currency": given["currency"].strip().upper(),
            "rail": given["rail"],
            "execute_at": at.astimezone(UTC).isoformat() if at else "",
            "atomic": "true" if given["atomic"] else "",
        }
        return {name: value for name, value in made.items() if value}


@page(read=Right.PAYOUTS, change=Right.PAYOUTS)
def new(request: HttpRequest) -> HttpResponse:
    """Take a file and lead to its preview; a file nobody can read is refused at once."""
    scope = scoped(request)
    if request.method != "POST":
        reference = f"batch-{clock.now():%Y%m%d-%H%M}"
        return _form_page(request, UploadForm(initial={"reference": reference}))
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form_page(request, form, status=422)
    try:
        found = form.cleaned_data["file"]
        file = read_file(_bytes(found))
        parameters = form.parameters()
        _tried(scope, file, parameters)
    except ProblemError as error:
        return _form_page(request, form, error=error, status=error.status)
    made = uploads.keep(scope, found.name or "", file, parameters)
    return HttpResponseRedirect(reverse("portal:upload", args=[made.id]))


@page(read=Right.PAYOUTS)
def sample(request: HttpRequest) -> HttpResponse:
    """Return a file with the columns' names and nothing below."""
    answer = HttpResponse(",".join(COLUMNS) + "\r\n", content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="payouts.csv"'
    return answer


@page(read=Right.PAYOUTS)
def look(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Show what submitting would do, reckoned anew each time."""
    scope = scoped(request)
    upload = scope.get(Upload, upload_id)
    if upload.batch_id:
        return HttpResponseRedirect(reverse("portal:batch", args=[upload.batch_id]))
    file = read_file(uploads.body_of(upload))
    return show(request, "portal/preview.html", _preview_values(scope, upload, file))


@page(change=Right.PAYOUTS)
def submit(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Submit what was previewed. A second click, or the back button, leads to the same batch."""
    scope = scoped(request)
    upload = scope.get(Upload, upload_id)
    was_submitted = bool(upload.batch_id)
    try:
        batch_id = uploads.submit_upload(scope, upload)
    except ProblemError as error:
        if error.code == "idempotency_in_progress":
            messages.info(request, "Your first click is still at work. Reload in a moment.")
        else:
            messages.error(request, f"Not submitted. {error.detail}")
        return HttpResponseRedirect(reverse("portal:upload", args=[upload.id]))
    if not was_submitted:
        messages.success(request, "Submitted.")
    return HttpResponseRedirect(reverse("portal:batch", args=[batch_id]))


def _bytes(found: UploadedFile) -> bytes:
    # By its size first: a large file is not read to learn that it is too large.
    if found.size is None or found.size > settings.ATLASPAY_BODY_LIMIT:
        raise too_large()
    return bytes(found.read())


def _form_page(
    request: HttpRequest, form: UploadForm, *, error: ProblemError | None = None, status: int = 200
) -> HttpResponse:
    answer = show(request, "portal/upload.html", {"form": form, "error": error}, status=status)
    for name, value in (error.headers if error else {}).items():
        answer[name] = value
    return answer


def _tried(scope: Scope, file: BatchFile, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the dry run of a file, which counts as one over the API does."""
    charge = partial(take_items, scope.partner_id)
    return preview(scope.partner_id, file.body, is_csv=True, query=parameters, charge=charge)


def _preview_values(scope: Scope, upload: Upload, file: BatchFile) -> dict[str, object]:
    found = _tried(scope, file, upload.parameters)
    return {
        "upload": upload,
        "file": file,
        "preview": found,
        "faulty": faulty_rows(file, found["rejected"]),
        "faulty_shown": FAULTY_ROWS_SHOWN,
        "rails": [
            (RAILS.get(rail, rail), count, total)
            for rail, count, total in rails_used(found["items"])
        ],
        "duplicates": [
            {
                **one,
                "line": file.lines[one["index"]],
                "twin_line": None if one["twin_index"] is None else file.lines[one["twin_index"]],
            }
            for one in found["suspected_duplicates"][:DUPLICATES_SHOWN]
        ],
    }
