"""Addresses under /v1."""

from django.urls import path

from webhooks.api import checks, deliveries, endpoints, resending

_ENDPOINT, _DELIVERY = "webhook-endpoints/<str:endpoint_id>", "webhook-deliveries/<str:delivery_id>"

urlpatterns = [
    path("webhook-endpoints", endpoints.EndpointList.as_view()),
    path(_ENDPOINT, endpoints.EndpointDetail.as_view()),
    path(f"{_ENDPOINT}/test", endpoints.SendTest.as_view()),
    path(f"{_ENDPOINT}/check", checks.CheckEndpoint.as_view()),
    path(f"{_ENDPOINT}/checks", checks.EndpointChecks.as_view()),
    path(f"{_ENDPOINT}/rotate-secret", checks.RotateSecret.as_view()),
    path(f"{_ENDPOINT}/rotation/prove", checks.ProveRotation.as_view()),
    path(f"{_ENDPOINT}/rotation/end", checks.EndRotation.as_view()),
    path(f"{_ENDPOINT}/retry-failed", resending.RetryFailed.as_view()),
    path(f"{_ENDPOINT}/deliveries", deliveries.EndpointDeliveries.as_view()),
    path(_DELIVERY, deliveries.DeliveryView.as_view()),
    path(f"{_DELIVERY}/retry", deliveries.RetryDelivery.as_view()),
    path(f"{_DELIVERY}/adopt-redirect", checks.AdoptRedirect.as_view()),
    path("webhook-figures", resending.DeliveryFigures.as_view()),
    path("events", deliveries.EventFeed.as_view()),
]
