"""Settings: what they refuse, and what they promise about work in the background."""

import re
import runpy

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@pytest.mark.parametrize("secret", ["LINLI_FIELD_KEYS", "LINLI_PHONE_INDEX_KEY"])
def test_an_empty_secret_is_no_secret(monkeypatch, secret):
    monkeypatch.setenv(secret, "")

    with pytest.raises(ImproperlyConfigured, match=secret):
        runpy.run_path(str(settings.BASE_DIR / "backend" / "settings.py"))


S3 = {"LINLI_S3_BUCKET": "linli", "LINLI_S3_ACCESS_KEY": "id", "LINLI_S3_SECRET_KEY": "key"}
CHECK = {
    "LINLI_WECHAT_CHECK_ORIGIN": "https://linli.example.cn/",
    "LINLI_WECHAT_PUSH_TOKEN": "token",
}
MAIL = {"LINLI_EMAIL_URL": "smtp+tls://u:p@mail.example.cn:587", "LINLI_EMAIL_FROM": "l@example.cn"}
SMS = {
    "LINLI_SMS_SECRET_ID": "id",
    "LINLI_SMS_SECRET_KEY": "key",
    "LINLI_SMS_APP_ID": "1400006666",
    "LINLI_SMS_SIGN": "邻里",
}


def read(monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(settings.BASE_DIR / "backend" / "settings.py"))


@pytest.mark.parametrize(
    ("whole", "needed"),
    [(S3, [*S3]), (CHECK, ["LINLI_WECHAT_PUSH_TOKEN"]), (MAIL, [*MAIL]), (SMS, [*SMS])],
    ids=["s3", "check", "mail", "sms"],
)
def test_what_is_configured_by_half_is_refused(monkeypatch, whole, needed):
    for missing in needed:
        half = {name: value for name, value in whole.items() if name != missing}
        with monkeypatch.context() as here, pytest.raises(ImproperlyConfigured, match=missing):
            read(here, **half)


def test_a_replica_is_a_second_database_that_nobody_waits_for_and_none_is_the_default(monkeypatch):
    replica_url = "postgresql://linli:secret@standby:5432/linli?sslmode=require"
    alone = read(monkeypatch, DATABASE_REPLICA_URL="", LINLI_DB_POOL="8")
    both = read(monkeypatch, DATABASE_REPLICA_URL=replica_url, LINLI_REPLICA_MAX_LAG_SECONDS="3")

    assert alone["DATABASES"].keys() == {"default"}
    assert "DATABASE_ROUTERS" not in alone
    assert both["DATABASES"].keys() == {"default", "replica"}
    assert both["DATABASE_ROUTERS"] == ["backend.routing.Router"]
    assert both["REPLICA_MAX_LAG_SECONDS"] == 3
    replica = both["DATABASES"]["replica"]
    assert (replica["HOST"], replica["NAME"]) == ("standby", "linli")
    assert replica["OPTIONS"].items() >= {"sslmode": "require", "connect_timeout": 2}.items()
    # Its connections are a thread's own: the pool would wait for a server that is not there.
    assert "pool" in both["DATABASES"]["default"]["OPTIONS"]
    assert "pool" not in replica["OPTIONS"]


def test_files_are_on_disk_or_in_a_bucket(monkeypatch):
    on_disk = read(monkeypatch)["STORAGES"]["default"]
    in_bucket = read(monkeypatch, LINLI_S3_ENDPOINT="https://oss.example.cn", **S3)["STORAGES"]

    assert on_disk == {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    assert in_bucket["default"]["BACKEND"] == "storages.backends.s3.S3Storage"
    options = in_bucket["default"]["OPTIONS"]
    assert (options["bucket_name"], options["access_key"]) == ("linli", "id")
    assert (options["endpoint_url"], options["region_name"]) == ("https://oss.example.cn", None)
    assert (options["default_acl"], options["file_overwrite"]) == (None, False)


def test_mails_are_handed_to_the_server_that_the_address_names(monkeypatch):
    found = read(monkeypatch, **MAIL)

    assert found["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.cn", 587)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("u", "p")
    assert (found["EMAIL_USE_TLS"], found["DEFAULT_FROM_EMAIL"]) == (True, "l@example.cn")


def test_the_check_is_of_our_address_without_a_slash(monkeypatch):
    assert read(monkeypatch, **CHECK)["WECHAT_CHECK_ORIGIN"] == "https://linli.example.cn"


@pytest.mark.parametrize("text", ["{", "7", '"shift"', "[1]", "null"])
def test_templates_that_are_no_json_object_are_refused(monkeypatch, text):
    with pytest.raises(ImproperlyConfigured, match="LINLI_WECHAT_TEMPLATES"):
        read(monkeypatch, LINLI_WECHAT_TEMPLATES=text)


def test_what_is_empty_is_not_set(monkeypatch):
    text = (settings.BASE_DIR / "docker-compose.yml").read_text()
    empty = dict.fromkeys(re.findall(r"\$\{(LINLI_\w+):-\}", text), "")

    unset, found = read(monkeypatch), read(monkeypatch, **empty)

    assert {"LINLI_WECHAT_TEMPLATES", "LINLI_EMAIL_URL", "LINLI_S3_BUCKET"} < empty.keys()
    for name, value in unset.items():
        if name.isupper() and isinstance(value, str | int | float | list | dict):
            assert found[name] == value, name
