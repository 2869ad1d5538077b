"""Which address leads where."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerView

from atlaspay import health
from atlaspay.core.problem_docs import problem_page
from atlaspay.openapi import openapi_json
from payouts.api import bank_callbacks

handler400 = "atlaspay.core.problems.bad_request"
handler403 = "atlaspay.core.problems.permission_denied"
handler404 = "atlaspay.core.problems.page_not_found"
handler500 = "atlaspay.core.problems.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/v1/docs/")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("v1/openapi.json", openapi_json, name="openapi"),
    path("v1/docs/", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("v1/docs/problems/", problem_page, name="problems"),
    path("v1/", include("payouts.api.urls")),
    path("v1/", include("webhooks.urls")),
    path("callbacks/<str:provider>/", bank_callbacks.receive),
    path(".well-known/", include("webhooks.well_known")),
    path("console/", admin.site.urls),
    path("portal/", include("portal.urls")),
]
