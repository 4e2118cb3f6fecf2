"""django-hordak's settings, on the same server as ours."""

from backend.test_settings import DATABASES as DATABASES

INSTALLED_APPS = ["django.contrib.contenttypes", "mptt", "hordak"]
USE_TZ = True
DEFAULT_CURRENCY = HORDAK_INTERNAL_CURRENCY = "CNY"
