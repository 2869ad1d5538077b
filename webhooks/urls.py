"""Addresses under /v1."""

from django.urls import path

from webhooks.api import deliveries, endpoints

urlpatterns = [
    path("webhook-endpoints", endpoints.EndpointList.as_view()),
    path("webhook-endpoints/<str:endpoint_id>", endpoints.EndpointDetail.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/rotate-secret", endpoints.RotateSecret.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/test", endpoints.SendTest.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/deliveries", deliveries.EndpointDeliveries.as_view()),
    path("webhook-deliveries/<str:delivery_id>", deliveries.DeliveryView.as_view()),
    path("webhook-deliveries/<str:delivery_id>/retry", deliveries.RetryDelivery.as_view()),
    path("events", deliveries.EventFeed.as_view()),
]
