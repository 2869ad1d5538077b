"""The console's base: read-only pages, lists that never count a large table, a page an object.

Whatever changes something is a POST to a view of its own that calls a service.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

COUNT_MAX = 2_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most `COUNT_MAX` rows: nobody pages further, and a full count reads the table."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or the bound."""
        rows = self.object_list
        return rows.order_by()[:COUNT_MAX].count() if isinstance(rows, QuerySet) else len(rows)


def choice_filter(
    field: str, words: str, choices: Sequence[tuple[str, str]]
) -> type[admin.SimpleListFilter]:
    """Make a filter over values known beforehand: Django's own reads them from the whole table."""

    class ChoiceFilter(admin.SimpleListFilter):
        title = words
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return list(choices)

        def queryset(self, request: HttpRequest, queryset: Any) -> Any:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return ChoiceFilter


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Lists and pages without forms. Needs the model's view permission, offers nothing else.

    `page_template` and `page()` give an object its own page; without them Django's form is shown
    with every field read-only.
    """

    actions = None
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    show_add_link = False
    paginator = BoundedPaginator
    list_filter_sheet = True
    list_filter_submit = False
    page_template = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is edited: services change things."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted."""
        return False

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return the page's context: `heading`, `facts`, `tables`, and what the template adds."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the object's page."""
        if not self.page_template:
            response: HttpResponse = super().change_view(
                request, object_id, form_url, extra_context
            )
            return response
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
            return missing
        return self.render_page(request, obj, self.page_template, extra_context or {})

    def render_page(
        self,
        request: HttpRequest,
        obj: Any,
        template: str,
        extra: dict[str, Any],
        status: int = 200,
    ) -> TemplateResponse:
        """Render a page of an object within the console's frame."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": str(obj),
            "media": self.media,
            "is_popup": False,
            **self.page(request, obj),
            **extra,
        }
        return TemplateResponse(request, template, context, status=status)
