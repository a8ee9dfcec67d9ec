"""Settings, read from the environment.

A variable is looked for in the process's environment, then in `.env`, then in
`embedded.env` of the data folder, which `manage.py up` writes. `.env.example` lists
them all. One that is missing or cannot be read stops the start and is named.
"""

from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from forllm.environment import read_environment
from forllm.rates import account_rates, read_rates

BASE_DIR = Path(__file__).resolve().parent.parent
env = read_environment(BASE_DIR)

# The site.
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY")
SITE_URL = env.web_address("SITE_URL", default="http://127.0.0.1:8000")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
DATA_DIR = env.folder("FORLLM_DATA", default="var")
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
ROOT_URLCONF = "forllm.urls"
WSGI_APPLICATION = "forllm.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# At whose midnight limits begin anew; members choose in which they read times.
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
LANGUAGE_CODE = "en"
USE_I18N = False

INSTALLED_APPS = [
    "forllm",
    "studio",
    "forum",
    "llmqueue",
    "personas",
    "llmconfig",
    "accounts",
    "core",
    "forllm.admin_config.ForllmAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "forllm.middleware.correlate",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "forllm.middleware.doorkeeper",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "forllm.rate_limits.RateLimits",
    "allauth.account.middleware.AccountMiddleware",
    "forllm.middleware.explain_addresses",
]

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
            ],
        },
    },
]

# Data. The pool waits for a free connection instead of opening one per thread.
DATABASES = {
    "default": {
        **env.database("DATABASE_URL"),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # the pool looks before it lends a connection
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": env.count("DATABASE_POOL", default=8),
                "timeout": 10,
                # A rush's connections, each a process of PostgreSQL, go a minute later.
                "max_idle": 60,
                # The pause between its attempts doubles until this has passed.
                "reconnect_timeout": 10,
            },
            "connect_timeout": 5,
        },
    }
}
REDIS_URL = env.redis("REDIS_URL")
# Only allauth's rate limits are in it. In the database, so that members can sign in
# while Valkey is away, and with room enough that nobody's count is pushed out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# Not in a cookie of their own, whose name could not begin with __Host-.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Members.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.MemberBackend"]
# What is read of a member together with their session.
MEMBER_JOINS = ["handle", "ai_settings"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.passwords.PasswordRules"}]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_FORMS = {
    "signup": "accounts.joining.JoinForm",
    "login": "accounts.joining.SignInForm",
    "add_email": "accounts.joining.AddressForm",
    "change_password": "accounts.joining.PasswordForm",
    "set_password": "accounts.joining.FirstPasswordForm",
    "reset_password": "accounts.joining.ForgottenForm",
    "reset_password_from_key": "accounts.joining.NewPasswordForm",
}
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.HandleForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
SIGNIN_LINK_AGE = timedelta(hours=24)
SITE_OWNER_USERNAME = env.text("SITE_OWNER_USERNAME", default="")
SITE_OWNER_EMAIL = env.text("SITE_OWNER_EMAIL", default="owner@localhost")

# Mail.
MAILERS = {"default": env.mail("EMAIL_URL", default="consolemail://")}
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="forum@localhost")

# Files.
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Safety in transit. A site on plain http exists only on its own machine or a test's.
_https = SITE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SESSION_COOKIE_NAME = "__Host-session" if _https else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "csrf"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
_behind_tls_proxy = env.flag("BEHIND_TLS_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if _behind_tls_proxy else None
)
# Whose word on a visitor's address is taken; see `core.addresses`.
TRUSTED_PROXIES = env.networks(
    "TRUSTED_PROXIES", default=["127.0.0.1", "::1"] if _behind_tls_proxy else []
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
DEFAULT_EXCEPTION_REPORTER_FILTER = "core.reports.ReportFilter"
if not _https:
    # The four warnings of `check --deploy` about a site without https.
    SILENCED_SYSTEM_CHECKS = [
        "security.W004",
        "security.W008",
        "security.W012",
        "security.W016",
    ]

# Secrets at rest. The first key encrypts, all decrypt; without any none can be stored.
LLM_ENCRYPTION_KEYS = env.fernet_keys("LLM_ENCRYPTION_KEYS")

# Celery carries nudges only; the queue is in the database.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "forllm"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 1.5,
    "socket_connect_timeout": 1.5,
    "visibility_timeout": 3600,
    # A nudge is tried once: a page waits for it, and the sweep does without it.
    "max_retries": 0,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
LLM_SWEEP = env.duration("LLM_SWEEP_SECONDS", default=30)
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "llmqueue.sweep",
        "schedule": LLM_SWEEP,
        # One that lay about while no worker ran would only bring a heap of nudges.
        "options": {"expires": LLM_SWEEP.total_seconds()},
    }
}

