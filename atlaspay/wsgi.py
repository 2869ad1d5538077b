"""WSGI entry point for granian."""

import os

from django.core.wsgi import get_wsgi_application

from atlaspay.core import collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")

application = get_wsgi_application()
collector.calm()
