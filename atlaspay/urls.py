"""Which address leads where."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from atlaspay import health
from atlaspay.core.problem_docs import problem_page

handler400 = "atlaspay.core.problems.bad_request"
handler403 = "atlaspay.core.problems.permission_denied"
handler404 = "atlaspay.core.problems.page_not_found"
handler500 = "atlaspay.core.problems.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/v1/docs/")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("v1/docs/", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("v1/docs/problems/", problem_page, name="problems"),
    path("console/", admin.site.urls),
]

for _prefix, _module in (
    ("v1/", "payouts.api.urls"),
    ("v1/", "webhooks.urls"),
    (".well-known/", "webhooks.well_known"),
):
    if find_spec(_module):
        urlpatterns.append(path(_prefix, include(_module)))
