"""Addresses under /.well-known."""

from django.urls import path

from webhooks.api import deliveries

urlpatterns = [path("jwks.json", deliveries.key_set)]
