"""How the installation is, as its operators are told."""

import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.utils import timezone

from backend.accounts.models import User
from backend.api import health
from backend.celery import CLOCK
from backend.clockwork.models import Run
from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices.models import Notice
from backend.operating import status
from tests.backend.walks import send

ADDRESS = "/api/v1/operator"


@pytest.fixture
def operator(person, logged_in):
    user = person("root", "陈运维")
    user.is_superuser = True
    user.save(update_fields=["is_superuser"])
    return logged_in(user)


@pytest.fixture
def media(settings, tmp_path):
    """A folder for media with the mark of a backup in it."""
    settings.BACKUP_MARK = tmp_path / "backed-up"
    return tmp_path


def test_only_operators_are_told(operator, logged_in, lake, person, client):
    manager = person("zhao", "赵书记")
    roles.give(user=manager, community=lake, role=Role.MANAGER)

    assert operator.get(ADDRESS).status_code == 200
    assert logged_in(manager).get(ADDRESS).status_code == 404
    assert client.get(ADDRESS).status_code == 401


def test_what_runs_is_told_with_its_version(operator):
    told = operator.get(ADDRESS).json()

    assert told["failed_check"] == ""
    assert told["migrations_to_make"] == []
    assert told["replica"] is None
    versions = told["versions"]
    assert versions["linli"] == "0.1.0"
    assert versions["postgresql"].split(".")[0] == str(connection.pg_version // 10_000)
    for name in ("python", "django", "redis"):
        assert re.match(r"\d+\.\d+", versions[name]), name


def test_works_are_told_late_ones_first(operator):
    late, in_time = list(CLOCK)[3:5]
    now = timezone.now()
    for name, work in CLOCK.items():
        slot = now - timedelta(days=40) if name == late else work.when.last(now)
        Run.objects.create(work=name, slot=slot, started_at=slot, finished_at=slot)

    first, *others = operator.get(ADDRESS).json()["works"]

    assert (first["name"], first["is_late"]) == (late, True)
    assert datetime.fromisoformat(first["late_since"]) < now - timedelta(days=30)
    assert {work["name"] for work in others} == CLOCK.keys() - {late}
    (told,) = [work for work in others if work["name"] == in_time]
    assert not told["is_late"]
    assert told["late_since"] is None
    assert (told["owner"], told["schedule"]) == (CLOCK[in_time].owner, str(CLOCK[in_time].when))


def test_what_is_owed_is_told_by_kind(operator, lake, wang):
    since = timezone.now() - timedelta(hours=3)
    Notice.objects.create(
        community=lake, recipient=wang, kind="shift_reminder", next_at=since, due_at=since
    )

    owed = {one["kind"]: one for one in operator.get(ADDRESS).json()["owed"]}

    assert owed["notice"]["owed"] == 1
    assert owed["payout"] == {"kind": "payout", "owed": 0, "oldest_at": None, "given_up": 0}


def test_a_backup_is_as_old_as_its_mark(operator, media, settings):
    assert operator.get(ADDRESS).json()["backed_up_at"] is None

    settings.BACKUP_MARK.touch()
    os.utime(settings.BACKUP_MARK, (1_700_000_000, 1_700_000_000))

    moment = datetime.fromtimestamp(1_700_000_000, UTC)
    assert datetime.fromisoformat(operator.get(ADDRESS).json()["backed_up_at"]) == moment


def test_the_disk_of_the_media_is_told_where_they_are_on_one(operator, media, monkeypatch):
    assert operator.get(ADDRESS).json()["disk"] is None  # in memory, as in a bucket

    monkeypatch.setattr(default_storage, "_wrapped", FileSystemStorage(media))
    disk = operator.get(ADDRESS).json()["disk"]
    assert 0 < disk["free_bytes"] <= disk["total_bytes"]

    monkeypatch.setattr(default_storage, "_wrapped", FileSystemStorage(media / "none"))
    assert status.disk_of_media() is None


def test_a_check_that_fails_is_named(operator, monkeypatch):
    health.look_anew()
    monkeypatch.setattr("backend.draining.is_begun", lambda: True)
    assert operator.get(ADDRESS).json()["failed_check"] == "draining"


@pytest.mark.slow
def test_nothing_of_it_is_about_a_person(town):
    User.objects.update(name="甲乙丙")
    answer = send("GET", ADDRESS, None, town.headers["operator"])

    assert answer.status_code == 200
    told = answer.content.decode()
    for user in User.objects.all():
        known = (user.name, user.phone, str(user.pk))
        assert not [word for word in known if word and word in told], user.username
    assert "lake" not in told
