"""Inspections: due with a series, overdue ones told once, and again after a repair."""

from datetime import time, timedelta
from itertools import pairwise

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.events.errors import SeriesUnknown
from backend.events.recurrence import Recurrence
from backend.events.services import series as events
from backend.notices.models import Notice
from backend.notices.words import words
from volunteers.models import Inspection, Report
from volunteers.people.services import people
from volunteers.reports import errors
from volunteers.reports.services import handling, inspecting
from volunteers.reports.tasks import sweep_inspections

ITEMS = ["消火栓", "应急灯"]


@pytest.fixture
def quarterly(lake, zhao):
    """A series every three months on the 19th, of the lake or of an estate."""

    def make(place=lake, **facts):
        told = {
            "title": "消防检查",
            "recurrence": Recurrence("month", (19,), 3),
            "starts_on": lake.today,
            "from_time": time(9),
            "until_time": time(17),
        } | facts
        return events.plan(place=place, by=zhao, **told)

    return make


@pytest.fixture
def plan(lake, zhao, quarterly):
    series = quarterly()
    made = inspecting.plan(
        community=lake, by=zhao, series_id=series.pk, place="3栋", items=ITEMS, reinspect_days=5
    )
    events.make_occurrences(series=series, until=lake.today + timedelta(days=300))
    return made


@pytest.fixture
def due(plan):
    """The first inspection of the plan."""
    return plan.inspections.earliest("due_at")


# --- planning ---------------------------------------------------------------------------------
def test_one_is_due_by_the_end_of_each_occurrence(lake, plan):
    found = plan.inspections.order_by("due_at")

    ends = [one.due_at.astimezone(lake.clock) for one in found]
    assert len(ends) in (3, 4)
    assert {(end.day, end.hour) for end in ends} == {(19, 17)}
    months = [end.year * 12 + end.month for end in ends]
    assert {later - month for month, later in pairwise(months)} == {3}


def test_what_is_due_follows_its_occurrence(zhao, plan):
    first, second = plan.inspections.select_related("occurrence").order_by("due_at")[:2]
    later = first.occurrence.ends_at + timedelta(days=1)
    events.move_occurrence(
        occurrence=first.occurrence, by=zhao, starts_at=later - timedelta(hours=2), ends_at=later
    )
    events.cancel_occurrence(occurrence=second.occurrence, by=zhao, reason="装修")

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.due_at, first.status) == (later, "due")
    assert second.status == "cancelled"


def test_a_series_has_one_plan_and_is_of_the_place(lake, hill, zhao, plan, quarterly):
    again = {"by": zhao, "place": "4栋", "items": ITEMS}
    with pytest.raises(errors.InspectionPlanned):
        inspecting.plan(community=lake, series_id=plan.series_id, **again)
    estate = places.estate_named(community=lake, name="一区")
    for place in (hill, estate):
        with pytest.raises(SeriesUnknown):
            inspecting.plan(community=place, series_id=quarterly().pk, **again)


# --- making -----------------------------------------------------------------------------------
def test_one_where_all_is_well_is_done_once(due, zhao, plan):
    for _ in range(2):
        inspecting.inspect(inspection=due, by=zhao, note="良好")

    found = Inspection.objects.get(pk=due.pk)
    assert (found.status, found.inspected_by, found.note, found.report) == (
        "ok",
        zhao,
        "良好",
        None,
    )
    assert AuditEntry.objects.filter(action="inspection.make").count() == 1
    assert not Report.objects.exists()
    with pytest.raises(errors.InspectionOver):
        inspecting.inspect(inspection=due, by=zhao, problems=ITEMS[:1])
    with pytest.raises(DatabaseError), transaction.atomic():
        Inspection.objects.filter(pk=due.pk).update(status="due")


def test_a_problem_makes_a_report_which_staff_relay(lake, due, zhao):
    for _ in range(2):
        inspecting.inspect(inspection=due, by=zhao, problems=["应急灯"], note="不亮")

    report = Report.objects.get()
    found = Inspection.objects.get(pk=due.pk)
    assert (found.status, found.problems, found.report) == ("problem", ["应急灯"], report)
    assert (report.text, report.place, report.category) == ("应急灯；不亮", "3栋", "facility")
    assert (report.source, report.reporter, report.relayed_by) == ("relayed", None, zhao)


def test_a_problem_that_a_volunteer_among_the_staff_finds_is_their_own_report(lake, due, zhao):
    people.enrol(user=zhao, community=lake, kind="resident")

    inspecting.inspect(inspection=due, by=zhao, problems=["应急灯"], category="hazard")

    report = Report.objects.get()
    assert (report.source, report.reporter, report.category) == ("app", zhao, "hazard")


def test_a_problem_is_with_an_item_that_is_looked_at(due, zhao):
    with pytest.raises(errors.ItemUnknown):
        inspecting.inspect(inspection=due, by=zhao, problems=["电梯"])
    assert not Report.objects.exists()


