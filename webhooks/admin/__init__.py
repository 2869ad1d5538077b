"""Endpoints, events and deliveries in the console. Secrets are shown to nobody."""

from webhooks.admin import deliveries, endpoints

__all__ = ["deliveries", "endpoints"]
