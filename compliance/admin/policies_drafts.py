"""Drafts in the console: read in words, edited in the rule builder or as JSON, tried, frozen.

The builder's buttons (add, remove, move) give back the form as it then is and save nothing; only
"Save" does. A save that comes second is refused and keeps what was typed.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    PermissionRefusedError,
    StaleFormError,
)
from compliance.admin.case_actions import staff
from compliance.admin.policies_common import (
    attempt,
    backtests_table,
    draft_badge,
    drafts_table,
    people,
    to_backtest,
    to_draft,
    to_policy,
    whole,
)
from compliance.admin.policies_editor import Edited, edited, editor_page, typed
from compliance.models import Backtest, PolicyDraft
from compliance.services import backtest, documents, drafts, permit
from compliance.services.backtest_range import CHOICES, DEFAULT_DAYS, last_days
from compliance.services.policy_words import describe

DRAFTS_SHOWN = 200
EDITOR = "admin/compliance/policydraft/edit.html"


@admin.register(PolicyDraft)
class PolicyDraftAdmin(ReadOnlyAdmin):
    """Policies being written."""

    page_template = "admin/compliance/policydraft/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the editor and what ends a draft."""
        view = self.admin_site.admin_view
        posts = {
            "preview": self.preview_view,
            "freeze": self.freeze_view,
            "discard": self.discard_view,
            "backtest": self.backtest_view,
        }
        return [
            path("<int:pk>/edit/", view(self.edit_view), name="compliance_policydraft_edit"),
            *(
                path(
                    f"<int:pk>/{name}/",
                    view(require_POST(each)),
                    name=f"compliance_policydraft_{name}",
                )
                for name, each in posts.items()
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show all drafts; those in work are listed with the policies too."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = PolicyDraft.objects.defer("document").select_related("based_on")[:DRAFTS_SHOWN]
        return TemplateResponse(
            request,
            "admin/compliance/policydraft/list.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Drafts of policies",
                "tables": [drafts_table(found)],
            },
        )

    def page(self, request: HttpRequest, obj: PolicyDraft) -> dict[str, Any]:
        """Return a draft in words."""
        words = describe(obj.document)
        is_open = obj.became_id is None and not obj.is_discarded
        tried = list(Backtest.objects.filter(draft=obj).defer("document")[:10])
        return {
            "heading": obj.title,
            "badges": draft_badge(obj),
            "summary": f"Version {obj.version}",
            "words": words,
            "draft": obj,
            "is_ready": not documents.problems(obj.document),
            "facts": [
                Fact("Written by", people(obj.editors or [obj.author])),
                Fact("Saved", console.when(obj.updated_at)),
                Fact(
                    "Begun from",
                    console.link(obj.based_on, f"Policy {obj.based_on_id}")
                    if obj.based_on_id
                    else console.NOTHING,
                ),
                *(Fact(label, value, wide=len(value) > 20) for label, value in words.settings),
                Fact("What changed", console.text_or_dash(obj.note), wide=True),
            ],
            "may_edit": is_open and permit.may(request.user, permit.AUTHOR),
            "may_try": permit.may(request.user, permit.AUTHOR, permit.PUBLISHER),
            "tried": backtests_table(tried) if tried else None,
            "day_choices": CHOICES,
            "day_default": DEFAULT_DAYS,
        }

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the rule builder; do what its buttons ask; save."""
        draft = self._draft(request, pk)
        if not permit.may(request.user, permit.AUTHOR):
            if request.method == "POST":
                attempt(request, lambda: self._save(request, pk, edited(request.POST, draft)))
            raise PermissionDenied
        if draft.became_id is not None or draft.is_discarded:
            return to_draft(pk)
        if request.method != "POST":
            return self._editor(request, draft, typed(draft))
        now = edited(request.POST, draft)
        if request.POST.get("do", "save") not in ("save", "save-over"):
            return self._editor(request, draft, now, is_unsaved=True)
        try:
            saved = self._save(request, pk, now)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except StaleFormError as error:
            draft.refresh_from_db()
            return self._editor(request, draft, now, 409, stale=error.detail, is_unsaved=True)
        except InvalidRequestError as error:
            faults = {each["pointer"].strip("/"): each["detail"] for each in error.errors}
            return self._editor(request, draft, now, 422, faults=faults, is_unsaved=True)
        except ConflictError as error:
            messages.error(request, error.detail)
            return to_draft(pk)
        left = len(documents.problems(saved.document))
        words = f"Saved as version {saved.version}."
        if left:
            messages.warning(request, f"{words} Not ready to freeze: see what is marked.")
        else:
            messages.success(request, words)
        where = f"?as={now.mode}" if now.mode != "form" else ""
        return HttpResponseRedirect(reverse("admin:compliance_policydraft_edit", args=[pk]) + where)

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the form's rules in words, as a piece of the page; saves nothing."""
        draft = self._draft(request, pk)
        if not permit.may(request.user, permit.AUTHOR):
            raise PermissionDenied
        context = editor_page(draft, edited(request.POST, draft))
        return TemplateResponse(request, "admin/compliance/policydraft/preview.html", context)

    def freeze_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make the next numbered policy of the saved draft."""
        policy = attempt(
            request,
            lambda: drafts.freeze_draft(
                pk, staff(request), expected_version=whole(request.POST.get("version", "")) or 0
            ),
        )
        if policy is None:
            return to_draft(pk)
        messages.success(
            request, f"Frozen as policy {policy.number}. Somebody else may publish it."
        )
        return to_policy(policy.number)

    def discard_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put the draft away."""
        version = whole(request.POST.get("version", "")) or 0
        done = attempt(
            request, lambda: drafts.discard_draft(pk, staff(request), expected_version=version)
        )
        if done is None:
            return to_draft(pk)
        messages.success(request, f"The draft “{done.title}” is discarded.")
        return to_policy(None)

    def backtest_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Try the saved draft over past payouts."""
        days = last_days(whole(request.POST.get("days", "")))
        made = attempt(request, lambda: backtest.backtest_draft(pk, **days, user=staff(request)))
        return to_backtest(made.pk) if made is not None else to_draft(pk)

    def _save(self, request: HttpRequest, pk: int, now: Edited) -> PolicyDraft:
        if now.broken:
            raise InvalidRequestError(
                now.broken, errors=[{"pointer": "/json", "code": "json", "detail": now.broken}]
            )
        return drafts.save_draft(
            pk,
            staff(request),
            title=now.title,
            note=now.note,
            document=now.document,
            expected_version=now.version,
        )

    def _editor(
        self,
        request: HttpRequest,
        draft: PolicyDraft,
        now: Edited,
        status: int = 200,
        **extra: Any,
    ) -> HttpResponse:
        if request.method == "GET" and request.GET.get("as") == "json":
            now.mode = "json"
        more: Mapping[str, Any] = {**editor_page(draft, now), **extra}
        return self.render_page(request, draft, EDITOR, dict(more), status)

    def _draft(self, request: HttpRequest, pk: int) -> PolicyDraft:
        draft = PolicyDraft.objects.select_related("based_on").filter(pk=pk).first()
        if not self.has_view_permission(request, draft):
            raise PermissionDenied
        if draft is None:
            raise Http404(f"There is no draft {pk}.")
        return draft
