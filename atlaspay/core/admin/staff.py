"""Staff and roles. Only superusers see and change them: whoever could edit a user could make
themselves anything.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextareaWidget

from atlaspay.core.access import second_factor
from atlaspay.core.access.log import Kind, ViewsLogged, record
from atlaspay.core.access.models import SecondFactor

admin.site.unregister(User)
admin.site.unregister(Group)


class SuperusersOnly:
    """No permission of a role opens these pages, only the flag."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Say whether the menu shows them."""
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether they open."""
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether one may be added."""
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether one may be changed."""
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether one may be deleted."""
        return self._may(request)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> object:
        """Write the admin's own log and ours."""
        record(Kind.STAFF_CHANGED, request, obj=obj, detail=f"added {obj}")
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> object:
        """Write the admin's own log and ours."""
        record(Kind.STAFF_CHANGED, request, obj=obj, detail=f"{obj}: {message}")
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> object:
        """Write the admin's own log and ours."""
        for obj in queryset:
            record(Kind.STAFF_CHANGED, request, obj=obj, detail=f"deleted {obj}")
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def _may(self, request: HttpRequest) -> bool:
        user = request.user
        return bool(user.is_active and user.is_staff and getattr(user, "is_superuser", False))


class StaffForm(UserChangeForm):  # type: ignore[misc]
    """Refuses to leave the console without anybody who may edit staff."""

    def clean(self) -> dict[str, Any]:
        """Check that a superuser remains who can sign in."""
        cleaned: dict[str, Any] = super().clean()
        remains = all(cleaned.get(flag) for flag in ("is_superuser", "is_active", "is_staff"))
        others = User.objects.filter(is_superuser=True, is_active=True, is_staff=True)
        if not remains and self.instance.is_superuser and not others.exclude(pk=self.instance.pk):
            raise ValidationError("This is the last superuser who can sign in.")
        return cleaned


class ResetForm(forms.Form):
    """Why a second factor is taken away."""

    reason = forms.CharField(
        label="Reason",
        min_length=5,
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="For the access log: who asked, and how you know it was them.",
    )


@admin.register(User)
class UserAdmin(SuperusersOnly, ViewsLogged, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Staff accounts; who may what is given by groups. Nobody is deleted: who acted stays known."""

    form = StaffForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = [
        "username",
        "first_name",
        "last_name",
        "is_active",
        "is_superuser",
        "has_second_factor",
        "last_login",
    ]
    list_filter = ["is_active", "is_superuser", "groups"]
    actions_detail = ["reset_second_factor"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: take `active` away instead."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return staff, each with whether there is a second factor."""
        found: QuerySet[User] = super().get_queryset(request)
        return found.annotate(_enrolled=Exists(SecondFactor.objects.filter(user=OuterRef("pk"))))

    @display(description="Second factor", boolean=True)
    def has_second_factor(self, user: User) -> bool:
        """Return whether an app is enrolled."""
        return bool(getattr(user, "_enrolled", False))

    @action(  # type: ignore[untyped-decorator]
        description="Reset second factor",
        url_path="reset-second-factor",
        permissions=["change"],
    )
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, then take the person's app away: they enrol at the next sign-in.

        One's own is replaced on one's own page, which asks for a code: a stolen session must not
        get rid of it.
        """
        user = self.get_object(request, unquote(str(object_id)))
        if user is None:
            raise Http404
        if user.pk == request.user.pk:
            raise PermissionDenied
        form = ResetForm(request.POST or None)
        back = reverse("admin:auth_user_change", args=[user.pk])
        if request.method == "POST" and form.is_valid():
            was_enrolled = second_factor.reset(user)
            detail = f"{user.get_username()}: {form.cleaned_data['reason']}"
            record(Kind.SECOND_FACTOR_RESET, request, obj=user, detail=detail)
            words = "was reset" if was_enrolled else "was not set up; failed tries are forgotten"
            messages.success(request, f"The second factor of {user.get_username()} {words}.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Reset second factor",
            "heading": f"Reset the second factor of {user.get_username()}",
            "form": form,
            "back": back,
            "enrolled": second_factor.of_user(user),
        }
        return TemplateResponse(request, "access/reset.html", context)


@admin.register(Group)
class GroupAdmin(SuperusersOnly, ViewsLogged, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Roles; those made by migration are described in the operations guide."""
