"""Every setting, in one file; differences between places come from the environment.

README.md, "Configure", lists each variable; tests/backend/test_readme.py compares the two.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from backend import logs
from backend.queues import Queue

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(env.str("LINLI_HOME", default=str(BASE_DIR / "var"))).resolve()

STATIC_URL = "/static/"

# --- who we are, and who may talk to us -------------------------------------------------------
DEBUG = env.bool("LINLI_DEBUG", default=False)
SECRET_KEY = env.str("LINLI_SECRET_KEY")
ALLOWED_HOSTS = env.list("LINLI_ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.list("LINLI_CSRF_TRUSTED_ORIGINS", default=[])
# Fernet keys for phone numbers at rest: the first encrypts, all decrypt (put a new one in front).
FIELD_KEYS = env.list("LINLI_FIELD_KEYS")
# Key of the keyed hash that finds a person by phone. It can not be changed once people are in.
PHONE_INDEX_KEY = env.str("LINLI_PHONE_INDEX_KEY")
# Django looks at its own key. A phone hashed without one is found by trying all numbers.
if not FIELD_KEYS or not PHONE_INDEX_KEY:
    raise ImproperlyConfigured("LINLI_FIELD_KEYS and LINLI_PHONE_INDEX_KEY must not be empty.")

# Behind a TLS proxy that sets X-Forwarded-Proto, everything is https only.
if env.bool("LINLI_HTTPS", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
# What else is served under our name and its subdomains is not ours to force onto https, nor to
# enter for good into lists that browsers ship with.
# Sessions and messages are there below the console alone (backend/api/middleware.py), where Django
# admin does not look for them.
SILENCED_SYSTEM_CHECKS = [
    "security.W005",
    "security.W021",
    "admin.E408",
    "admin.E409",
    "admin.E410",
]
# How many proxies of ours stand in front; the client address that throttles count is behind them.
TRUSTED_PROXIES = env.int("LINLI_TRUSTED_PROXIES", default=0)

# --- what is installed ------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "corsheaders",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "backend.triggers.TriggersConfig",  # pgtrigger
    "tree_queries",
    "backend.cluster",
    "backend.api",
    "backend.audit",
    "backend.accounts",
    "backend.communities",
    "backend.events",
    "backend.outbox",
    "backend.clockwork",
    "backend.notices",
    "backend.people",
    "backend.documents",
    "backend.imports",
    "backend.privacy",
    "backend.webhooks",
    "backend.payouts",
    "backend.sampling",
    "backend.verification",
    "backend.moving",
    "points",
    "volunteers",
    "merchants",
    "backend.top.scenarios",
    "backend.top.pages",
    "backend.top.console",
]
MIDDLEWARE = [
    "backend.request_id.name_request",
    "backend.metrics.count_requests",
    "backend.api.middleware.read_to_the_end",
    "backend.api.middleware.tell_browsers",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "backend.api.middleware.read_session",
    "django.middleware.locale.LocaleMiddleware",
    "backend.api.middleware.take_method",
    "backend.api.middleware.tell_unchanged",
    "backend.api.middleware.refuse_unknown_length",
    "backend.api.middleware.refuse_nul",
    "backend.api.middleware.answer_operators",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "backend.api.middleware.RefuseUnknown",
]
ROOT_URLCONF = "backend.urls"
APPEND_SLASH = False  # no address ends with one, and each 404 would be looked for with one
CSRF_FAILURE_VIEW = "backend.top.out_of_date.csrf_failure"
WSGI_APPLICATION = "backend.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- what browsers may do with our answers ----------------------------------------------------
# No other site's page may hold ours; backend/api/middleware.py says what ours may load.
X_FRAME_OPTIONS = "DENY"
# Origins whose pages may call the API. No cookie counts there, so none is sent.
CORS_ALLOWED_ORIGINS = env.list("LINLI_CORS_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(api|_allauth)/"
CORS_ALLOW_HEADERS = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-session-token",
]
CORS_EXPOSE_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Idempotency-Replayed",
    "Retry-After",
    "X-Request-ID",
]

# --- the database -----------------------------------------------------------------------------
env.DB_SCHEMES["citus"] = "backend.cluster.engine"
_DATABASE = {
    # A transaction-mode pooler may stand between: nothing may outlive its transaction.
    "DISABLE_SERVER_SIDE_CURSORS": True,
    "CONN_MAX_AGE": 0,
}
DATABASES = {"default": env.db("DATABASE_URL") | _DATABASE}
# Connections kept open by one web process; 0 opens one a request (Celery's forks need that).
if pool_size := env.int("LINLI_DB_POOL", default=0):
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": pool_size,
        "timeout": 10,
    }
# A replica answers what may be read there (backend/replica.py). It may vanish: nobody waits long.
if replica_url := env.str("DATABASE_REPLICA_URL", default=""):
    DATABASES["replica"] = env.db_url_config(replica_url) | _DATABASE
    DATABASES["replica"] |= {"CONN_MAX_AGE": 60, "TEST": {"MIRROR": "default"}}
    DATABASES["replica"].setdefault("OPTIONS", {}).update(
        connect_timeout=2,
        tcp_user_timeout=5000,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=2,
    )
    DATABASE_ROUTERS = ["backend.routing.Router"]
# Who is not signed in may see what is so old; an older replica is not asked.
REPLICA_MAX_LAG_SECONDS = env.float("LINLI_REPLICA_MAX_LAG_SECONDS", default=10.0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Counters of throttles, and WeChat's access token. A check-in or a redemption must not need Redis,
# so while it is away nothing is counted, and the log says so. Guesses at what is secret are counted
# in the database.
CACHES = {
    "default": {
        "BACKEND": "backend.api.counters.Counters",
        "LOCATION": env.str("REDIS_URL"),
        "KEY_PREFIX": "linli",
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 0.5,
        },
    },
    # The public's pages, by address and language; each process keeps its own.
    "pages": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "pages",
        "OPTIONS": {"MAX_ENTRIES": 500},
    },
}
PAGE_SECONDS = 10  # for so long a public page may be behind
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True

# --- people -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False  # ours count, backend/urls.py and backend/accounts/services/attempts.py
ACCOUNT_ADAPTER = "backend.accounts.adapter.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = False
HEADLESS_TOKEN_STRATEGY = "backend.accounts.tokens.TokenStrategy"
HEADLESS_JWT_ALGORITHM = "HS256"  # signed with SECRET_KEY
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 300
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = int(timedelta(days=30).total_seconds())
HEADLESS_CLIENTS = ["app"]
MFA_ADAPTER = "backend.accounts.mfa.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Linli 邻里"
MFA_TOTP_TOLERANCE = 1  # half a minute early or late, as RFC 6238, 5.2 has it

# --- rooms ------------------------------------------------------------------------------------
# Where people are logged in by a cookie. Each room has its own log-in, which ends when nobody was
# there for so long; with None it ends with the browser as well.
CONSOLE_PATH, ME_PATH, SCAN_PATH = "/console/", "/me/", "/scan/"
ROOMS = {CONSOLE_PATH: None, ME_PATH: timedelta(days=90), SCAN_PATH: timedelta(hours=12)}
LOGIN_URL = LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = CONSOLE_PATH
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = CONSOLE_PATH  # the middleware writes the room's
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())  # since somebody was last there
SESSION_COOKIE_NAME = "linli_session"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Linli console"),
    "SITE_HEADER": _("Linli"),
    "SITE_SYMBOL": "diversity_3",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "href": f"{STATIC_URL}console/icon.svg"}],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": False,
    "STYLES": [f"{STATIC_URL}console/console.css"],
    "ACCOUNT": {"navigation": [{"title": _("My log-in"), "link": f"{CONSOLE_PATH}account"}]},
    "SITE_DROPDOWN": "backend.top.console.navigation.dropdown",
    "SIDEBAR": {"navigation": "backend.top.console.navigation.groups"},
}

# --- WeChat -----------------------------------------------------------------------------------
WECHAT_APP_ID = env.str("LINLI_WECHAT_APP_ID", default="")
WECHAT_SECRET = env.str("LINLI_WECHAT_SECRET", default="")
WECHAT_API_BASE = env.str("LINLI_WECHAT_API_BASE", default="https://api.weixin.qq.com")
# The pages' log-in: of the official account 公众号 in WeChat's own browser, and of the open
# platform's website app 网站应用 in any other, by a QR code. Without them it is not offered there.
WECHAT_ACCOUNT_APP_ID = env.str("LINLI_WECHAT_ACCOUNT_APP_ID", default="")
WECHAT_ACCOUNT_SECRET = env.str("LINLI_WECHAT_ACCOUNT_SECRET", default="")
WECHAT_ACCOUNT_SCOPE = env.str("LINLI_WECHAT_ACCOUNT_SCOPE", default="snsapi_base")
WECHAT_SITE_APP_ID = env.str("LINLI_WECHAT_SITE_APP_ID", default="")
WECHAT_SITE_SECRET = env.str("LINLI_WECHAT_SITE_SECRET", default="")
WECHAT_OPEN_BASE = env.str("LINLI_WECHAT_OPEN_BASE", default="https://open.weixin.qq.com")
for _name in ("ACCOUNT", "SITE"):
    if bool(vars()[f"WECHAT_{_name}_APP_ID"]) != bool(vars()[f"WECHAT_{_name}_SECRET"]):
        raise ImproperlyConfigured(
            f"LINLI_WECHAT_{_name}_APP_ID and LINLI_WECHAT_{_name}_SECRET go together."
        )
# The token of its message push, by which it tells us of events.
WECHAT_PUSH_TOKEN = env.str("LINLI_WECHAT_PUSH_TOKEN", default="")
# Where WeChat fetches the photos of reports that it is to check: our address, with https. Without
# one, no report is checked. It tells its opinion by message push.
WECHAT_CHECK_ORIGIN = env.str("LINLI_WECHAT_CHECK_ORIGIN", default="").rstrip("/")
if WECHAT_CHECK_ORIGIN and not WECHAT_PUSH_TOKEN:
    raise ImproperlyConfigured("LINLI_WECHAT_CHECK_ORIGIN needs LINLI_WECHAT_PUSH_TOKEN.")
# The templates of subscribe messages: backend/notices/channels/wechat/templates.py.
try:
    WECHAT_TEMPLATES: dict[str, Any] = dict(
        json.loads(env.str("LINLI_WECHAT_TEMPLATES", default="") or "{}")
    )
except (TypeError, ValueError):
    raise ImproperlyConfigured("LINLI_WECHAT_TEMPLATES is no JSON object.") from None
WECHAT_TIMEOUT_SECONDS = env.float("LINLI_WECHAT_TIMEOUT_SECONDS", default=5.0)
# What WeChat asks for at our root, to see that a domain is ours: by the file's name its content.
WECHAT_DOMAIN_FILES = env.dict("LINLI_WECHAT_DOMAIN_FILES", default={})
# The merchant account that pays; without all of it nothing is paid by WeChat. Keys are PEM, in one
# line with \n where a line ends.
WECHATPAY_API_BASE = env.str("LINLI_WECHATPAY_API_BASE", default="https://api.mch.weixin.qq.com")
WECHATPAY_MCH_ID = env.str("LINLI_WECHATPAY_MCH_ID", default="")
WECHATPAY_SERIAL = env.str("LINLI_WECHATPAY_SERIAL", default="")
WECHATPAY_PRIVATE_KEY = env.str("LINLI_WECHATPAY_PRIVATE_KEY", default="", multiline=True)
# WeChat Pay's own: id:PEM with commas between. We name the first; answers may be signed by any.
WECHATPAY_PUBLIC_KEYS = env.str("LINLI_WECHATPAY_PUBLIC_KEYS", default="", multiline=True)
WECHATPAY_API_V3_KEY = env.str("LINLI_WECHATPAY_API_V3_KEY", default="")
WECHATPAY_NOTIFY_URL = env.str("LINLI_WECHATPAY_NOTIFY_URL", default="")
WECHATPAY_TIMEOUT_SECONDS = 10.0
WECHATPAY_SCENE = env.str("LINLI_WECHATPAY_SCENE", default="1000")  # 现金营销
WECHATPAY_SCENE_INFO = env.dict(
    "LINLI_WECHATPAY_SCENE_INFO",
    default={"活动名称": "志愿积分兑换", "奖励说明": "商户结算"},
)
WECHATPAY_PERCEPTION = env.str("LINLI_WECHATPAY_PERCEPTION", default="现金奖励")
# Of rewards for reports; both infos are what scene 1000 asks for.
REWARD_SCENE = env.str("LINLI_REWARD_SCENE", default=WECHATPAY_SCENE)
REWARD_SCENE_INFO = env.dict(
    "LINLI_REWARD_SCENE_INFO",
    default={"活动名称": "社区报事奖励", "奖励说明": "报事办结红包"},
)
REWARD_PERCEPTION = env.str("LINLI_REWARD_PERCEPTION", default="活动奖励")
# What one transfer may be, in fen. From 2,000 yuan on WeChat wants a name, which we do not send.
WECHATPAY_LEAST_FEN = 10
WECHATPAY_MOST_FEN = min(env.int("LINLI_WECHATPAY_MOST_FEN", default=20_000), 199_999)

# --- e-mail -----------------------------------------------------------------------------------
# smtp+tls://user:password@host:587, smtp+ssl://…, smtp://… or consolemail://; without it and a
# sender, nobody is told anything by e-mail.
vars().update(env.email_url_config(env.str("LINLI_EMAIL_URL", default="") or "dummymail://"))
DEFAULT_FROM_EMAIL = env.str("LINLI_EMAIL_FROM", default="")
if bool(env.str("LINLI_EMAIL_URL", default="")) != bool(DEFAULT_FROM_EMAIL):
    raise ImproperlyConfigured("LINLI_EMAIL_URL and LINLI_EMAIL_FROM go together.")
EMAIL_TIMEOUT = 10  # seconds
# The staff's console, below which a mail links to what it is about, by the API's address of it.
CONSOLE_URL = env.str("LINLI_CONSOLE_URL", default="").rstrip("/")

# --- SMS --------------------------------------------------------------------------------------
# Tencent Cloud's; without all four nobody is told anything by SMS. The sign 签名 stands before each
# message; backend/notices/channels/sms.py tells what templates are.
SMS_SECRET_ID = env.str("LINLI_SMS_SECRET_ID", default="")
SMS_SECRET_KEY = env.str("LINLI_SMS_SECRET_KEY", default="")
SMS_APP_ID = env.str("LINLI_SMS_APP_ID", default="")
SMS_SIGN = env.str("LINLI_SMS_SIGN", default="")
if any(_sms := (SMS_SECRET_ID, SMS_SECRET_KEY, SMS_APP_ID, SMS_SIGN)) and not all(_sms):
    raise ImproperlyConfigured(
        "LINLI_SMS_SECRET_ID, LINLI_SMS_SECRET_KEY, LINLI_SMS_APP_ID, LINLI_SMS_SIGN go together."
    )
SMS_TEMPLATES: dict[str, Any] = json.loads(env.str("LINLI_SMS_TEMPLATES", default="") or "{}")
SMS_REGION = env.str("LINLI_SMS_REGION", default="ap-guangzhou")
SMS_API_BASE = env.str("LINLI_SMS_API_BASE", default="https://sms.tencentcloudapi.com")
SMS_TIMEOUT_SECONDS = 10.0

# --- the API ----------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["backend.api.authentication.AccessTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "backend.api.permissions.SecondFactorWhereDue",
    ],
    "DEFAULT_RENDERER_CLASSES": ["backend.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["backend.api.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "backend.api.renderers.Negotiation",
    "DEFAULT_SCHEMA_CLASS": "backend.api.schema.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "backend.api.paging.CursorPagination",
    "DEFAULT_VERSIONING_CLASS": None,
    "DEFAULT_METADATA_CLASS": None,  # the document describes it; a picture's view could not
    "EXCEPTION_HANDLER": "backend.api.exceptions.problem_response",
    # Requests without a log-in are throttled wherever let in, unless a view says otherwise.
    "DEFAULT_THROTTLE_CLASSES": ["backend.api.throttling.PublicThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "public": "120/minute",
        "log_in": "60/minute",
        "session": "600/minute",
    },
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Linli 邻里",
    "DESCRIPTION": "Volunteer hours and reports, points on a double-entry ledger, redemption.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # `make check` has it made; no deployment changes it
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # The validator is somebody else's website.
    # Folded: drawing every operation at once keeps a small machine busy for half a minute.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "validatorUrl": None},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "backend.api.labels.label_enums",
        "backend.api.examples.give_examples",
        "backend.api.log_in_document.add_log_in",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AccountKindEnum": "points.kinds.AccountKind",
        "AttendanceStatusEnum": "volunteers.models.Attendance.Status",
        "CardReasonEnum": "merchants.models.Card.Reason",
        "CheckKindEnum": "backend.registries.checks.Kind",
        "ClaimStatusEnum": "points.models.Claim.Status",
        "BulletinCommentStatusEnum": "volunteers.models.BulletinComment.Status",
        "CellFunctionEnum": "volunteers.models.CellMember.Function",
        "EntryKindEnum": "points.funds.selectors.EntryKind",
        "ExpiryPolicyKindEnum": "points.models.ExpiryPolicy.Kind",
        "ExportStateEnum": "backend.privacy.models.Export.State",
        "ImportKindEnum": "backend.imports.api.KINDS",
        "ImportStatusEnum": "backend.imports.models.Import.Status",
        "FindingStatusEnum": "backend.verification.models.Finding.Status",
        "GivenRoleEnum": "backend.communities.api.serializers.GIVEN_ROLES",
        "IncreaseKindEnum": "merchants.models.Increase.Kind",
        "IncreaseStatusEnum": "merchants.models.Increase.Status",
        "InspectionStatusEnum": "volunteers.models.Inspection.Status",
        "InvitationStatusEnum": "merchants.models.Invitation.Status",
        "JoinRequestStatusEnum": "volunteers.models.JoinRequest.Status",
        "ListingKindEnum": "merchants.models.Listing.Kind",
        "MediationOutcomeEnum": "volunteers.reports.api.mediations.OUTCOMES",
        "MediationStatusEnum": "volunteers.models.Mediation.Status",
        "MembershipRoleEnum": "backend.communities.models.Role",
        "MerchantRoleEnum": "merchants.models.MerchantMember.Role",
        "ObjectionStatusEnum": "volunteers.models.Objection.Status",
        "NoticeChannelEnum": "backend.notices.models.Channel",
        "OfferGroupEnum": "merchants.catalogue.api.offers.GROUPS",
        "OfferKindEnum": "merchants.models.Offer.Kind",
        "OfferedKindEnum": "merchants.catalogue.api.offers.KINDS",
        "OfferStatusEnum": "merchants.models.Offer.Status",
        "PartnershipMoveEnum": "merchants.partners.api.partnerships.MOVES",
        "PartnershipStatusEnum": "merchants.models.Partnership.Status",
        "PersonProposalStatusEnum": "backend.people.models.Proposal.Status",
        "PayoutStatusEnum": "backend.payouts.models.Payout.Status",
        "RewardStateEnum": "volunteers.reports.reward_states.RewardState",
        "PlannedStatusEnum": "backend.events.models.Status",
        "PlaceKindEnum": "backend.communities.models.Community.Kind",
        "RedemptionStatusEnum": "merchants.models.Redemption.Status",
        "ReportColourEnum": "volunteers.reports.models.categories.Colour",
        "ReportStatusEnum": "volunteers.models.Report.Status",
        "SampledSubjectEnum": "backend.sampling.api.SUBJECTS",
        "ScreenColourEnum": "merchants.redemption.api.screen.Colour",
        "StatementStatusEnum": "merchants.models.Statement.Status",
        "SubjectEnum": "points.models.Rule.Subject",
        "TeamKindEnum": "volunteers.models.Team.Kind",
        "TeamMemberStatusEnum": "volunteers.models.TeamMember.Status",
        "TermsKindEnum": "merchants.models.Terms.Kind",
        "VerificationKindEnum": "backend.verification.models.KINDS",
        "VerificationStatusEnum": "backend.verification.models.Verification.Status",
        "WaitingPlaceStatusEnum": "volunteers.models.WaitingPlace.Status",
        "WebhookDeliveryStatusEnum": "backend.webhooks.models.Delivery.Status",
        "WishStatusEnum": "merchants.models.Wish.Status",
        "VolunteerKindEnum": "volunteers.models.Volunteer.Kind",
    },
}
# A JSON body larger than this is refused with 413; a photo has its own limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
PHOTO_MAX_BYTES = 10_485_760
UPLOAD_MAX_BYTES = 20_000_000  # of the largest file: a list to import
FILE_UPLOAD_HANDLERS = [
    "backend.files.uploads.Limit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
PHOTO_WAIT_SECONDS = 5.0  # while others are decoded
# Pairs host:port that webhooks may go to whatever they are, with http too: for trying things out.
WEBHOOK_ALLOWED = env.list("LINLI_WEBHOOK_ALLOWED", default=[])
WEBHOOK_TIMEOUT_SECONDS = 10.0
# Whether anybody may send reports by Open311 without a key; those earn nothing.
OPEN311_ANONYMOUS = env.bool("LINLI_OPEN311_ANONYMOUS", default=False)
IDEMPOTENCY_KEEP = timedelta(days=7)

# --- rules of the house with a number in them -------------------------------------------------
VOUCHER_LIFETIME = timedelta(minutes=env.int("LINLI_VOUCHER_MINUTES", default=1440))
# How long before its end the volunteer is reminded of a voucher; not of one just taken.
VOUCHER_REMINDER_LEAD = timedelta(minutes=env.int("LINLI_VOUCHER_REMINDER_MINUTES", default=180))
PAY_CODE_LIFETIME = timedelta(seconds=60)
INVITATION_LIFETIME = timedelta(hours=72)
# How far ahead the occurrences of a series are made.
SERIES_AHEAD = timedelta(days=env.int("LINLI_SERIES_AHEAD_DAYS", default=62))
# How long before a fair its partners are reminded.
REMINDER_LEAD = timedelta(minutes=env.int("LINLI_REMINDER_LEAD_MINUTES", default=120))
# Within so many days each community's books are read whole; the other nights, what is new.
VERIFY_WHOLE_DAYS = env.int("LINLI_VERIFY_WHOLE_DAYS", default=7)
# How long somebody who asked to be erased can think better of it.
ERASURE_GRACE = timedelta(days=env.int("LINLI_ERASURE_GRACE_DAYS", default=15))

# --- work in the background -------------------------------------------------------------------
SWEEP_SECONDS = env.float("LINLI_SWEEP_SECONDS", default=15.0)
CELERY_BROKER_URL = env.str("REDIS_URL")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A worker of several queues takes from the first that has something.
    "queue_order_strategy": "priority",
    # Redis gives a dead worker's messages to others then; no task may take as long.
    "visibility_timeout": int(timedelta(hours=3).total_seconds()),
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = Queue.DEFAULT.value
# A worker that is not told which queues has all of them.
CELERY_TASK_QUEUES = {
    queue.value: {"exchange": queue.value, "routing_key": queue.value} for queue in Queue
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
WORKER_FINISH_SECONDS = 15.0  # for what is in hand, when a worker is told to stop
# In KiB: a process of a worker that has grown larger is replaced after its task.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400 * 1024
# Beat ticks; what is to run is in the table of backend/celery.py, and in the database.
TICK_SECONDS = min(5.0, SWEEP_SECONDS)
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "backend.clockwork.tasks.tick",
        "schedule": TICK_SECONDS,
        "options": {"expires": 30},
    }
}

# --- language, time, files --------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "backend" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"  # what is stored; people see their community's own zone
TIME_ZONE_OF_PLACES = "Asia/Shanghai"  # unless they say otherwise
# What pages load of others, as `make setup` brings it from npm; without it nobody scans by camera
# or without signal.
_PACKAGES = BASE_DIR / "backend/top/pages/node_modules"
STATICFILES_DIRS = [
    (name, _PACKAGES / path)
    for name, path in [("zxing", "zxing-wasm/dist"), ("noble", "@noble/ed25519")]
    if (_PACKAGES / path).exists()
]
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True  # the same files with and without `collectstatic`
MEDIA_ROOT = Path(env.str("LINLI_MEDIA_ROOT", default=str(HOME / "media")))
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# With a bucket, files are there instead of below MEDIA_ROOT; no address of it is ever told.
_S3 = {
    name: env.str(f"LINLI_S3_{name.upper()}", default="")
    for name in ("bucket", "endpoint", "region", "access_key", "secret_key")
}
if any(_S3.values()):
    if not (_S3["bucket"] and _S3["access_key"] and _S3["secret_key"]):
        raise ImproperlyConfigured(
            "LINLI_S3_BUCKET, LINLI_S3_ACCESS_KEY and LINLI_S3_SECRET_KEY go together."
        )
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": _S3["bucket"],
            "endpoint_url": _S3["endpoint"] or None,
            "region_name": _S3["region"] or None,
            "access_key": _S3["access_key"],
            "secret_key": _S3["secret_key"],
            "signature_version": "s3v4",
            "default_acl": None,  # the bucket's own, which is private
            "file_overwrite": False,
        },
    }

# --- what an operator sees --------------------------------------------------------------------
# Who may read /metrics; without a token nobody, and nothing is counted. A worker has a port.
METRICS_TOKEN = env.str("LINLI_METRICS_TOKEN", default="")
METRICS_PORT = env.int("LINLI_METRICS_PORT", default=0)
# A file that the backup touches when it is done.
BACKUP_MARK = Path(env.str("LINLI_BACKUP_MARK", default=str(MEDIA_ROOT / "backed-up")))
# Where errors are told to Sentry, without what tells of a person.
if SENTRY_DSN := env.str("LINLI_SENTRY_DSN", default=""):
    from backend import sentry

    sentry.watch(SENTRY_DSN)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "backend.request_id.RequestIdFilter"}},
    "formatters": {"line": {"format": logs.LINE}, "json": {"()": logs.Json}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json" if logs.is_json() else "line",
            "filters": ["request_id"],
        }
    },
    "loggers": {
        # At INFO it writes whole addresses, and WeChat's hold secrets and codes.
        "httpx": {"level": "WARNING"},
        # At DEBUG it writes whom an SMS goes to.
        "tencentcloud_sdk_common": {"level": "WARNING"},
    },
    "root": {"handlers": ["stderr"], "level": env.str("LINLI_LOG_LEVEL", default="INFO")},
}
