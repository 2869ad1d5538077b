"""The baseline's WSGI application; the Celery app is imported so that tasks find their broker."""

from django.core.wsgi import get_wsgi_application

from bench.baseline.celery import app as celery_app

__all__ = ["application", "celery_app"]

application = get_wsgi_application()
