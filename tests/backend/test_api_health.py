"""Addresses for an operator's monitoring."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from backend import draining
from backend.api import health
from backend.celery import CLOCK


@pytest.fixture(autouse=True)
def _a_new_process():
    health.require_migrations.cache_clear()
    health.look_anew()
    yield
    health.require_migrations.cache_clear()
    health.look_anew()


def test_healthz_answers_without_any_database():
    # Not marked django_db: touching a database would be an error.
    response = Client().get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert not response.cookies


@pytest.mark.django_db
def test_readyz_is_ready_on_a_migrated_database():
    response = Client().get("/readyz")

    told = {"status": "ready", "owed": {}, "late": dict.fromkeys(CLOCK)}  # no clock has run yet
    assert (response.status_code, response.json()) == (200, told)
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz_reads_the_migrations_until_they_are_there_and_then_no_more():
    last = MigrationRecorder.Migration.objects.filter(app="api").latest("id")
    last.delete()

    response = Client().get("/readyz", headers={"Accept-Language": "en"})
    assert (response.status_code, response.json()) == (
        503,
        {
            "type": "/problems/not_ready",
            "title": "Not ready yet.",
            "status": 503,
            "code": "not_ready",
            "failed": "migrations",
        },
    )

    last.save(force_insert=True)
    assert Client().get("/readyz").status_code == 200
    health.look_anew()
    with connection.execute_wrapper(_refuse_queries):
        health.look()


def _refuse_queries(execute, sql, params, many, context):
    raise AssertionError(sql)


@pytest.mark.django_db
def test_readyz_names_a_database_that_is_gone(monkeypatch):
    assert Client().get("/readyz").status_code == 200
    health.look_anew()
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)  # nobody listens there

    response = Client().get("/readyz")

    assert (response.status_code, response.json()["failed"]) == (503, "database")
    assert response["Content-Type"] == "application/problem+json"


def test_who_was_told_to_end_is_not_ready_and_answers_what_else_is_asked(monkeypatch):
    monkeypatch.setattr(draining, "_shared", bytearray(1))
    draining.begin()

    assert Client().get("/readyz").json()["failed"] == "draining"
    assert Client().get("/healthz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_by_a_number_and_others_may_not(path):
    assert Client().get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert Client().get("/api/v1/labels", headers={"Host": "10.1.2.3:8000"}).status_code == 400
