"""API keys: what there is, a new one shown once, rotation with overlap, revocation.

A key can do no more than whoever made it: one that may pay is issued and rotated by somebody who
may submit payouts here. Anybody who manages keys may revoke any of them.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from atlaspay.core import clock, console
from atlaspay.core.console import Table
from atlaspay.core.errors import PermissionRefusedError, ProblemError
from partners import services
from partners.models import ApiKey
from partners.models import Scope as KeyScope
from portal import once
from portal.pages import page, show
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.webhooks.forms import add_faults

NETWORKS_MAX = 20
LONGEST = timedelta(days=3_653)
SHOWN_MAX = 200
# What a key may do -> the right its maker needs besides.
NEEDS: dict[str, Right] = {KeyScope.PAYOUTS_WRITE: Right.PAYOUTS}
READING = (KeyScope.PAYOUTS_READ, KeyScope.WEBHOOKS_READ, KeyScope.BALANCE_READ)
TAKEN = (
    "This form was sent before, and the key it made is in this list. The key was shown then, once;"
    " if you did not keep it, rotate or revoke it."
)
OVERLAPS = {"0": "None: the old key ends now", "1": "1 hour", "24": "24 hours", "168": "7 days"}


class KeyForm(forms.Form):
    """A new key's name, duties and limits."""

    name = forms.CharField(
        label="Name", max_length=80, help_text="Where it is used: erp, shop backend, reports."
    )
    mode = forms.ChoiceField(label="Mode", choices=ApiKey.Mode.choices)
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=KeyScope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=READING,
    )
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="It works until the end of this day (UTC). Empty: until it is revoked.",
    )
    networks = forms.CharField(
        label="Only from these networks",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One a line, such as 198.51.100.7 or 2001:db8::/48. Empty: from anywhere.",
    )

    def clean_expires_on(self) -> date | None:
        """Refuse a day so far away that it is a slip of the keyboard."""
        day: date | None = self.cleaned_data["expires_on"]
        if day is not None and day > clock.now().date() + LONGEST:
            raise forms.ValidationError("Enter a date within ten years.")
        return day

    def clean_networks(self) -> list[str]:
        """Return the lines that are not empty."""
        lines = [line.strip() for line in self.cleaned_data["networks"].splitlines()]
        found = [line for line in lines if line]
        if len(found) > NETWORKS_MAX:
            raise forms.ValidationError(f"At most {NETWORKS_MAX} networks.")
        return found

    def expires_at(self) -> datetime | None:
        """Return the first instant at which the key works no more."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=1), time(), UTC)


class RotateForm(forms.Form):
    """How long the old key goes on working."""

    overlap = forms.ChoiceField(
        label="How long does the old key go on working?",
        choices=list(OVERLAPS.items()),
        widget=forms.RadioSelect,
        initial="24",
    )


@page(read=Right.READ)
def keys(request: HttpRequest) -> HttpResponse:
    """List the partner's keys: what each may do, when it was used last, when it ends."""
    scope = scoped(request)
    found = list(scope.own(ApiKey).order_by("-id")[:SHOWN_MAX])
    working = [key for key in found if _is_working(key)]
    ended = [key for key in found if not _is_working(key)]
    # Successors are younger than what they replace, so the newest keys name them all.
    rotated = {key.rotated_from_id for key in found}
    values = {
        "title": "API keys",
        "summary": "For your programs. A key is shown once, when it is made; we keep no copy.",
        "tables": [
            _table("Working", working, scope, rotated),
            *([_table("Ended", ended, scope, rotated)] if ended else []),
        ],
    }
    return show(request, "portal/keys/list.html", values)


@page(read=Right.KEYS, change=Right.KEYS)
def new(request: HttpRequest) -> HttpResponse:
    """Issue a key and show it, this once."""
    scope = scoped(request)
    form_id = once.form_id_of(request)
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        _require_duties(scope, wanted["scopes"])
        if not once.take(request, form_id):
            return _already(request)
        try:
            with once.in_use(request, form_id):
                made = services.issue_api_key(
                    scope.partner_id,
                    name=wanted["name"],
                    scopes=wanted["scopes"],
                    mode=wanted["mode"],
                    cidrs=wanted["networks"],
                    expires_at=form.expires_at(),
                )
        except ProblemError as error:
            _add_faults(form, error)
        else:
            return _shown_once(request, made, title="Key created")
    refused = [name for name in NEEDS if not scope.may(NEEDS[name])]
    values = {"title": "New API key", "form": form, "form_id": form_id, "refused": refused}
    return show(request, "portal/keys/new.html", values, status=400 if form.errors else 200)


