"""Exact coordinates are forgotten after 30 days; the report and its outcome stay."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from volunteers.models import Report
from volunteers.reports.services import handling, reading, submitting
from volunteers.reports.tasks import forget_old_coordinates

FACTS = {"category": "hazard", "text": "井盖松动", "latitude": 28.2, "longitude": 112.9}


@pytest.fixture
def closed(lake, wang, zhao):
    report = submitting.submit(community=lake, reporter=wang, place="西门", **FACTS)
    return handling.close(report=report, handler=zhao, answer="已修好")[0]


def where(report):
    return Report.objects.values_list("latitude", "longitude").get(pk=report.pk)


@pytest.mark.parametrize(("days", "kept"), [(30, True), (31, False)])
def test_they_are_kept_for_thirty_days(lake, wang, closed, days, kept):
    still_open = submitting.submit(community=lake, reporter=wang, **FACTS)
    later = timezone.now() + timedelta(days=days) - timedelta(minutes=1)

    dropped = [reading.drop_old_coordinates(now=later) for _ in range(2)]

    assert dropped == ([0, 0] if kept else [1, 0])
    assert where(closed) == ((28.2, 112.9) if kept else (None, None))
    assert where(still_open) == (28.2, 112.9)
    outcome = Report.objects.get(pk=closed.pk)
    assert (outcome.status, outcome.answer, outcome.place) == ("closed", "已修好", "西门")


def test_the_task_reads_the_clock(closed):
    forget_old_coordinates()

    assert where(closed) == (28.2, 112.9)


@pytest.mark.parametrize(
    "change",
    [
        {"latitude": 1.0},
        {"text": "别的"},
        {"place": "东门"},
        {"colour": "blue"},
        {"answer": "别的"},
        {"status": "rejected"},
        {"latitude": None, "answer": "别的"},
    ],
    ids=str,
)
def test_of_a_closed_report_nothing_else_changes(closed, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        Report.objects.filter(pk=closed.pk).update(**change)


def test_of_a_closed_report_what_is_personal_may_be_taken_away(closed):
    Report.objects.filter(pk=closed.pk).update(text="", place="", answers={}, answer="")
    with pytest.raises(DatabaseError), transaction.atomic():
        closed.delete()
