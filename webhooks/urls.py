"""Addresses under /v1."""

from django.urls import path

from webhooks import views

urlpatterns = [
    path("webhook-endpoints", views.EndpointList.as_view()),
    path("webhook-endpoints/<str:endpoint_id>", views.EndpointDetail.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/rotate-secret", views.RotateSecret.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/test", views.SendTest.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/deliveries", views.EndpointDeliveries.as_view()),
    path("webhook-deliveries/<str:delivery_id>", views.DeliveryView.as_view()),
    path("webhook-deliveries/<str:delivery_id>/retry", views.RetryDelivery.as_view()),
    path("events", views.EventFeed.as_view()),
]
