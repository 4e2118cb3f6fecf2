"""Defences against an attacker, a browser or a careless operator."""

import json
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.accounts.models import Attempts, User
from backend.accounts.services import people, sessions
from backend.api import checks
from backend.api.log_in import BODY_BYTES
from backend.api.parsers import MAX_DEPTH
from backend.api.throttling import LogInThrottle, PublicThrottle
from backend.audit.models import OwnAct
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.files import decoding
from backend.top.scenarios import demo
from merchants.partners.services import partnerships as partners
from tests.backend.test_compose import SERVICES, filled_in
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of
from volunteers.models import Volunteer
from volunteers.people.services import people as volunteers

LOG_IN = "/_allauth/app/v1"


# --- what browsers are told -------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/c/lake/",
        "/healthz",
        "/nowhere",
        "/static/pages/pages.css",
        "/api/v1/docs",
        "/api/v1/docs?script=",
        "/api/v1/communities",
        "/api/v1/me",
        f"{LOG_IN}/config",
        "/%00",
    ],
)
def test_every_answer_tells_the_browser_to_be_strict(lake, path):
    answer = Client().get(path)

    assert set(answer["Content-Security-Policy"].split("; ")) == {
        *("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"),
        *("script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'"),
        "img-src 'self' data:",
    }
    assert "geolocation=()" in answer["Permissions-Policy"]
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/c/lake/", "/api/v1/docs"])
def test_a_page_has_nothing_inline_that_its_policy_would_block(lake, path):
    page = Client().get(path).content.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)


def test_what_the_api_tells_is_kept_by_nobody_on_the_way(lake, wang, logged_in):
    answers = [
        logged_in(wang).get("/api/v1/me"),
        APIClient().get("/api/v1/me"),
        APIClient().post(f"{LOG_IN}/auth/login", {"username": "x", "password": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 400]
    assert all("no-store" in answer["Cache-Control"] for answer in answers)
    assert "Cache-Control" not in Client().get("/")


ELSEWHERE = "https://console.example.org"


@pytest.mark.parametrize("path", ["/api/v1/me", f"{LOG_IN}/auth/login"])
@pytest.mark.parametrize(
    ("listed", "allowed"),
    [([], False), ([ELSEWHERE], True), ([f"{ELSEWHERE}:8443"], False), (["https://x.org"], False)],
)
def test_a_page_of_another_origin_calls_the_api_if_it_is_listed(
    db, settings, path, listed, allowed
):
    settings.CORS_ALLOWED_ORIGINS = listed
    page = APIClient(HTTP_ORIGIN=ELSEWHERE)
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }

    preflight, call = page.options(path, headers=asked), page.post(path, {})

    told = [answer.get("Access-Control-Allow-Origin") for answer in (preflight, call)]
    assert told == [ELSEWHERE if allowed else None] * 2
    assert "Access-Control-Allow-Credentials" not in preflight
    if allowed:
        headers = preflight["Access-Control-Allow-Headers"].split(", ")
        assert {"authorization", "idempotency-key", "x-session-token"} <= set(headers)
        assert "POST" in preflight["Access-Control-Allow-Methods"]


def test_our_pages_are_read_by_no_other_origin(lake, settings):
    settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]

    for path in ("/", "/c/lake/", "/healthz"):
        assert "Access-Control-Allow-Origin" not in Client(HTTP_ORIGIN=ELSEWHERE).get(path)


# --- what operators are told ------------------------------------------------------------------
@pytest.mark.slow
def test_the_production_settings_pass_djangos_own_examination():
    """`manage.py check --deploy`, in the environment of docker-compose.yml's web."""
    strong = {
        "POSTGRES_PASSWORD": "one",
        "REDIS_PASSWORD": "two",
        "LINLI_SECRET_KEY": secrets.token_urlsafe(50),
        "LINLI_FIELD_KEYS": Fernet.generate_key().decode(),
        "LINLI_PHONE_INDEX_KEY": secrets.token_urlsafe(50),
        "LINLI_ALLOWED_HOSTS": "points.example.org",
        "LINLI_WECHAT_APP_ID": "wx0",
        "LINLI_WECHAT_SECRET": "six",
    }
    inside = SERVICES["web"]["environment"]
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level=WARNING"],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"]}
        | {name: filled_in(value, strong) for name, value in inside.items()},
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr


RANDOM = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    ("setting", "value", "found"),
    [
        ("FIELD_KEYS", [RANDOM], []),
        ("FIELD_KEYS", [RANDOM, "too short"], ["linli.E001"]),
        ("FIELD_KEYS", [RANDOM, "A" * 43 + "="], ["linli.W002"]),
        ("PHONE_INDEX_KEY", "p" * 31, ["linli.W003"]),
        ("PHONE_INDEX_KEY", "s" * 50, ["linli.W004"]),
        ("ALLOWED_HOSTS", ["*"], ["linli.W005"]),
        ("CORS_ALLOWED_ORIGINS", ["https://*.example.org"], ["linli.W006"]),
        ("CORS_ALLOWED_ORIGINS", ["null"], ["linli.W006"]),
    ],
)
def test_settings_that_protect_nobody_are_named(settings, setting, value, found):
    settings.SECRET_KEY, settings.PHONE_INDEX_KEY = "s" * 50, "p" * 32
    settings.FIELD_KEYS, settings.ALLOWED_HOSTS = [RANDOM], ["points.example.org"]
    setattr(settings, setting, value)

    messages = checks.check_field_keys(None) + checks.check_strength(None)

    assert [message.id for message in messages] == found


