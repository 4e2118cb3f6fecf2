"""Settings: what they refuse, and what they promise about work in the background."""

import runpy

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


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
