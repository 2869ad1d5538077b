"""Settings from the environment alone. The demo needs none; a production start refuses what is
unsafe.

Every variable is in the README's configuration table.
"""

import base64
import hashlib
from pathlib import Path

from atlaspay import embedded, env
from atlaspay.schedule import BEAT_SCHEDULE
from atlaspay.theme import UNFOLD  # noqa: F401 - read by django-unfold

BASE_DIR = Path(__file__).resolve().parent.parent
ATLASPAY_HOME = embedded.home()

# --- mode ----------------------------------------------------------------------------------------
ATLASPAY_ENV = env.text("ATLASPAY_ENV", "demo")
if ATLASPAY_ENV not in {"demo", "production"}:
    env.fail(f"ATLASPAY_ENV={ATLASPAY_ENV!r} must be demo or production")
IS_PRODUCTION = ATLASPAY_ENV == "production"
DEBUG = False


def _secret(name: str, *, demo: str) -> str:
    value = env.text(name)
    if not value and IS_PRODUCTION:
        env.fail(f"{name} must be set in production (see the README's configuration table)")
    return value or demo


SECRET_KEY = _secret(
    "SECRET_KEY", demo="demo-only-secret-key-" + hashlib.sha256(str(BASE_DIR).encode()).hexdigest()
)
ATLASPAY_DATA_KEYS = _secret(
    "ATLASPAY_DATA_KEYS",
    demo="0:" + base64.b64encode(hashlib.sha256(b"atlaspay demo data key").digest()).decode(),
)
ATLASPAY_INDEX_KEY = _secret("ATLASPAY_INDEX_KEY", demo="demo index key")
ATLASPAY_KEY_PEPPER = _secret("ATLASPAY_KEY_PEPPER", demo="demo pepper")
ATLASPAY_METRICS_TOKEN = _secret("ATLASPAY_METRICS_TOKEN", demo="")
if IS_PRODUCTION:
    from atlaspay.core.crypto import parse_keys

    try:
        parse_keys(ATLASPAY_DATA_KEYS)
    except ValueError as error:
        env.fail(f"ATLASPAY_DATA_KEYS: {error}")
    for _name in ("ATLASPAY_INDEX_KEY", "ATLASPAY_KEY_PEPPER", "ATLASPAY_METRICS_TOKEN"):
        if len(env.text(_name)) < 20:
            env.fail(f"{_name} must have at least 20 characters in production")
    if len(SECRET_KEY) < 50:
        env.fail("SECRET_KEY must have at least 50 characters in production")

# --- servers -------------------------------------------------------------------------------------
_servers = embedded.connection_env()
DATABASE_URL = env.text("DATABASE_URL") or _servers["DATABASE_URL"]
REDIS_URL = env.text("REDIS_URL") or _servers["REDIS_URL"]
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    env.fail("REDIS_URL is no Redis URL; it looks like redis://user:password@host:6379/0")
if IS_PRODUCTION and not (env.text("DATABASE_URL") and env.text("REDIS_URL")):
    env.fail(
        "DATABASE_URL and REDIS_URL must be set in production; embedded servers are for the demo"
    )
DATABASES = {
    "default": {
        **env.postgres(
            DATABASE_URL,
            # The claims' generic plans flip on fast-changing tables; see docs/adr.
            options="-c plan_cache_mode=force_custom_plan"
            " -c idle_in_transaction_session_timeout=60000"
            f" -c statement_timeout={env.integer('ATLASPAY_STATEMENT_TIMEOUT_MS', 60_000)}"
            " -c jit=off"
            " -c application_name=atlaspay",
        ),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": False,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "atlaspay",
    }
}

# --- web -----------------------------------------------------------------------------------------
PORT = env.integer("PORT", 8000, low=1, high=65535)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", "" if IS_PRODUCTION else "127.0.0.1,localhost,[::1],testserver"
)
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
ATLASPAY_BASE_URL = env.text("ATLASPAY_BASE_URL", f"http://127.0.0.1:{PORT}")
if IS_PRODUCTION and not ATLASPAY_BASE_URL.startswith("https://"):
    env.fail("ATLASPAY_BASE_URL must be your https:// address in production: banks call it")
