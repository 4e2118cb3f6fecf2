"""Bringing a community out of a file: what is refused, and who is there already.

The files are made once a run, of two small communities below one street. Tests bring them within
their own transaction, into the same installation; tests/backend/test_moving.py has another one.
"""

import os
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import WECHAT, known_by_wechat, put_on_record
from backend.audit.models import AuditEntry
from backend.communities import fence
from backend.communities.models import Community
from backend.communities.services import places
from backend.documents.models import Document
from backend.moving import tables
from backend.moving.archive import END, MANIFEST, TABLES, Packing, Unpacking, facts_in
from backend.moving.errors import MoveRefused
from backend.moving.services import closing
from backend.moving.services.closing import community_called
from backend.moving.services.exporting import export
from backend.moving.services.importing import bring
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.selectors import balance, wallet_of
from points.models import Rule, RuleVersion, Transfer
from points.rules import services as rules
from points.seals.services import sealing
from tests import cast as makers
from tests.cast import somebody
from tests.conftest import EMPTY
from tests.shared import once
from volunteers.models import Volunteer
from volunteers.people.services import people

KEY = "of both sides, and of nobody else"
TO = "https://points.example.org"
PHONE, OPENID = "19810000001", "o6_wang"
STORED, LOST = "documents/stored", "documents/lost"

pytestmark = [pytest.mark.slow, pytest.mark.plain]


@dataclass(frozen=True)
class Sent:
    """Files of two communities that moved away, which nobody knows here any more."""

    folder: Path
    street: Community
    lake: Community
    wang: User
    entry: AuditEntry  # of the lake's trail
    missing: list[str]

    @property
    def key_file(self) -> Path:
        return self.folder / "key"

    def of(self, code: str) -> Path:
        return self.folder / code

    def changed(self, change) -> Path:
        """Write the lake's file as a sender would have who had ``change`` of its parts."""
        changed = self.of(f"changed by {os.getpid()}")
        with self.of("lake").open("rb") as source, changed.open("wb") as target:
            packing = Packing(target, KEY)
            for kind, name, content in Unpacking(source, KEY).parts():
                if kind in (MANIFEST, END):
                    packing.facts(kind, change(kind, facts_in(content)))
                elif kind == TABLES:
                    packing.table(name, [change(name, b"".join(content))])
                else:
                    data = b"".join(content)
                    packing.stored(change(kind, name), len(data), BytesIO(data))
            packing.finish()
        return changed


def history(cast) -> dict[str, Any]:
    """Have something happen that moves along."""
    lake, hill, wang = (cast.object_of(one) for one in (makers.lake, makers.hill, makers.wang))
    street = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    Community.objects.filter(pk__in=[lake.pk, hill.pk]).update(parent=street)
    rules.publish(
        community=street,
        subject=Rule.Subject.HOURS,
        category="巡逻",
        parameters={"points_per_hour": 10},
        valid_from=date(2020, 1, 1),
    )
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    SocialAccount.objects.create(user=wang, provider=WECHAT, uid=OPENID)
    ledger.post(
        ledger.Movement(
            debit=ledger.account(community=lake, kind=AccountKind.ISSUANCE),
            credit=ledger.wallet(community=lake, person_id=wang.pk),
            amount=60,
            key="gift",
            reason="gift",
            source="test:gift",
        )
    )
    for name in (STORED, LOST):
        Document.objects.create(
            community=lake,
            kind="statement",
            about={},
            ending="csv",
            language="en",
            is_final=True,
            key=name,
            asked_by=wang,
            stored_as=name,
            name="statement.csv",
            finished_at=timezone.now(),
            size_bytes=2,
            sha256="0" * 64,
        )
    sealing.seal(community=lake)
    entry = AuditEntry.objects.filter(community=lake).earliest("pk")
    return {"street": street, "lake": lake, "wang": wang, "entry": entry}


@pytest.fixture(scope="session")
def sent(cast, django_db_blocker, tmp_path_factory) -> Sent:
    return once("sent", lambda: send(cast, django_db_blocker, tmp_path_factory.mktemp("sent")))


