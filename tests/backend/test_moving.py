"""A community moves from one installation to another, with all that is its own."""

import json
import subprocess
import sys
from io import BytesIO

import pytest
from django.apps import apps
from django.conf import settings as ours
from django.core.management import call_command
from django.db import connection
from django.db.models import FileField

from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities import fence
from backend.communities.models import Community
from backend.moving import tables
from backend.moving.errors import MoveRefused
from backend.moving.sealing import PIECE, TAG, Reader, Writer
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from merchants.models import Offer
from points import verify_receipt
from points.models import Transfer
from points.seals.selectors import seals_of
from points.seals.services import sealing
from tests.backend.elsewhere import started
from tests.backend.town import live_on
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of
from volunteers.models import Attendance, ReportPhoto

KEY = "of both sides, and of nobody else"
TO = "https://points.example.org"
LOG_IN = "/_allauth/app/v1/auth"


# --- what moves -------------------------------------------------------------------------------
def models():
    every = apps.get_models(include_auto_created=True)
    return {model._meta.label: model for model in every if not model._meta.proxy}


def test_every_table_moves_goes_along_or_stays_for_a_reason():
    moving = {model._meta.label for model in tables.moving()}
    groups = (moving, set(tables.ALONG), set(tables.STAYS))

    assert set().union(*groups) == set(models())
    assert sum(map(len, groups)) == len(models())
    assert all(tables.STAYS.values())
    assert set(tables.LENT) <= moving


def test_whatever_a_row_that_moves_refers_to_is_there_as_well():
    there = {model._meta.label for model in tables.moving()} | set(tables.ALONG)
    missing = [
        f"{label}.{column} -> {referred._meta.label}"
        for label in there
        for column, referred in tables.keys_of(models()[label]).items()
        if referred._meta.label not in there
    ]

    assert missing == []


def test_whatever_is_encrypted_or_a_stored_file_is_known_as_such():
    there = [*tables.moving(), *map(tables.model_of, tables.ALONG)]
    for model in there:
        columns = tables.columns_of(model)
        encrypted = {name for name in columns if name.endswith("_encrypted")}
        assert encrypted == set(tables.encrypted_in(model)), model
    files = {model._meta.label for model in there if tables.files_in(model)}
    fields = {
        model._meta.label
        for model in there
        if any(isinstance(one, FileField) for one in model._meta.concrete_fields)
    }
    assert files == fields | {"documents.Document", "imports.Import"}