if IS_PRODUCTION and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    env.fail("ALLOWED_HOSTS must name your hosts in production (comma-separated, no *)")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "atlaspay.core.access.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_fsm",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "atlaspay.core",
    "partners",
    "ledger",
    "webhooks",
    "payouts",
    "compliance",
    "portal",
]
MIDDLEWARE = [
    "atlaspay.core.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "atlaspay.core.browser.ConsolePolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "atlaspay.core.middleware.ProblemMiddleware",
    "portal.sessions.RoomSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "atlaspay.core.access.middleware.ConsoleAccessMiddleware",
    "atlaspay.core.middleware.StaffContextMiddleware",
    "portal.middleware.PortalMiddleware",
]
ROOT_URLCONF = "atlaspay.urls"
WSGI_APPLICATION = "atlaspay.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = ATLASPAY_HOME / "staticfiles"
STATICFILES_DIRS = [path for path in [BASE_DIR / "templates" / "static"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
# The rule builder sends a large policy as one form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
ATLASPAY_BODY_LIMIT = env.integer("ATLASPAY_BODY_LIMIT", 16 * 1024 * 1024)

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- security ------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3_600
LOGIN_URL = "/console/login/"
LOGIN_REDIRECT_URL = "/console/"
# NIST SP 800-63B, AAL2: twelve hours in all, thirty minutes of rest.
ATLASPAY_SESSION_HOURS = env.integer("ATLASPAY_SESSION_HOURS", 12, low=1, high=24)
ATLASPAY_SESSION_IDLE_MINUTES = env.integer("ATLASPAY_SESSION_IDLE_MINUTES", 30, low=5, high=240)
ATLASPAY_REQUIRE_TOTP = env.flag("ATLASPAY_REQUIRE_TOTP", default=IS_PRODUCTION)
if IS_PRODUCTION and not ATLASPAY_REQUIRE_TOTP:
    env.fail("ATLASPAY_REQUIRE_TOTP=0 leaves the console to whoever has a password; unset it")
SESSION_COOKIE_AGE = ATLASPAY_SESSION_HOURS * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = IS_PRODUCTION and env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.flag("ATLASPAY_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ATLASPAY_TRUSTED_PROXIES = env.integer("ATLASPAY_TRUSTED_PROXIES", 0, high=10)

# --- REST ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["partners.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["partners.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["atlaspay.core.renderers.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["atlaspay.core.parsers.JsonParser"],
    "DEFAULT_THROTTLE_CLASSES": ["partners.throttles.KeyRateThrottle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "atlaspay.core.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_VERSIONING_CLASS": None,
    "COMPACT_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AtlasPay partner API",
    "VERSION": "1.0.0",
    "DESCRIPTION": (
        "Real-time payouts: submit batches, follow them, hear of every change by signed webhooks."
    ),
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/v1",
    "SCHEMA_PATH_PREFIX_INSERT": "",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "atlaspay.openapi.add_problem_answers",
    ],
    "PREPROCESSING_HOOKS": ["atlaspay.openapi.only_partner_api"],
    "ENUM_NAME_OVERRIDES": {
        "DeliveryState": "webhooks.models.Delivery.State",
        "CheckState": "webhooks.models.EndpointCheck.State",
    },
}
ATLASPAY_RATE_PER_SECOND = env.integer("ATLASPAY_RATE_PER_SECOND", 200, low=1)
ATLASPAY_RATE_BURST = env.integer("ATLASPAY_RATE_BURST", 400, low=1)
# Ten of the largest batches at once, then one in half a minute.
ATLASPAY_PREVIEW_ITEMS_PER_SECOND = env.integer("ATLASPAY_PREVIEW_ITEMS_PER_SECOND", 500, low=1)
ATLASPAY_PREVIEW_ITEMS_BURST = env.integer("ATLASPAY_PREVIEW_ITEMS_BURST", 150_000, low=1)
ATLASPAY_KEY_FAILURES_PER_MINUTE = env.integer("ATLASPAY_KEY_FAILURES_PER_MINUTE", 60, low=1)

# --- Celery: nudges over Redis; the reasons are in docs/adr --------------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 180,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 15,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "global_keyprefix": "atlaspay:",
}
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_TASK_ROUTES = {
    "payouts.take_in": {"queue": "intake"},
    "compliance.screen": {"queue": "screening"},
    "payouts.dispatch": {"queue": "dispatch"},
    # A bank that hangs must hold up questions to it and nothing else.
    "payouts.resolve_unknown": {"queue": "inquiry"},
    "payouts.poll_sent": {"queue": "inquiry"},
    "payouts.reconcile": {"queue": "default"},
    "payouts.*": {"queue": "settlement"},
    "webhooks.deliver": {"queue": "webhooks"},
    # Mail servers, checks of strangers' endpoints: what may take seconds must not hold up webhooks.
    "webhooks.*": {"queue": "chores"},
    "portal.*": {"queue": "chores"},
    "*": {"queue": "default"},
}
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
ATLASPAY_NUDGES_MUTED = env.flag("ATLASPAY_NUDGES_MUTED", default=False)

# --- rails ---------------------------------------------------------------------------------------
SANDBOX_BANK_URL = env.text(
    "SANDBOX_BANK_URL",
    f"http://127.0.0.1:{env.integer('SANDBOX_BANK_PORT', 8100, low=1, high=65535)}",
)
SANDBOX_BANK_API_KEY = env.text("SANDBOX_BANK_API_KEY", "sandbox-bank-demo-key")
SANDBOX_BANK_WEBHOOK_SECRET = env.text(
    "SANDBOX_BANK_WEBHOOK_SECRET",
    # The sandbox bank's own default, so that two terminals started by hand agree.
    "whsec_" + base64.b64encode(b"sandbox-bank-demo-secret-not-for-production").decode(),
)
SANDBOX_ENABLED = env.flag("ATLASPAY_SANDBOX", default=not IS_PRODUCTION)
if IS_PRODUCTION and SANDBOX_ENABLED:
    for _name in ("SANDBOX_BANK_API_KEY", "SANDBOX_BANK_WEBHOOK_SECRET"):
        if not env.text(_name):
            env.fail(f"{_name} must be set where ATLASPAY_SANDBOX=1 runs in production")
ATLASPAY_BANK_IN_FLIGHT = env.integer("ATLASPAY_BANK_IN_FLIGHT", 600, low=1, high=5000)
ATLASPAY_BANK_RATE_START = env.integer("ATLASPAY_BANK_RATE_START", 500, low=1)
ATLASPAY_BANK_RATE_MAX = env.integer("ATLASPAY_BANK_RATE_MAX", 5000, low=1)
ATLASPAY_LEASE_S = env.integer("ATLASPAY_LEASE_S", 30, low=2, high=600)
ATLASPAY_QUEUE_EXPIRY_S = env.integer("ATLASPAY_QUEUE_EXPIRY_S", 24 * 3600, low=60)
ATLASPAY_PAYOUT_BUDGET_S = env.integer("ATLASPAY_PAYOUT_BUDGET_S", 300, low=10)

# --- review ---------------------------------------------------------------------------------------
ATLASPAY_FOUR_EYES_MAJOR = env.integer("ATLASPAY_FOUR_EYES_MAJOR", 25_000, low=1)
ATLASPAY_BLIND_REVIEW_PERCENT = env.integer("ATLASPAY_BLIND_REVIEW_PERCENT", 2, low=0, high=100)

# --- webhooks and mail ---------------------------------------------------------------------------
WEBHOOKS_ALLOW_PRIVATE = env.flag("WEBHOOKS_ALLOW_PRIVATE", default=not IS_PRODUCTION)
if IS_PRODUCTION and WEBHOOKS_ALLOW_PRIVATE:
    env.fail(
        "WEBHOOKS_ALLOW_PRIVATE=1 lets partners reach your inner network; unset it in production"
    )
ATLASPAY_DELIVERY_DAYS = env.integer("ATLASPAY_DELIVERY_DAYS", 30, low=30)
ATLASPAY_EVENT_DAYS = env.integer("ATLASPAY_EVENT_DAYS", 90, low=30)
if ATLASPAY_EVENT_DAYS < ATLASPAY_DELIVERY_DAYS:
    env.fail("ATLASPAY_EVENT_DAYS must not be below ATLASPAY_DELIVERY_DAYS: deliveries need theirs")
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env.text("EMAIL_HOST")
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, low=1, high=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", "AtlasPay <payouts@localhost>")

# --- history and logs ----------------------------------------------------------------------------
SIMPLE_HISTORY_HISTORY_ID_USE_UUID = False
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_DATE_INDEX = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "atlaspay.core.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "kombu": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
