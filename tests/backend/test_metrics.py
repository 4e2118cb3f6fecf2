"""What Prometheus is told, by web and of the database, and who may ask."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families as parsed

from backend import metrics
from backend.clockwork.models import Run
from backend.notices.models import Notice
from points.seals.services import sealing

TOKEN = "only-for-prometheus"


@pytest.fixture
def told(settings):
    """``told("linli_owed", kind="notice")``: the value of a sample, as Prometheus reads it now."""
    settings.METRICS_TOKEN = TOKEN

    def look(name, **labels):
        answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        found = [
            sample.value
            for family in parsed(answer.content.decode())
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None

    return look


@pytest.mark.parametrize(
    ("ours", "sent"),
    [("", "Bearer "), ("", ""), (TOKEN, ""), (TOKEN, "Bearer other"), (TOKEN, f"Basic {TOKEN}")],
)
def test_without_the_token_there_is_no_such_address(settings, ours, sent):
    settings.METRICS_TOKEN = ours

    answer = Client().get("/metrics", headers={"Authorization": sent})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.django_db
def test_requests_are_counted_by_their_route_and_refusals_by_their_code(told):
    route = "api/v1/communities/<str:code>/outbox"
    labels = {"method": "GET", "route": route, "status": "401"}
    before = told("linli_requests_total", **labels) or 0
    refused = told("linli_refusals_total", code="not_authenticated") or 0

    Client().get("/api/v1/communities/bishahu/outbox")

    assert told("linli_requests_total", **labels) == before + 1
    assert told("linli_request_seconds_count", route=route) >= 1
    assert told("linli_refusals_total", code="not_authenticated") == refused + 1


@pytest.mark.django_db
def test_what_clients_make_up_makes_no_metric_of_its_own(told):
    Client().generic("BREW", "/there/is/nothing")

    assert told("linli_requests_total", method="-", route="-", status="404") >= 1


@pytest.mark.django_db
def test_what_is_owed_is_told_by_its_kind(told, lake, wang):
    due_at = timezone.now() - timedelta(minutes=3)
    some = [
        Notice(community=lake, key=str(n), recipient=wang, kind="shift_reminder", due_at=due_at)
        for n in range(2)
    ]
    some[1].next_at, some[1].given_up_at = None, timezone.now()
    Notice.objects.bulk_create(some)

    assert told("linli_owed", kind="notice") == 1
    assert 180 <= told("linli_owed_oldest_seconds", kind="notice") < 240
    assert 0 < told("linli_owed_late_seconds", kind="notice") < 60  # tried next when it was made
    assert told("linli_given_up", kind="notice") == 1
    assert told("linli_owed_oldest_seconds", kind="webhook") == 0
    assert told("linli_database_up") == 1


@pytest.mark.django_db
def test_how_late_periodic_work_is_is_told(told):
    yesterday = timezone.now() - timedelta(days=1)
    Run.objects.create(work="sweep_outbox", slot=yesterday, finished_at=yesterday)
    Run.objects.create(work="sweep_signals", slot=timezone.now(), finished_at=timezone.now())

    assert told("linli_work_late_seconds", work="sweep_outbox") > 86_000
    assert told("linli_work_late_seconds", work="sweep_signals") == 0


@pytest.mark.django_db
def test_what_waits_for_its_seal_is_told(told, lake, wang, grant_points):
    grant_points(wang, 40)
    assert told("linli_unsealed_oldest_seconds") > 0

    sealing.seal(community=lake)

    assert told("linli_unsealed_oldest_seconds") == 0


@pytest.mark.plain  # nobody can have a worker tell its statistics at once
@pytest.mark.django_db(transaction=True)
def test_transfers_are_counted_when_they_are_posted(told, wang, grant_points):
    def posted():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
        return told("linli_transfers_total")

    before = posted()

    grant_points(wang, 40)

    assert posted() == before + 1


@pytest.mark.django_db
def test_without_its_tables_the_rest_is_told_all_the_same(told, monkeypatch):
    def broken():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    told("linli_database_up")
    monkeypatch.setattr(metrics, "_registered", [broken])

    assert told("linli_database_up") == 0
    assert told("linli_requests_total", method="-", route="-", status="404") != 0