# --- the file ---------------------------------------------------------------------------------
def sealed(content, key=KEY, tmp_path=None):
    with (tmp_path / "sealed").open("w+b") as file:
        writer = Writer(file, key)
        writer.write(content)
        writer.finish()
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_file_of_any_size_is_read_as_it_was_written(size, tmp_path):
    content = bytes(range(256)) * (size // 256 + 1)
    file = sealed(content[:size], tmp_path=tmp_path)

    assert content[:64] not in file
    reader = Reader(BytesIO(file), KEY)
    assert b"".join(iter(lambda: reader.read(1_000), b"")) == content[:size]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda file: b"x" + file[1:], "file_of_another_format"),
        (lambda file: file[:20] + bytes([file[20] ^ 1]) + file[21:], "file_altered"),  # salt
        (lambda file: file[:99] + bytes([file[99] ^ 1]) + file[100:], "file_altered"),
        (lambda file: file[:-1] + bytes([file[-1] ^ 1]), "file_altered"),
        (lambda file: file[:-1], "file_altered"),
        (lambda file: file[: 34 + PIECE + TAG], "file_altered"),  # cut between two pieces
        (lambda file: file + file[-40:], "file_altered"),
        (
            lambda file: (
                file[:34]
                + file[34 + PIECE + TAG : 34 + 2 * (PIECE + TAG)]
                + file[34 : 34 + PIECE + TAG]
                + file[34 + 2 * (PIECE + TAG) :]
            ),
            "file_altered",
        ),
        (lambda file: b"", "file_of_another_format"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(damage, code, tmp_path):
    file = sealed(bytes(2 * PIECE + 100), tmp_path=tmp_path)

    with pytest.raises(MoveRefused, match=code):
        Reader(BytesIO(damage(file)), KEY).finish()


def test_another_key_and_a_short_one_are_refused(tmp_path):
    file = sealed(b"content", tmp_path=tmp_path)

    with pytest.raises(MoveRefused, match="file_altered"):
        Reader(BytesIO(file), KEY + "!")
    with pytest.raises(MoveRefused, match="key_too_short"):
        Reader(BytesIO(file), "short")


# --- from one to the other --------------------------------------------------------------------
@pytest.fixture
def lake(transactional_db, town, wechat_pay):
    """The town's lake, in which everything has happened and nothing is under way."""
    lake = live_on()
    payout = Payout.objects.get(community=lake)
    wechat_pay.finish(payout.out_bill_no)
    for _ in range(2):
        outbox.attempt("payout", is_due=False, community_id=lake.pk, pk=payout.pk)
    sealing.seal(community=lake)
    yield lake
    fence.build(leave_out=fence.moved())
    Community.objects.update(moved_at=None, moved_to="")


@pytest.fixture
def parcel(tmp_path):
    """The file of the move, and the options of both commands that name its key."""
    (tmp_path / "key").write_text(f"{KEY}\n", "utf-8")
    return tmp_path / "lake.move", ("--key-file", str(tmp_path / "key"))


# What the move itself adds, there.
ADDED = {"audit_auditentry", "points_unsealed"}


def rows_of(ask, places):
    """Return how many rows each table has of the places, and a digest of what they say."""
    found = {}
    for model in tables.moving():
        table, hidden = model._meta.db_table, set(tables.encrypted_in(model))
        said = ", ".join(f't."{one}"' for one in tables.columns_of(model) if one not in hidden)
        found[table] = ask(
            f"SELECT count(*), md5(string_agg(ROW({said})::text, '' ORDER BY t.id))"
            f' FROM "{table}" t WHERE t.community_id = ANY(%s)',
            list(places),
        )[0]
    return found


def here(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def token_of(there, username, code=None):
    """Log in elsewhere, as the mini-program or the console does. Returns the access token."""
    _, answer = there.asks("POST", f"{LOG_IN}/login", {"username": username, "password": PASSWORD})
    if code:
        session = answer["meta"]["session_token"]
        _, answer = there.asks("POST", f"{LOG_IN}/2fa/authenticate", {"code": code}, session)
    return answer["meta"]["access_token"]


@pytest.mark.plain
@pytest.mark.slow
def test_a_community_goes_on_elsewhere_as_it_was(lake, parcel, tmp_path, client, town):
    file, key = parcel
    places = Community.objects.filter(parent=lake).values_list("pk", flat=True)
    places = [lake.pk, *places]
    earned = Transfer.objects.filter(community=lake, reason="hours").earliest("pk")
    (tmp_path / "receipt.json").write_text(json.dumps(sealing.receipt(earned)), "utf-8")
    heads = [bytes(one.head).hex() for one in seals_of(lake)]
    volunteer = User.objects.get(username="volunteer")
    tea = Offer.objects.get(community=lake, title="一壶茶")
    waiting = Attendance.objects.filter(community=lake, status="checked_out").earliest("pk")
    image = ReportPhoto.objects.filter(community=lake).exclude(image="").first().image.name

    call_command("export_community", "lake", str(file), "--to", TO, *key)

    with started(LINLI_WECHAT_APP_ID=ours.WECHAT_APP_ID) as there:
        there.is_killed_within("import_community", file, *key, waiting_for="points_transfer")
        assert there.sql("SELECT count(*) FROM communities_community") == [(0,)]

        said = there.manage("import_community", file, *key)

        assert said.endswith("All of it holds.\n"), said
        ours_now, theirs = rows_of(here, [places]), rows_of(there.sql, [places])
        assert {name for name in theirs if theirs[name] != ours_now[name]} == ADDED
        assert "Nothing was found" in there.manage("verify")
        assert there.has(image) is not None
        trail = "SELECT action FROM audit_auditentry WHERE target_type = 'community' ORDER BY id"
        assert there.sql(trail)[-2:] == [("community.leave",), ("community.arrive",)]

        # A receipt of before holds against what is published there.
        token = token_of(there, "volunteer")
        _, published = there.asks("GET", "/api/v1/communities/lake/seals", None, token)
        assert [one["head"] for one in published["results"]] == heads
        (tmp_path / "heads.json").write_text(json.dumps(published), "utf-8")
        checked = subprocess.run(
            [sys.executable, verify_receipt.__file__, "receipt.json", "heads.json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stdout

        # People log in as before, earn and redeem.
        _, me = there.asks("GET", "/api/v1/me", None, token)
        assert me["id"] == str(volunteer.pk)
        phone = "SELECT phone_digest FROM accounts_user WHERE id = %s"
        assert there.sql(phone, volunteer.pk) != here(phone, volunteer.pk)
        office = token_of(there, "manager", code_of(TOTP_SECRET))
        status, told = there.asks("POST", f"/api/v1/attendances/{waiting.pk}/verify", {}, office)
        assert status in (200, 201), told
        taking = f"/api/v1/offers/{tea.pk}/vouchers"
        status, voucher = there.asks("POST", taking, {"quantity": 1}, token)
        assert status == 201, voucher
        scan = {"code": voucher["code"], "quantity": 1}
        shop = f"/api/v1/merchants/{tea.partnership.merchant_id}/scans"
        status, told = there.asks("POST", shop, scan, token_of(there, "clerk"))
        assert status == 201, told
        there.manage("seal_ledger")
        assert "Nothing was found" in there.manage("verify")

    # Here it is read, and no more written.
    headers = town.headers["volunteer"]
    assert client.get("/api/v1/me/wallets", headers=headers).status_code == 200
    refused = client.post(
        taking,
        {"quantity": 1},
        content_type="application/json",
        headers=headers | {"Idempotency-Key": "later"},
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "community_moved")
    assert AuditEntry.objects.get(community=lake, action="community.leave").after == {"to": TO}
