"""Settings: what they refuse, and what they promise about work in the background."""

import runpy

import pytest
from celery.exceptions import Retry
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from backend.celery import app


@pytest.mark.parametrize("secret", ["LINLI_FIELD_KEYS", "LINLI_PHONE_INDEX_KEY"])
def test_an_empty_secret_is_no_secret(monkeypatch, secret):
    monkeypatch.setenv(secret, "")

    with pytest.raises(ImproperlyConfigured, match=secret):
        runpy.run_path(str(settings.BASE_DIR / "backend" / "settings.py"))


def test_sweeps_that_nobody_ran_do_not_pile_up():
    sweeps = {
        name: part
        for name, part in settings.CELERY_BEAT_SCHEDULE.items()
        if ".sweep_" in part["task"]
    }

    often = {name for name, part in sweeps.items() if isinstance(part["schedule"], float)}
    assert often == {
        "backend.outbox.tasks.sweep_outbox",
        "merchants.redemption.tasks.sweep_expired_vouchers",
        "volunteers.attendance.tasks.sweep_ended_shifts",
        "volunteers.attendance.tasks.sweep_signals",
        "volunteers.attendance.tasks.sweep_published_hours",
        "points.seals.tasks.sweep_unsealed",
        "points.funds.tasks.sweep_waiting_claims",
        "merchants.giving.tasks.sweep_lapsed_wishes",
    }
    assert {sweeps[name]["options"]["expires"] for name in often} == {60}


@pytest.mark.parametrize("name", settings.CELERY_BEAT_SCHEDULE)
def test_what_finds_the_database_restarting_is_tried_again(name, django_db_blocker, monkeypatch):
    app.loader.import_default_modules()
    task, tried_again = app.tasks[name], []
    monkeypatch.setattr(task, "retry", lambda **how: tried_again.append(how) or Retry())
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    with django_db_blocker.unblock():
        connection.close()
        with pytest.raises(Retry):
            task()

    (how,) = tried_again
    assert isinstance(how["exc"], OperationalError)
