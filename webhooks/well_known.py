"""Addresses under /.well-known."""

from django.urls import path

from webhooks import views

urlpatterns = [path("jwks.json", views.key_set)]
