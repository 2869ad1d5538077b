"""Django settings of the baseline; servers come from the environment."""

import os

from atlaspay import env

SECRET_KEY = "baseline-runs-on-this-machine-only"  # noqa: S105 - protects nothing
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_fsm",
    "simple_history",
    "rest_framework",
    "bench.baseline",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "bench.baseline.urls"
WSGI_APPLICATION = "bench.baseline.wsgi.application"
DATABASES = {
    "default": {
        **env.postgres(os.environ["DATABASE_URL"], options="-c jit=off"),
        "CONN_MAX_AGE": None,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# Tables are made from the models: a throwaway database needs no migrations.
MIGRATION_MODULES = {"auth": None, "contenttypes": None}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
CELERY_BROKER_URL = os.environ["REDIS_URL"]
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "baseline:"}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_TASK_ROUTES = {"baseline.deliver_webhook": {"queue": "webhooks"}}
CELERY_TASK_DEFAULT_QUEUE = "payouts"
BANK_URL = os.environ["BASELINE_BANK_URL"]
BANK_API_KEY = os.environ.get("SANDBOX_BANK_API_KEY", "sandbox-bank-demo-key")
HOOK_URL = os.environ["BASELINE_HOOK_URL"]
HOOK_SECRET = os.environ["BASELINE_HOOK_SECRET"]