def test_a_cancelled_one_is_not_made(due, zhao):
    events.cancel_occurrence(occurrence=due.occurrence, by=zhao, reason="装修")

    with pytest.raises(errors.InspectionOver):
        inspecting.inspect(inspection=due, by=zhao)


# --- by the clock -----------------------------------------------------------------------------
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_place_is_looked_at_again_some_days_after_the_fix_and_once(due, zhao, li, person, lake):
    found = inspecting.inspect(inspection=due, by=zhao, problems=["应急灯"])
    sweep_inspections()
    assert not Inspection.objects.filter(follows=due).exists()
    other = person("sun")
    roles.give(user=other, community=lake, role=Role.STAFF)
    Report.objects.filter(pk=found.report_id).update(status="fixed", fixed_at=timezone.now())

    for _ in range(2):
        sweep_inspections()

    again = Inspection.objects.get(follows=due)
    report = Report.objects.get()
    assert again.due_at == report.fixed_at + timedelta(days=5)
    assert (again.status, again.plan) == ("due", due.plan)


def test_a_place_whose_problem_was_unfounded_is_not_looked_at_again(lake, due, zhao):
    found = inspecting.inspect(inspection=due, by=zhao, problems=["应急灯"])
    handling.reject(report=found.report, handler=zhao, answer="正常")

    assert inspecting.plan_again(community=lake) == 0


def test_staff_are_told_of_an_overdue_one_once(lake, due, zhao, wang, person):
    late = due.due_at + timedelta(minutes=1)
    chief, elsewhere = person("chief"), person("neighbour")
    roles.give(user=chief, community=lake, role=Role.MANAGER)
    estate = places.estate_named(community=lake, name="一区")
    roles.give(user=elsewhere, community=estate, role=Role.STAFF)
    assert inspecting.tell_overdue(community=lake, now=due.due_at) == 0

    assert [inspecting.tell_overdue(community=lake, now=late) for _ in range(2)] == [1, 0]

    told = Notice.objects.filter(kind="inspection_overdue")
    assert {notice.recipient for notice in told} == {zhao, chief}
    assert words(told[0])[0] == "有一次检查已逾期"
    assert words(told[0])[1].startswith("3栋应在")


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_and_plan_once(lake, due, zhao, at_once):
    found = inspecting.inspect(inspection=due, by=zhao, problems=["应急灯"])
    Report.objects.filter(pk=found.report_id).update(status="fixed", fixed_at=timezone.now())
    late = timezone.now() + timedelta(days=400)

    at_once(3, lambda _: inspecting.plan_again(community=lake))
    counts = at_once(3, lambda _: inspecting.tell_overdue(community=lake, now=late))

    assert Inspection.objects.filter(follows=due).count() == 1
    overdue = Inspection.objects.filter(status="due").count()
    assert sum(counts) == overdue == Notice.objects.filter(kind="inspection_overdue").count()


# --- over the API -----------------------------------------------------------------------------
def test_staff_plan_and_make_them(lake, zhao, wang, quarterly, logged_in):
    desk = logged_in(zhao)
    body = {"series_id": str(quarterly().pk), "place": "3栋", "items": ITEMS}
    made = desk.post("/api/v1/communities/lake/inspection-plans", body)
    assert (made.status_code, made.json()["reinspect_days"]) == (201, 7)
    address = f"/api/v1/inspection-plans/{made.json()['id']}"
    assert desk.get(address).json() == made.json()
    one = Inspection.objects.create(
        community=lake, plan_id=made.json()["id"], occurrence=events.coming_occurrences(
            quarterly(recurrence=Recurrence("week", (1, 2, 3, 4, 5, 6, 7))))[0],
        due_at=timezone.now() - timedelta(days=1),
    )  # fmt: skip

    (overdue,) = desk.get("/api/v1/inspections?overdue=true").json()["results"]
    assert (overdue["id"], overdue["place"], overdue["items"]) == (str(one.pk), "3栋", ITEMS)
    done = desk.post(f"/api/v1/inspections/{one.pk}/outcome", {"problems": ["应急灯"]})
    assert (done.status_code, done.json()["status"]) == (200, "problem")
    assert done.json()["report_id"] == str(Report.objects.get().pk)
    assert desk.get("/api/v1/inspections?overdue=true").json()["results"] == []

    phone = logged_in(wang)
    assert phone.get(address).status_code == 404
    assert phone.get(f"/api/v1/inspections/{one.pk}").status_code == 404
    assert phone.post(f"/api/v1/inspections/{one.pk}/outcome", {}).status_code == 404
    assert phone.get("/api/v1/inspections").json()["results"] == []
    assert phone.get("/api/v1/communities/lake/inspection-plans").status_code == 404
    assert phone.post("/api/v1/communities/lake/inspection-plans", body).status_code == 404