# --- bodies that are too much -----------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/v1/me/log-out-everywhere", f"{LOG_IN}/auth/login", "/"])
def test_a_body_of_unknown_length_is_refused(lake, wang, logged_in, path):
    caller = logged_in(wang)

    answer = caller.generic("POST", path, HTTP_TRANSFER_ENCODING="chunked")

    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert caller.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        {f"field{number}": "x" for number in range(1001)},
        {f"file{number}": SimpleUploadedFile("x", b"x") for number in range(101)},
    ],
    ids=["fields", "files"],
)
def test_a_form_of_too_many_parts_is_refused(lake, wang, logged_in, more):
    form = {"category": "hazard", "text": "x", **more}

    answer = logged_in(wang).post("/api/v1/communities/lake/reports", form, format="multipart")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_the_readme_tells_the_limits_that_hold(settings):
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (told,) = re.findall(r"What is too much is refused: (.*?)\n## ", readme, re.DOTALL)
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]

    for limit in (
        f"JSON body beyond {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MiB",
        f"photo beyond {settings.PHOTO_MAX_BYTES // 2**20} MiB",
        f"deeper than {MAX_DEPTH}",
        f"more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} fields",
        f"or {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files",
        f"may ask {rates['public']}",
        f"log in {rates['log_in']}",
        f"sessions {rates['session']}",
        f"to log in: {BODY_BYTES // 1024} KiB",
        f"{decoding.JPEG_PIXELS // 1_000_000} megapixels of a JPEG",
        f"{decoding.WHOLE_PIXELS // 1_000_000} of a PNG",
        f"{decoding.WEBP_PIXELS // 1_000_000} of a WebP",
    ):
        assert limit in " ".join(told.split())


# --- who asks too often, and Redis away -------------------------------------------------------
@pytest.fixture
def no_redis(settings):
    """A Redis address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    away = settings.CACHES["default"] | {"LOCATION": f"redis://:hidden@127.0.0.1:{port}/0"}
    settings.CACHES = {"default": away}


def log_in_with_wechat():
    return APIClient().post(f"{LOG_IN}/auth/wechat", {"code": "made-up"}, format="json")


def test_one_address_logs_in_with_wechat_sixty_times_a_minute(db, wechat, monkeypatch):
    assert LogInThrottle().rate == "60/minute"
    monkeypatch.setattr(LogInThrottle, "rate", "1/minute", raising=False)

    first, second = log_in_with_wechat(), log_in_with_wechat()

    assert (first.status_code, second.status_code) == (400, 429)
    assert second.json()["code"] == "throttled"
    assert 0 < int(second["Retry-After"]) <= 60
    assert len(wechat.journal) == 1


def test_without_redis_nobody_is_refused_and_the_log_has_a_line_for_it(
    lake, wechat, monkeypatch, caplog, no_redis
):
    for throttle in (PublicThrottle, LogInThrottle):
        monkeypatch.setattr(throttle, "rate", "1/minute", raising=False)

    answers = [APIClient().get("/api/v1/communities") for _ in range(2)]
    lines = [one for one in caplog.records if one.name.startswith("django_redis")]
    answers += [log_in_with_wechat() for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert len(lines) == 2
    assert {(line.levelno, line.exc_info) for line in lines} == {(logging.WARNING, None)}
    assert "hidden" not in caplog.text


# --- codes, log-ins, the demo's people --------------------------------------------------------
def test_a_used_code_is_remembered_for_as_long_as_it_would_be_taken(lake, person):
    qian = person("qian")
    roles.give(user=qian, community=lake, role=Role.MANAGER)
    mfa.hand_out(user=qian, secret=TOTP_SECRET)
    first = APIClient().post(
        f"{LOG_IN}/auth/login", {"username": "qian", "password": PASSWORD}, format="json"
    )

    APIClient(HTTP_X_SESSION_TOKEN=first.json()["meta"]["session_token"]).post(
        f"{LOG_IN}/auth/2fa/authenticate", {"code": code_of(TOTP_SECRET)}, format="json"
    )

    (used,) = Attempts.objects.filter(scope="used_code")
    assert timedelta(seconds=60) < used.forgotten_at - timezone.now() <= timedelta(seconds=90)


def test_logging_out_everywhere_is_written_down(wang):
    sessions.end_all(user=wang)

    entry = OwnAct.objects.get(action="person.log_out_everywhere")
    assert (entry.actor_id, entry.target_id) == (wang.pk, str(wang.pk))


def test_where_the_demos_log_ins_are_lost_its_people_get_new_ones(db, tmp_path):
    community = places.found(code=demo.CODE, name="碧沙湖社区")
    partners.sign_contract(
        community=community, name="餐饮合伙人01", trade="餐饮", fen_per_point=10, is_donated=False
    )
    rider = people.put_on_record(name="志愿者003", phone="19900000003")
    volunteers.enrol(user=rider, community=community, kind=Volunteer.Kind.RIDER)

    def load():
        demo.load(home=tmp_path, tell=str, watch=iter)
        kept = json.loads((tmp_path / "demo.json").read_text())
        return kept["password"], {user["username"]: user for user in kept["users"]}

    def authenticator():
        return mfa.vault.decrypt(Authenticator.objects.get(user=manager).data["secret"])

    first = load()
    assert load() == first
    (tmp_path / "demo.json").unlink()
    password, cast = load()

    manager = User.objects.get(username="manager")
    assert manager.check_password(password)
    assert password != first[0]
    assert cast["manager"]["totp_secret"] == authenticator() != first[1]["manager"]["totp_secret"]