# The queue.
AI_FEATURES_ENABLED = env.flag("AI_FEATURES_ENABLED", default=True)
LLM_HEARTBEAT = env.duration("LLM_HEARTBEAT_SECONDS", default=10)
LLM_LEASE = env.duration("LLM_LEASE_SECONDS", default=60)
LLM_PUBLISH_PAUSE = env.duration("LLM_PUBLISH_PAUSE_SECONDS", default=30)
# The circuit breaker: an endpoint that failed so often in a row is left alone for a pause
# that doubles with each failure after it; what waits for it ends after the patience.
LLM_BREAKER_FAILURES = env.count("LLM_BREAKER_FAILURES", default=5)
LLM_BREAKER_FIRST_PAUSE = env.duration("LLM_BREAKER_FIRST_PAUSE_SECONDS", default=30)
LLM_BREAKER_LONGEST_PAUSE = env.duration(
    "LLM_BREAKER_LONGEST_PAUSE_SECONDS", default=600
)
LLM_BREAKER_PATIENCE = env.duration("LLM_BREAKER_PATIENCE_SECONDS", default=1800)
LLM_MAX_LAPSES = 3
LLM_MAX_CALLS = 4  # for one request; the last is its fallback's
LLM_MAX_ATTEMPTS = 12  # with those that a stopping worker cut
LLM_MAX_BODY_BYTES = 2 * 1024 * 1024
LLM_MAX_REPLY_CHARS = 40_000
LLM_MAX_RETRY_AFTER = timedelta(hours=1)
LLM_LONG_RETRY_AFTER = timedelta(seconds=60)  # a fallback is asked rather than waited
LLM_PRIVATE_HOSTS = env.host_ports("LLM_PRIVATE_HOSTS", default=[])

# What a request may carry, and how long it may take to arrive.
MAX_REQUEST_BYTES = 33 * 1024 * 1024  # a post with four pictures of 8 MB
MAX_REQUEST_TIME = timedelta(seconds=10)
# What is larger has more time: as long as it takes at this speed.
SLOWEST_BYTES_PER_SECOND = 100_000
MAX_HEADER_TIME = timedelta(seconds=10)  # for the headers of a request
FILE_UPLOAD_HANDLERS = ["core.uploads.WantedFiles"]

# How often one may do what: counted in Valkey, but for what is about accounts.
RATES = read_rates(env)
RATE_PATIENCE = timedelta(seconds=0.05)  # how long a page waits for Valkey
ACCOUNT_RATE_LIMITS = account_rates(RATES)

# Posts.
MAX_POST_CHARS = 40_000
MAX_POST_IMAGES = 4
POSTS_PER_PAGE = 20
TOPICS_PER_PAGE = 30

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "core.logs.LineFormatter",
            "format": "{levelname} {name}{correlation}: {message}",
            "style": "{",
        },
    },
    "filters": {"correlation": {"()": "core.logs.CorrelationFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["correlation"],
        },
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # They write request texts, addresses or headers, at INFO or DEBUG.
        "httpcore": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "LiteLLM": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        # Two lines for every nudge and every sweep; what fails is told all the same.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

if SECRET_KEY == "change-me":  # noqa: S105  # the value in .env.example
    raise ImproperlyConfigured("SECRET_KEY is still the example's; give it a secret.")