def send(cast, django_db_blocker, folder) -> Sent:
    (folder / "key").write_text(f"{KEY}\n", "utf-8")
    with django_db_blocker.unblock():
        try:
            cast.write(*makers.MAKERS)
            found = history(cast)
            default_storage.save(STORED, ContentFile(b"ok"))
            for code in ("lake", "hill"):
                file = folder / code
                exported = export(community=community_called(code), to=TO, file=file, key=KEY)
                found.setdefault("missing", exported.missing)
        finally:
            default_storage.delete(STORED)
            fence.build(leave_out=fence.moved())
            with connection.cursor() as cursor:
                cursor.execute(EMPTY)
    return Sent(folder, **found)


def execute(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def what_is_here():
    """Return how many rows each table has, and whether the lake's file is stored."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    counts = (f"SELECT '{t}', count(*) FROM {t}" for t in {one._meta.db_table for one in models})
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(counts))
        return dict(cursor.fetchall()), default_storage.exists(STORED)


def bring_in_the_same_transaction(file):
    """Bring a community where another one will be brought before anything is committed."""
    bring(file=file, key=KEY)
    execute("DISCARD TEMP")


# --- what is refused --------------------------------------------------------------------------
def lacks_a_migration(sent):
    execute("DELETE FROM django_migrations WHERE app = 'points'")


def has_its_code(sent):
    places.found(code="lake", name="别处")


def has_its_name_below_the_street(sent):
    sent.street.save(force_insert=True)
    places.found(code="other", name=sent.lake.name, parent=sent.street)


def has_another_street_of_that_code(sent):
    places.found(code="shore", name="别的街道", kind=Community.Kind.STREET)


def has_another_rule_of_the_street(sent):
    bring_in_the_same_transaction(sent.of("hill"))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE points_ruleversion SET valid_from = '2021-01-01'")
        cursor.execute("SET LOCAL session_replication_role = origin")


def has_it(sent):
    Community.objects.create(pk=sent.lake.pk, code="lake", name="碧沙湖社区")


def has_what_it_left(sent):
    has_it(sent)
    Community.objects.update(moved_at=timezone.now(), moved_to=TO)


def has_somebody_with_a_phone_who_did_something(sent):
    user = put_on_record(name="王小明", phone=PHONE)
    people.enrol(user=user, community=places.found(code="x", name="x"), kind="rider")


def has_somebody_with_a_username_and_a_password(sent):
    somebody("Wang", "王小明", "19900000000")


def has_a_row_of_its_id(sent):
    other = places.found(code="x", name="x")
    entry = {"community": other, "action": "x.y", "target_type": "x", "target_id": "x"}
    AuditEntry.objects.create(pk=sent.entry.pk, **entry)


def may_not_insert_history(sent):
    execute("CREATE ROLE mover")
    execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO mover")
    execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO mover")
    execute("SET LOCAL ROLE mover")


def is_told_of_rows_that_are_not_sent(sent):
    return sent.changed(
        lambda name, what: what[: what.index(b"\n") + 1] if name == "points.RuleVersion" else what
    )


def is_sent_no_rules(sent):
    def change(name, what):
        if name == "points.Rule":
            return b""
        if name == END:
            what["rows"]["points.Rule"] = 0
        return what

    return sent.changed(change)


def is_sent_another_amount(sent):
    at = tables.columns_of(Transfer).index("amount")

    def change(name, what):
        if name != "points.Transfer":
            return what
        row = what.rstrip(b"\n").split(b"\t")
        row[at] = b"61"
        return b"\t".join(row) + b"\n"

    return sent.changed(change)


def is_sent_a_file_that_no_row_names(sent):
    return sent.changed(lambda kind, what: "documents/other" if what == STORED else what)


def is_sent_an_altered_byte(sent):
    altered, data = sent.of(f"altered by {os.getpid()}"), bytearray(sent.of("lake").read_bytes())
    data[-1_000] ^= 1
    altered.write_bytes(data)
    return altered


REFUSED = [
    (lacks_a_migration, "another_version", "differ in their migrations"),
    (has_its_code, "code_taken", "lake is another place here"),
    (has_its_name_below_the_street, "place_taken", "lake has the name"),
    (has_another_street_of_that_code, "street_differs", "shore is another place"),
    (has_another_rule_of_the_street, "street_differs", "The points.RuleVersion .* of the street"),
    (has_it, "community_known", "lake is here already"),
    (has_what_it_left, "moved_from_here", f"lake has moved from here to {TO}"),
    (has_somebody_with_a_phone_who_did_something, "people_known", "has the phone of"),
    (has_somebody_with_a_username_and_a_password, "people_known", "has the username of"),
    (has_a_row_of_its_id, "taken_here", "audit_auditentry_pkey"),
    (may_not_insert_history, "not_granted", "GRANT SET ON PARAMETER"),
    (is_told_of_rows_that_are_not_sent, "not_as_sent", "not those that were sent"),
    (is_sent_no_rules, "keys_missing", "points_ruleversion.rule_id: 3 refer"),
    (is_sent_another_amount, "not_verified", "transfer"),
    (is_sent_a_file_that_no_row_names, "file_of_nobody", "documents/other"),
    (is_sent_an_altered_byte, "file_altered", "not as it was written"),
]


@pytest.mark.parametrize(
    ("prepared", "code", "words"), REFUSED, ids=[one.__name__ for one, *_ in REFUSED]
)
def test_an_import_is_refused_and_leaves_nothing_where_it(sent, db, prepared, code, words):
    file = prepared(sent) or sent.of("lake")
    before = what_is_here()

    with pytest.raises(MoveRefused, match=words) as refusal:
        bring(file=file, key=KEY)

    assert refusal.value.code == code
    assert what_is_here() == before


def test_an_import_with_another_key_is_refused(sent, db, tmp_path):
    (tmp_path / "key").write_text("of somebody else altogether", "utf-8")

    with pytest.raises(CommandError, match="file_altered"):
        call_command("import_community", sent.of("lake"), "--key-file", tmp_path / "key")

    assert not Community.objects.exists()


@pytest.mark.parametrize("missing", ["file", "key"])
def test_an_import_without_its_file_or_key_says_so(sent, db, tmp_path, missing):
    given = {"file": sent.of("lake"), "key": sent.key_file} | {missing: tmp_path / "none"}

    with pytest.raises(CommandError, match=f"{tmp_path / 'none'}"):
        call_command("import_community", given["file"], "--key-file", given["key"])


# --- what is brought --------------------------------------------------------------------------
def test_a_second_import_of_a_file_changes_nothing(sent, db, capsys):
    command = ("import_community", sent.of("lake"), "--key-file", sent.key_file)
    call_command(*command)
    once = what_is_here()

    call_command(*command)

    assert what_is_here() == once
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("All of it holds.")
    assert second == "lake 碧沙湖社区 was brought before; nothing was changed."
    assert sent.missing == [LOST]
    assert once[1]


def test_a_user_of_the_database_who_was_granted_it_imports(sent, db):
    may_not_insert_history(sent)
    execute("RESET ROLE")
    execute("GRANT SET ON PARAMETER session_replication_role TO mover")
    execute("SET LOCAL ROLE mover")

    assert bring(file=sent.of("lake"), key=KEY).is_new


def test_a_second_community_of_a_street_finds_the_street_and_people_that_the_first_brought(
    sent, db
):
    bring_in_the_same_transaction(sent.of("lake"))
    User.objects.filter(pk=sent.wang.pk).update(name="王大明")
    people_there, lent = User.objects.count(), RuleVersion.objects.filter(community=sent.street)

    assert bring(file=sent.of("hill"), key=KEY).is_new

    there = Community.objects.filter(parent=sent.street, moved_at=None)
    assert {place.code for place in there} == {"lake", "hill"}
    assert lent.count() == 1
    wang = User.objects.get(pk=sent.wang.pk)
    assert (User.objects.count(), wang.name) == (people_there, "王大明")
    assert Volunteer.objects.filter(user=wang, community__in=there).count() == 2
    assert SocialAccount.objects.filter(user=wang).count() == 1


# --- people who are there already -------------------------------------------------------------
@pytest.mark.parametrize(("openid", "phone"), [("o6_other", PHONE), (OPENID, "")])
def test_a_record_that_only_logged_in_is_closed_for_the_one_that_comes(sent, db, openid, phone):
    here = known_by_wechat(openid=openid)
    here.phone = phone
    here.save()

    bring(file=sent.of("lake"), key=KEY)

    here.refresh_from_db()
    wang = User.objects.get(pk=sent.wang.pk)
    assert (here.is_active, here.phone) == (False, "")
    assert (wang.is_active, wang.phone) == (True, PHONE)
    accounts = SocialAccount.objects.filter(user=wang)
    assert {account.uid for account in accounts} == {openid, OPENID}


def test_somebody_of_two_records_comes_apart_without_what_is_taken_here(sent, db):
    other = places.found(code="x", name="x")
    here = known_by_wechat(openid=OPENID)
    here.phone, here.username = PHONE, "WANG"
    here.save()
    people.enrol(user=here, community=other, kind="rider")
    command = ("import_community", sent.of("lake"), "--key-file", sent.key_file)
    with pytest.raises(CommandError) as refusal:
        call_command(*command)
    told = [
        f"{sent.wang.pk} has the {what} of {here.pk}" for what in ("WeChat", "phone", "username")
    ]
    assert all(one in str(refusal.value) for one in told)

    call_command(*command, "--apart", str(sent.wang.pk))

    here.refresh_from_db()
    wang = User.objects.get(pk=sent.wang.pk)
    assert (here.phone, here.username, here.is_active) == (PHONE, "WANG", True)
    assert (wang.phone, wang.phone_digest, wang.username) == ("", None, wang.pk.hex)
    assert SocialAccount.objects.get(uid=OPENID).user == here
    assert balance(wallet_of(sent.lake.pk, wang.pk)) == 60


def test_accounts_of_another_wechat_app_stay_behind(sent, db, settings):
    settings.WECHAT_APP_ID = "wx-other"

    bring(file=sent.of("lake"), key=KEY)

    assert not SocialAccount.objects.exists()
    assert User.objects.get(pk=sent.wang.pk).phone == PHONE


# --- at the other side ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "key", "words"),
    [("nowhere", KEY, "community_unknown"), ("lake", "short", "key_too_short")],
)
def test_a_refused_export_leaves_the_community_open_and_no_file(lake, tmp_path, code, key, words):
    (tmp_path / "key").write_text(key, "utf-8")
    file = tmp_path / "file"

    with pytest.raises(CommandError, match=words):
        call_command("export_community", code, file, "--to", TO, "--key-file", tmp_path / "key")

    assert Community.objects.get(pk=lake.pk).moved_at is None
    assert [one.name for one in tmp_path.iterdir()] == ["key"]


def test_an_export_into_a_folder_that_is_not_there_leaves_the_community_open(lake, sent, tmp_path):
    file = tmp_path / "none" / "file"

    with pytest.raises(CommandError, match="none/file"):
        call_command("export_community", "lake", file, "--to", TO, "--key-file", sent.key_file)

    assert Community.objects.get(pk=lake.pk).moved_at is None


def test_a_community_is_opened_again_by_whoever_says_that_it_was_brought_nowhere(lake):
    with pytest.raises(CommandError, match="--brought-nowhere"):
        call_command("reopen_community", "lake")
    with pytest.raises(CommandError, match="community_unknown"):
        call_command("reopen_community", "nowhere", "--brought-nowhere")


def test_no_community_moves_from_a_cluster_or_to_one(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(closing, "places_on_a_cluster", lambda _: {"points_account": "distributed"})
    (tmp_path / "lake").touch()

    for move in (
        lambda: export(community=lake, to=TO, file=tmp_path / "file", key=KEY),
        lambda: bring(file=tmp_path / "lake", key=KEY),
    ):
        with pytest.raises(MoveRefused, match="one PostgreSQL each") as refusal:
            move()
        assert refusal.value.code == "on_a_cluster"
    lake.refresh_from_db()
    assert lake.moved_at is None
    assert [file.name for file in tmp_path.iterdir()] == ["lake"]