@page(read=Right.KEYS, change=Right.KEYS)
def rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Issue a successor; the old key works on for a while."""
    scope = scoped(request)
    key = scope.get(ApiKey, key_id)
    form_id = once.form_id_of(request)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        _require_duties(scope, key.scopes)
        if form.is_valid():
            if not once.take(request, form_id):
                return _already(request)
            overlap = timedelta(hours=int(form.cleaned_data["overlap"]))
            with once.in_use(request, form_id):
                made = services.rotate_api_key(key.pk, overlap=overlap)
            return _shown_once(request, made, title="New key", old=scope.get(ApiKey, key.pk))
    values = {
        "title": f"Rotate {key.name}",
        "key": key,
        "form": form,
        "form_id": form_id,
        "refused": _refused(scope, key.scopes) or _rotated(scope, key),
    }
    return show(request, "portal/keys/rotate.html", values, status=400 if form.errors else 200)


@page(read=Right.KEYS, change=Right.KEYS, is_open_while_paused=True)
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask, then end a key. A paused partner may: a key that leaked must end at any time."""
    scope = scoped(request)
    key = scope.get(ApiKey, key_id)
    if request.method == "POST":
        services.revoke_api_key(key.pk)
        messages.success(request, f"Revoked: {key.prefix}… works no more.")
        return HttpResponseRedirect(reverse("portal:keys"))
    values = {
        "title": f"Revoke {key.name}",
        "key": key,
        "last_used": console.when(key.last_used_at),
    }
    return show(request, "portal/keys/revoke.html", values)


def _require_duties(scope: Scope, wanted: Sequence[str]) -> None:
    """Raise PermissionRefusedError where a key would do what its maker may not."""
    words = _refused(scope, wanted)
    if words:
        raise PermissionRefusedError(words, code="duty_missing")


def _refused(scope: Scope, wanted: Sequence[str]) -> str:
    """Return why somebody may not make a key with these scopes, empty where they may."""
    for name in wanted:
        right = NEEDS.get(name)
        if right is not None and not scope.may(right):
            return (
                f"A key with {name} may pay, and your role here, {scope.role_name.lower()}, may"
                " not. Ask an owner."
            )
    return ""


def _rotated(scope: Scope, key: ApiKey) -> str:
    """Return where to go instead for a key that has a successor."""
    made = scope.own(ApiKey).filter(rotated_from=key.pk).first()
    return f"It was rotated already. Rotate its successor, {made.prefix}_…" if made else ""


def _add_faults(form: KeyForm, error: ProblemError) -> None:
    renamed = {"cidrs": "networks", "expires_at": "expires_on"}
    faults = []
    for fault in error.errors:
        name = fault["pointer"].strip("/").partition("/")[0]
        faults.append({**fault, "pointer": "/" + renamed.get(name, name)})
    add_faults(form, faults, error.detail)  # type: ignore[arg-type]


def _shown_once(
    request: HttpRequest, made: services.IssuedKey, *, title: str, old: ApiKey | None = None
) -> HttpResponse:
    ends = console.when(old.expires_at) if old is not None else None
    values = {"title": title, "key": made.key, "text": made.text, "old": old, "old_ends": ends}
    return show(request, "portal/keys/shown.html", values)


def _already(request: HttpRequest) -> HttpResponse:
    messages.info(request, TAKEN)
    return HttpResponseRedirect(reverse("portal:keys"))


def _is_working(key: ApiKey) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > clock.now())


def _table(
    title: str, found: Sequence[ApiKey], scope: Scope, rotated: Collection[str | None]
) -> Table:
    rows: list[list[Any]] = []
    for key in found:
        row = [
            key.name,
            console.code(f"{key.prefix}_…"),
            console.badge("Live", "good")
            if key.mode == ApiKey.Mode.LIVE
            else console.badge("Test", "info"),
            ", ".join(key.scopes),
            ", ".join(key.cidrs) or "anywhere",
            console.when(key.created_at),
            console.when(key.last_used_at),
            _end(key),
        ]
        if scope.may(Right.KEYS):
            row.append(_actions(key, is_rotated=key.pk in rotated) if _is_working(key) else "")
        rows.append(row)
    headers = ["Name", "Key", "Mode", "May", "From", "Created", "Last used", "Ends"]
    if scope.may(Right.KEYS):
        headers.append("")
    return Table(title, headers, rows, empty="None yet.")


def _end(key: ApiKey) -> SafeString:
    if key.revoked_at is not None:
        return format_html("revoked {}", console.when(key.revoked_at))
    return console.when(key.expires_at)


def _actions(key: ApiKey, *, is_rotated: bool) -> SafeString:
    rotate = format_html(
        '<a class="ap-button ap-small" href="{}">Rotate</a> ',
        reverse("portal:key_rotate", args=[key.pk]),
    )
    return format_html(
        '<span class="ap-row">{}<a class="ap-button ap-small" href="{}">Revoke</a></span>',
        "" if is_rotated else rotate,
        reverse("portal:key_revoke", args=[key.pk]),
    )
