"""The baseline's one address."""

from django.urls import path

from bench.baseline.views import BatchView

urlpatterns = [path("v1/batches", BatchView.as_view())]
